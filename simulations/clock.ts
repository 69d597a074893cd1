import type { Clock } from '../protocols/ports.ts'

interface Event {
  readonly at: number
  /** Events of the same moment happen in the order in which they were planned. */
  readonly order: number
  readonly run: () => void
}

/** Virtual time: it jumps from one planned event to the next. */
export class VirtualClock implements Clock {
  /** A binary heap; the next event comes first. */
  readonly #heap: Event[] = []
  #now = 0
  #order = 0

  now(): number {
    return this.#now
  }

  /** Plans something for `ms` milliseconds from now. */
  after(ms: number, run: () => void): void {
    this.#push({ at: this.#now + Math.max(0, ms), order: this.#order++, run })
  }

  /**
   * Lets time pass until nothing is planned, the moment `untilMs` is reached, or `ended` holds.
   * @returns how many events happened
   */
  run(untilMs: number, ended: () => boolean = () => false): number {
    let events = 0
    while (this.#heap.length > 0 && this.#heap[0]!.at <= untilMs && !ended()) {
      const event = this.#pop()
      this.#now = event.at
      event.run()
      events++
    }
    return events
  }

  #push(event: Event): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(event, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = event
  }

  #pop(): Event {
    const heap = this.#heap
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return first
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

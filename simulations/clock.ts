import type { Clock } from '../protocols/ports.ts'

/** Virtual time: it jumps from one planned event to the next. */
export class VirtualClock implements Clock {
  // A binary heap in columns, the next event first; columns, since a heap of objects costs a look into memory each step.
  #at = new Float64Array(1024)
  /** Events of the same moment happen in the order in which they were planned. */
  #order = new Float64Array(1024)
  readonly #run: (() => void)[] = []
  #now = 0
  #planned = 0

  now(): number {
    return this.#now
  }

  /** Plans something for `ms` milliseconds from now. */
  after(ms: number, run: () => void): void {
    const count = this.#run.length
    if (count === this.#at.length) {
      this.#at = doubled(this.#at)
      this.#order = doubled(this.#order)
    }
    this.#run.push(run)
    this.#up(count, this.#now + Math.max(0, ms), this.#planned++, run)
  }

  /**
   * Lets time pass until nothing is planned, the moment `untilMs` is reached, or `ended` holds.
   * @returns how many events happened
   */
  run(untilMs: number, ended: () => boolean = () => false): number {
    let events = 0
    while (this.#run.length > 0 && this.#at[0]! <= untilMs && !ended()) {
      this.#now = this.#at[0]!
      this.#pop()()
      events++
    }
    return events
  }

  /** Puts an event into the heap at a hole, or above it. */
  #up(hole: number, atMs: number, order: number, run: () => void): void {
    const at = this.#at
    let here = hole
    while (here > 0) {
      const parent = (here - 1) >> 1
      if (at[parent]! < atMs || (at[parent] === atMs && this.#order[parent]! < order)) break
      this.#move(parent, here)
      here = parent
    }
    at[here] = atMs
    this.#order[here] = order
    this.#run[here] = run
  }

  #pop(): () => void {
    const first = this.#run[0]!
    const at = this.#at
    const order = this.#order
    const last = this.#run.length - 1
    // The hole goes all the way down, then what was last comes up to its place: it seldom rises far.
    let hole = 0
    for (let child = 1; child < last; child = 2 * hole + 1) {
      const other = child + 1
      if (other < last && (at[other]! < at[child]! || (at[other] === at[child] && order[other]! < order[child]!))) {
        child = other
      }
      this.#move(child, hole)
      hole = child
    }
    const run = this.#run.pop()!
    if (last > 0) this.#up(hole, at[last]!, order[last]!, run)
    return first
  }

  #move(from: number, to: number): void {
    this.#at[to] = this.#at[from]!
    this.#order[to] = this.#order[from]!
    this.#run[to] = this.#run[from]!
  }
}

function doubled(from: Float64Array): Float64Array<ArrayBuffer> {
  const to = new Float64Array(2 * from.length)
  to.set(from)
  return to
}

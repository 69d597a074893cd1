import { REQUEST_BLOCKS_MAX, REQUEST_BYTES_MAX, REQUEST_BYTES_MIN } from './limits.ts'

/** The distinct blocks of an image, in image order; an item is an index into these columns. */
export interface Items {
  readonly lengths: Uint32Array
  /** Segment that each item lies in; never falls. */
  readonly segments: Uint32Array
  readonly segmentCount: number
}

const IDLE = 0
const WANTED = 1
const ASKED = 2

/**
 * What a fetch still wants: for each block idle (not wanted, or here), wanted, or asked from so many peers; and which
 * segments still have wanted blocks, in a list that is sampled at random in constant time.
 */
export class Demand {
  readonly items: Items
  readonly #state: Uint8Array
  readonly #askers: Uint8Array
  /** First item of each segment, and one more at the end. */
  readonly #first: Uint32Array
  readonly #wantedIn: Uint32Array
  readonly #open: Uint32Array
  readonly #openAt: Int32Array
  #openCount = 0
  wanted = 0
  asked = 0
  wantedBytes = 0
  /** How often an item has become wanted, for the first time or again. */
  wants = 0

  constructor(items: Items) {
    this.items = items
    const count = items.lengths.length
    this.#state = new Uint8Array(count)
    this.#askers = new Uint8Array(count)
    this.#first = new Uint32Array(items.segmentCount + 1)
    this.#wantedIn = new Uint32Array(items.segmentCount)
    this.#open = new Uint32Array(items.segmentCount)
    this.#openAt = new Int32Array(items.segmentCount).fill(-1)
    for (let item = 0; item < count; item++) this.#first[items.segments[item]! + 1]!++
    for (let segment = 0; segment < items.segmentCount; segment++) this.#first[segment + 1]! += this.#first[segment]!
  }

  get openCount(): number {
    return this.#openCount
  }

  /** The `at`-th of the segments that have wanted blocks, in no order. */
  openSegment(at: number): number {
    return this.#open[at]!
  }

  isOpen(segment: number): boolean {
    return this.#wantedIn[segment]! > 0
  }

  isDone(item: number): boolean {
    return this.#state[item] === IDLE
  }

  isWanted(item: number): boolean {
    return this.#state[item] === WANTED
  }

  isAsked(item: number): boolean {
    return this.#state[item] === ASKED
  }

  askers(item: number): number {
    return this.#askers[item]!
  }

  firstItem(segment: number): number {
    return this.#first[segment]!
  }

  want(item: number): void {
    if (this.#state[item] !== IDLE) return
    this.#state[item] = WANTED
    this.#askers[item] = 0
    this.#countWanted(item, 1)
  }

  /** The item was asked from one peer (more). */
  ask(item: number): void {
    if (this.#state[item] === WANTED) {
      this.#countWanted(item, -1)
      this.#state[item] = ASKED
      this.asked++
    }
    this.#askers[item]!++
  }

  /** One peer will not deliver it. @returns true if it is wanted again */
  unask(item: number): boolean {
    if (this.#askers[item]! > 0) this.#askers[item]!--
    if (this.#state[item] !== ASKED || this.#askers[item]! > 0) return false
    this.#state[item] = WANTED
    this.asked--
    this.#countWanted(item, 1)
    return true
  }

  /** The item is here. @returns false if it was already */
  done(item: number): boolean {
    const state = this.#state[item]
    if (state === IDLE) return false
    if (state === WANTED) this.#countWanted(item, -1)
    else this.asked--
    this.#state[item] = IDLE
    return true
  }

  /** No item of the segment is wanted or asked. */
  segmentDone(segment: number): boolean {
    for (let item = this.#first[segment]!; item < this.#first[segment + 1]!; item++) {
      if (this.#state[item] !== IDLE) return false
    }
    return true
  }

  /**
   * Wanted items for one request: from the segment's start on, so that two nodes that lack the same ask for the same
   * frames, and on into the following segments while the request is small.
   * @param takes says of an item whether this peer may be asked for it
   * @param enters says of a following segment whether the request may go on into it
   */
  take(segment: number, takes: (item: number) => boolean, enters: (segment: number) => boolean): number[] {
    const taken: number[] = []
    let bytes = 0
    for (let at = segment; at < this.items.segmentCount; at++) {
      if (at > segment && (bytes >= REQUEST_BYTES_MIN || !enters(at))) break
      if (this.#wantedIn[at] === 0) {
        if (at > segment) break
        continue
      }
      for (let item = this.#first[at]!; item < this.#first[at + 1]!; item++) {
        if (this.#state[item] !== WANTED || !takes(item)) continue
        const length = this.items.lengths[item]!
        if (bytes + length > REQUEST_BYTES_MAX || taken.length === REQUEST_BLOCKS_MAX) return taken
        taken.push(item)
        bytes += length
      }
    }
    return taken
  }

  #countWanted(item: number, by: 1 | -1): void {
    const segment = this.items.segments[item]!
    this.wanted += by
    if (by === 1) this.wants++
    this.wantedBytes += by * this.items.lengths[item]!
    const before = this.#wantedIn[segment]!
    this.#wantedIn[segment] = before + by
    if (before === 0) {
      this.#openAt[segment] = this.#openCount
      this.#open[this.#openCount++] = segment
    } else if (before + by === 0) {
      const at = this.#openAt[segment]!
      const last = this.#open[--this.#openCount]!
      this.#open[at] = last
      this.#openAt[last] = at
      this.#openAt[segment] = -1
    }
  }
}

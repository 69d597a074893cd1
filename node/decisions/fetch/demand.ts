import { REQUEST_BLOCKS_MAX, REQUEST_BYTES_MAX, REQUEST_BYTES_MIN } from './limits.ts'

/** The distinct blocks of an image, in image order; an item is an index into these columns. */
export interface Items {
  readonly lengths: Uint32Array
  /** Piece that each item lies in; never falls. */
  readonly pieces: Uint32Array
  readonly pieceCount: number
}

const IDLE = 0
const WANTED = 1
const ASKED = 2

/**
 * What a fetch still wants: for each block idle (not wanted, or here), wanted, or asked from so many peers; and which
 * pieces still have wanted blocks, in a list that is sampled at random in constant time.
 */
export class Demand {
  readonly items: Items
  readonly #state: Uint8Array
  readonly #askers: Uint8Array
  /** First item of each piece, and one more at the end. */
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
  #opened: number[] = []
  /** First piece of each piece's group; undefined while each is one by itself. */
  #leaders: Uint32Array | undefined
  #grouped = false

  constructor(items: Items) {
    this.items = items
    const count = items.lengths.length
    this.#state = new Uint8Array(count)
    this.#askers = new Uint8Array(count)
    this.#first = new Uint32Array(items.pieceCount + 1)
    this.#wantedIn = new Uint32Array(items.pieceCount)
    this.#open = new Uint32Array(items.pieceCount)
    this.#openAt = new Int32Array(items.pieceCount).fill(-1)
    for (let item = 0; item < count; item++) this.#first[items.pieces[item]! + 1]!++
    for (let piece = 0; piece < items.pieceCount; piece++) this.#first[piece + 1]! += this.#first[piece]!
  }

  get openCount(): number {
    return this.#openCount
  }

  /** The `at`-th of the pieces that have wanted blocks, in no order. */
  openPiece(at: number): number {
    return this.#open[at]!
  }

  /** Pieces that have come to have wanted blocks, or have them again, since the last call. */
  takeOpened(): readonly number[] {
    const opened = this.#opened
    if (opened.length > 0) this.#opened = []
    return opened
  }

  isOpen(piece: number): boolean {
    return this.#wantedIn[piece]! > 0
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

  firstItem(piece: number): number {
    return this.#first[piece]!
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

  /** No item of the piece is wanted or asked. */
  pieceDone(piece: number): boolean {
    for (let item = this.#first[piece]!; item < this.#first[piece + 1]!; item++) {
      if (this.#state[item] !== IDLE) return false
    }
    return true
  }

  /** The first of the pieces that are asked for together with this one. */
  leader(piece: number): number {
    return this.#leaders?.[piece] ?? piece
  }

  /**
   * Wanted items for one request: those of the piece, and of the others of its group.
   * @param takes says of an item whether this peer may be asked for it
   * @param enters says of another piece whether the request may go on into it
   */
  take(piece: number, takes: (item: number) => boolean, enters: (piece: number) => boolean): number[] {
    if (!this.#grouped) this.#group()
    const taken: number[] = []
    let bytes = 0
    const leader = this.leader(piece)
    for (let at = leader; at < this.items.pieceCount && this.leader(at) === leader; at++) {
      if (this.#wantedIn[at] === 0 || (at !== piece && !enters(at))) continue
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

  /**
   * Pieces of which little is wanted are asked for in groups, cut from the start of the image by what is wanted at first:
   * nodes that lack the same ask for the same frames, and who has packed one has packed it for all of them.
   */
  #group(): void {
    this.#grouped = true
    const leaders = new Uint32Array(this.items.pieceCount)
    let leader = 0
    let bytes = 0
    let blocks = 0
    let some = false
    for (let piece = 0; piece < leaders.length; piece++) {
      const wanted = this.#wantedOf(piece)
      const isFull = bytes >= REQUEST_BYTES_MIN || bytes + wanted.bytes > REQUEST_BYTES_MAX
      if (piece > 0 && (isFull || blocks + wanted.blocks > REQUEST_BLOCKS_MAX)) {
        leader = piece
        bytes = 0
        blocks = 0
      }
      leaders[piece] = leader
      if (leader !== piece) some = true
      bytes += wanted.bytes
      blocks += wanted.blocks
    }
    if (some) this.#leaders = leaders
  }

  #wantedOf(piece: number): { bytes: number; blocks: number } {
    let bytes = 0
    let blocks = 0
    if (this.#wantedIn[piece] === 0) return { bytes, blocks }
    for (let item = this.#first[piece]!; item < this.#first[piece + 1]!; item++) {
      if (this.#state[item] === IDLE) continue
      bytes += this.items.lengths[item]!
      blocks++
    }
    return { bytes, blocks }
  }

  #countWanted(item: number, by: 1 | -1): void {
    const piece = this.items.pieces[item]!
    this.wanted += by
    if (by === 1) this.wants++
    this.wantedBytes += by * this.items.lengths[item]!
    const before = this.#wantedIn[piece]!
    this.#wantedIn[piece] = before + by
    if (before === 0) {
      this.#opened.push(piece)
      this.#openAt[piece] = this.#openCount
      this.#open[this.#openCount++] = piece
    } else if (before + by === 0) {
      const at = this.#openAt[piece]!
      const last = this.#open[--this.#openCount]!
      this.#open[at] = last
      this.#openAt[last] = at
      this.#openAt[piece] = -1
    }
  }
}

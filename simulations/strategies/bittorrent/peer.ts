/** A peer of the swarm: what it has, whom it knows, and which piece it asks for next. */
import type { Random } from '../../../protocols/ports.ts'
import type { Pipe } from '../pipes.ts'
import { AHEAD, RANDOM_FIRST } from './constants.ts'

/** What a peer knows of one that it is connected with. */
export interface Side {
  readonly of: Peer
  readonly other: Peer
  /** The same connection, seen from the other. */
  readonly mirror: Side
  /** Pieces that the other has and this one lacks. */
  wanted: number
  /** This one serves the other. */
  unchoked: boolean
  /** Bytes that came from the other since the last rechoke. */
  receivedBytes: number
  /** Pieces that the other was asked for. */
  readonly asked: Set<number>
  askedAtMs: number
  snubbedUntilMs: number
  /** On which this one sends. */
  pipe: Pipe | undefined
}

export class Peer {
  readonly host: number
  readonly pieces: number
  readonly has: Uint8Array
  readonly sides: Side[] = []
  readonly banned = new Set<Peer>()
  /** For each piece: known peers that have it, and how many it is asked from. */
  readonly #seen: Uint16Array
  readonly #asked: Uint8Array
  readonly #random: Random
  held = 0
  /** Pieces that are lacking and asked from nobody. */
  #open: number
  here = false
  turns = 0
  optimistic: Side | undefined

  constructor(host: number, pieces: number, complete: boolean, random: Random) {
    this.host = host
    this.pieces = pieces
    this.#random = random
    this.has = new Uint8Array(pieces).fill(complete ? 1 : 0)
    this.held = complete ? pieces : 0
    this.#open = complete ? 0 : pieces
    this.#seen = new Uint16Array(pieces)
    this.#asked = new Uint8Array(pieces)
  }

  get complete(): boolean {
    return this.held === this.pieces
  }

  random(): number {
    return this.#random()
  }

  meet(side: Side): void {
    this.sides.push(side)
    const { has } = side.other
    for (let piece = 0; piece < this.pieces; piece++) {
      if (has[piece] === 0) continue
      this.#seen[piece]!++
      if (this.has[piece] === 0) side.wanted++
    }
  }

  part(side: Side): void {
    const at = this.sides.indexOf(side)
    if (at < 0) return
    this.sides.splice(at, 1)
    if (this.optimistic === side) this.optimistic = undefined
    for (const piece of side.asked) this.unask(side, piece)
    const { has } = side.other
    for (let piece = 0; piece < this.pieces; piece++) if (has[piece] === 1) this.#seen[piece]!--
  }

  /** The other has one more. */
  told(side: Side, piece: number): void {
    this.#seen[piece]!++
    if (this.has[piece] === 0) side.wanted++
  }

  ask(side: Side, piece: number): void {
    side.asked.add(piece)
    if (this.#asked[piece]!++ === 0) this.#open--
  }

  unask(side: Side, piece: number): void {
    if (!side.asked.delete(piece)) return
    if (--this.#asked[piece]! === 0 && this.has[piece] === 0) this.#open++
  }

  /** @returns false if it was here already */
  add(piece: number): boolean {
    if (this.has[piece] === 1) return false
    this.has[piece] = 1
    this.held++
    if (this.#asked[piece] === 0) this.#open--
    for (const side of this.sides) if (side.other.has[piece] === 1) side.wanted--
    return true
  }

  /**
   * The piece to ask from this peer next: the rarest, the first of a random order where several are; at the end, when all
   * are asked for, one that somebody else was asked for (endgame).
   */
  choose(side: Side): number | undefined {
    if (side.wanted === 0 || side.asked.size >= AHEAD) return undefined
    const endgame = this.#open === 0
    const rarest = this.held >= RANDOM_FIRST
    const { has } = side.other
    let best: number | undefined
    let seen = Number.POSITIVE_INFINITY
    let piece = Math.floor(this.#random() * this.pieces)
    for (let i = 0; i < this.pieces; i++, piece = piece + 1 === this.pieces ? 0 : piece + 1) {
      if (has[piece] === 0 || this.has[piece] === 1 || this.#seen[piece]! >= seen) continue
      if (endgame ? side.asked.has(piece) || this.#asked[piece]! > 1 : this.#asked[piece]! > 0) continue
      best = piece
      seen = this.#seen[piece]!
      if (!rarest) break
    }
    return best
  }
}

/** A new connection, seen from both ends. */
export function sidesOf(a: Peer, b: Peer): [there: Side, back: Side] {
  const side = (of: Peer, other: Peer) => ({
    of,
    other,
    wanted: 0,
    unchoked: false,
    receivedBytes: 0,
    asked: new Set<number>(),
    askedAtMs: 0,
    snubbedUntilMs: 0,
    pipe: undefined,
  })
  const there: Omit<Side, 'mirror'> & { mirror?: Side } = side(a, b)
  const back: Side = { ...side(b, a), mirror: there as Side }
  there.mirror = back
  return [there as Side, back]
}

/** A peer of the swarm: what it has, whom it knows, and which piece it asks for next. */
import type { Random } from '../../../protocols/ports.ts'
import type { Pipe } from '../pipes.ts'
import { AHEAD, RANDOM_FIRST, SAMPLE_PIECES } from './constants.ts'

/** What a peer knows of one that it is connected with. */
export interface Side {
  readonly of: Peer
  readonly other: Peer
  /** The same connection, seen from the other. */
  readonly mirror: Side
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
  /** Connections on which it serves the other. */
  readonly served = new Set<Side>()
  /** How many of the swarm have each piece. */
  readonly #spread: Uint32Array
  /** From how many each piece is asked. */
  readonly #asked: Uint8Array
  readonly #random: Random
  held = 0
  /** Pieces that are lacking and asked from nobody, the first #open of a list; and where in it each piece is. */
  readonly #openList: Uint32Array
  readonly #openAt: Uint32Array
  #open: number
  here = false
  turns = 0
  optimistic: Side | undefined

  /** @param spread how many of the swarm have each piece; the same for all of them, and kept up by them */
  constructor(host: number, complete: boolean, spread: Uint32Array, random: Random) {
    const pieces = spread.length
    this.host = host
    this.pieces = pieces
    this.#random = random
    this.#spread = spread
    this.has = new Uint8Array(pieces).fill(complete ? 1 : 0)
    this.held = complete ? pieces : 0
    this.#open = complete ? 0 : pieces
    this.#openList = Uint32Array.from({ length: pieces }, (_, piece) => piece)
    this.#openAt = this.#openList.slice()
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
  }

  part(side: Side): void {
    const at = this.sides.indexOf(side)
    if (at < 0) return
    this.sides.splice(at, 1)
    this.served.delete(side)
    if (this.optimistic === side) this.optimistic = undefined
    for (const piece of side.asked) this.unask(side, piece)
  }

  /** Whether the other has something that this one lacks. */
  wants({ other }: Side): boolean {
    if (this.complete || other.held === 0) return false
    if (other.complete || other.held > this.held) return true
    for (let at = 0; at < this.#open; at++) if (other.has[this.#openList[at]!] === 1) return true
    for (const { asked } of this.sides) for (const piece of asked) if (other.has[piece] === 1) return true
    return false
  }

  ask(side: Side, piece: number): void {
    side.asked.add(piece)
    if (this.#asked[piece]!++ === 0) this.#swap(piece, --this.#open)
  }

  unask(side: Side, piece: number): void {
    if (!side.asked.delete(piece)) return
    if (--this.#asked[piece]! === 0 && this.has[piece] === 0) this.#swap(piece, this.#open++)
  }

  /** @returns false if it was here already */
  add(piece: number): boolean {
    if (this.has[piece] === 1) return false
    this.has[piece] = 1
    this.held++
    if (this.#asked[piece] === 0) this.#swap(piece, --this.#open)
    this.#spread[piece]!++
    return true
  }

  /**
   * The piece to ask from this peer next: the rarest of those that it has, of a random sample where there are many; at the
   * end, when all are asked for, one that somebody else was asked for (endgame).
   */
  choose(side: Side): number | undefined {
    if (side.asked.size >= AHEAD) return undefined
    if (this.#open === 0) return this.#doubled(side)
    const most = this.held < RANDOM_FIRST ? 1 : SAMPLE_PIECES
    const { has } = side.other
    let best: number | undefined
    let found = 0
    let at = Math.floor(this.#random() * this.#open)
    for (let i = 0; i < this.#open && found < most; i++, at = at + 1 === this.#open ? 0 : at + 1) {
      const piece = this.#openList[at]!
      if (has[piece] === 0) continue
      found++
      if (best === undefined || this.#spread[piece]! < this.#spread[best]!) best = piece
    }
    return best
  }

  #doubled(side: Side): number | undefined {
    for (const { asked } of this.sides) {
      for (const piece of asked) {
        if (this.#asked[piece] === 1 && side.other.has[piece] === 1 && !side.asked.has(piece)) return piece
      }
    }
    return undefined
  }

  /** Puts a piece at this place of the list of open ones, and the one that is there where it was. */
  #swap(piece: number, at: number): void {
    const from = this.#openAt[piece]!
    const other = this.#openList[at]!
    this.#openList[at] = piece
    this.#openList[from] = other
    this.#openAt[piece] = at
    this.#openAt[other] = from
  }
}

/** A new connection, seen from both ends. */
export function sidesOf(a: Peer, b: Peer): [there: Side, back: Side] {
  const side = (of: Peer, other: Peer) => ({
    of,
    other,
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

import { getBit, newBits, setBit } from '../../../protocols/bits.ts'
import type { Random } from '../../../protocols/ports.ts'
import type { Demand } from './demand.ts'
import { CLAIM_MS, SAMPLE_PIECES, SCAN_PIECES_MAX, WISHES_MAX } from './limits.ts'
import type { PeerState } from './peer.ts'

/** How many of the peers that deliver, the builder apart, hold what: the less, the sooner it is asked for. */
export class Scarcity {
  /** Per piece: peers that hold it whole. */
  readonly holders: Uint16Array
  /** Per item: peers that hold it in another image. */
  readonly hookHolders: Uint16Array
  /** Per piece: when a peer last said that it is getting it, milliseconds. */
  readonly claimedAt: Float64Array

  constructor(pieces: number, items: number) {
    this.holders = new Uint16Array(pieces)
    this.hookHolders = new Uint16Array(items)
    this.claimedAt = new Float64Array(pieces).fill(Number.NEGATIVE_INFINITY)
  }

  /** Whether what the peer holds counts; the builder's never does. */
  count(peer: PeerState, counts: boolean): void {
    const counted = counts && peer.role !== 'builder'
    if (peer.counted === counted) return
    peer.counted = counted
    const by = counted ? 1 : -1
    this.#addItems(peer, by)
    if (!peer.all && peer.held === undefined) return
    for (let piece = 0; piece < this.holders.length; piece++) {
      if (peer.all || getBit(peer.held!, piece)) this.holders[piece]! += by
    }
  }

  /**
   * A peer has come to hold some pieces and to fetch others. Numbers beyond the image are passed over.
   * @param isOpen whether a piece is wanted here
   */
  note(
    peer: PeerState,
    now: number,
    held: Iterable<number>,
    getting: Iterable<number>,
    isOpen: (piece: number) => boolean,
  ): void {
    peer.changes++
    for (const piece of held) {
      if (piece >= this.holders.length) continue
      peer.held ??= newBits(this.holders.length)
      if (getBit(peer.held, piece)) continue
      setBit(peer.held, piece)
      if (peer.counted && !peer.all) this.holders[piece]!++
      if (isOpen(piece)) peer.offers.add(piece, isOpen)
    }
    for (const piece of getting) if (piece < this.claimedAt.length) this.claimedAt[piece] = now
  }

  /** A peer answered which items it holds in other images; an earlier answer is void. */
  noteItems(peer: PeerState, bits: Uint8Array): void {
    peer.changes++
    if (peer.counted) this.#addItems(peer, -1)
    peer.items = bits
    if (peer.counted) this.#addItems(peer, 1)
  }

  #addItems({ items }: PeerState, by: 1 | -1): void {
    if (items === undefined) return
    for (let item = 0; item < this.hookHolders.length; item++) if (getBit(items, item)) this.hookHolders[item]! += by
  }
}

/** Other peers first, in random order; the builder last, for what they leave over. */
export function choosePeerOrder(peers: Iterable<PeerState>, random: Random): PeerState[] {
  return [...peers]
    .map((peer) => ({ peer, key: peer.role === 'builder' ? 1 : random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ peer }) => peer)
}

/**
 * The piece to ask a peer for: the one that it was asked for last, so that pieces become whole and others can have
 * them from here; then, of a random sample of those with wanted blocks, the one that the fewest others hold.
 * @param spare the peer is a builder to be spared: only what nobody else holds or is getting
 * @param isOwn only pieces that are this node's own share, as far as a sample finds them
 */
export function choosePiece(
  demand: Demand,
  peer: PeerState,
  scarcity: Scarcity,
  spare: boolean,
  now: number,
  random: Random,
  isOwn?: (piece: number) => boolean,
): number | undefined {
  const last = peer.piece
  if (last !== undefined && demand.isOpen(last) && peer.mayHavePiece(last)) {
    if (!(spare && scarcity.holders[last]! > 0) && hasSome(demand, peer, scarcity, last, spare)) return last
  }
  const score = scoring(demand, peer, scarcity, spare, now, isOwn)
  if (!peer.mayHaveAny) return peer.offers.choose(SAMPLE_PIECES, random, (piece) => demand.isOpen(piece), score)
  return chooseOpen(demand, isOwn === undefined ? SCAN_PIECES_MAX : 0, random, score)
}

/** Some other pieces that nobody but the builder has, at random. */
export function chooseWishes(
  demand: Demand,
  builder: PeerState,
  scarcity: Scarcity,
  now: number,
  random: Random,
): number[] {
  const score = scoring(demand, builder, scarcity, true, now)
  const wishes = new Set<number>()
  for (let i = 0; i < WISHES_MAX && demand.openCount > 0; i++) {
    const piece = demand.openPiece(Math.floor(random() * demand.openCount))
    if (score(piece) < Number.POSITIVE_INFINITY) wishes.add(piece)
  }
  return [...wishes]
}

/** How many others hold a piece; Infinity if this peer is not to be asked for it. */
function scoring(
  demand: Demand,
  peer: PeerState,
  scarcity: Scarcity,
  spare: boolean,
  now: number,
  isOwn?: (piece: number) => boolean,
): (piece: number) => number {
  return (piece) => {
    if (!peer.mayHavePiece(piece)) return Number.POSITIVE_INFINITY
    const held = scarcity.holders[piece]!
    if (spare && held > 0) return Number.POSITIVE_INFINITY
    // What another worker is getting from the builder is not asked of it again: it will come from that worker.
    if (peer.role === 'builder' && now - scarcity.claimedAt[piece]! < CLAIM_MS) return Number.POSITIVE_INFINITY
    if (isOwn !== undefined && !isOwn(piece)) return Number.POSITIVE_INFINITY
    return hasSome(demand, peer, scarcity, piece, spare) ? held : Number.POSITIVE_INFINITY
  }
}

/** The best of a sample of all wanted pieces; if none of it will do, one of up to `scan` others. */
function chooseOpen(
  demand: Demand,
  scan: number,
  random: Random,
  score: (piece: number) => number,
): number | undefined {
  const count = demand.openCount
  const start = Math.floor(random() * count)
  const isSampled = count > SAMPLE_PIECES
  let best: number | undefined
  let bestScore = Number.POSITIVE_INFINITY
  const consider = (piece: number): void => {
    const found = score(piece)
    if (found >= bestScore) return
    best = piece
    bestScore = found
  }
  for (let i = 0; i < Math.min(count, SAMPLE_PIECES); i++) {
    consider(demand.openPiece(isSampled ? Math.floor(random() * count) : (start + i) % count))
  }
  if (!isSampled) return best
  for (let i = 0; i < Math.min(count, scan) && best === undefined; i++) consider(demand.openPiece((start + i) % count))
  return best
}

/** Is there a block in the piece that this peer may be asked for? */
function hasSome(demand: Demand, peer: PeerState, scarcity: Scarcity, piece: number, spare: boolean): boolean {
  const certain = peer.lacks.size === 0 && !spare && (peer.all || peer.items === undefined)
  if (certain) return true
  for (let item = demand.firstItem(piece); item < demand.firstItem(piece + 1); item++) {
    if (!demand.isWanted(item) || !peer.hasItem(item, piece)) continue
    if (!spare || scarcity.hookHolders[item] === 0) return true
  }
  return false
}

import { getBit, newBits, setBit } from '../../../protocols/bits.ts'
import type { Random } from '../../../protocols/ports.ts'
import type { Demand } from './demand.ts'
import { CLAIM_MS, NEAR_CLAIM_MS, SAMPLE_PIECES, SCAN_PIECES_MAX, WISHES_MAX } from './limits.ts'
import type { PeerState } from './peer.ts'

/** Which of the pieces that a peer may have it is asked for. */
export interface Rule {
  /** Only what nobody else of the swarm, or of this node's rack, holds or is getting. */
  readonly spare?: 'swarm' | 'rack'
  /** Only pieces that are this node's own share. */
  readonly isOwn?: (piece: number) => boolean
}

/** How many of the peers that deliver, the builder apart, hold what: the less, the sooner it is asked for. */
export class Scarcity {
  /** Per piece: peers that hold it whole. */
  readonly holders: Uint16Array
  /** Per piece: of those, how many stand in this node's rack. */
  readonly nearHolders: Uint16Array
  /** Per item: peers that hold it in another image. */
  readonly hookHolders: Uint16Array
  /** Per piece: when a peer last said that it is getting it, milliseconds. */
  readonly claimedAt: Float64Array
  /** And when a peer of this node's rack said so. */
  readonly nearClaimedAt: Float64Array

  constructor(pieces: number, items: number) {
    this.holders = new Uint16Array(pieces)
    this.nearHolders = new Uint16Array(pieces)
    this.hookHolders = new Uint16Array(items)
    this.claimedAt = new Float64Array(pieces).fill(Number.NEGATIVE_INFINITY)
    this.nearClaimedAt = new Float64Array(pieces).fill(Number.NEGATIVE_INFINITY)
  }

  /** Is the piece held where that matters? */
  isHeld(piece: number, spare: Rule['spare']): boolean {
    return spare !== undefined && (spare === 'swarm' ? this.holders : this.nearHolders)[piece]! > 0
  }

  /** Is somebody getting the piece from whom it will come? */
  isClaimed(piece: number, spare: Rule['spare'], now: number): boolean {
    if (spare === 'rack') return now - this.nearClaimedAt[piece]! < NEAR_CLAIM_MS
    return now - this.claimedAt[piece]! < CLAIM_MS
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
      if (peer.all || getBit(peer.held!, piece)) this.#addPiece(peer, piece, by)
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
      if (peer.counted && !peer.all) this.#addPiece(peer, piece, 1)
      if (isOpen(piece)) peer.offers.add(piece, isOpen)
    }
    for (const piece of getting) {
      if (piece >= this.claimedAt.length) continue
      this.claimedAt[piece] = now
      // The builder tells of what others get, wherever they stand.
      if (peer.near && peer.role === 'swarm') this.nearClaimedAt[piece] = now
    }
  }

  /** A peer answered which items it holds in other images; an earlier answer is void. */
  noteItems(peer: PeerState, bits: Uint8Array): void {
    peer.changes++
    if (peer.counted) this.#addItems(peer, -1)
    peer.items = bits
    if (peer.counted) this.#addItems(peer, 1)
  }

  #addPiece({ near }: PeerState, piece: number, by: 1 | -1): void {
    this.holders[piece]! += by
    if (near) this.nearHolders[piece]! += by
  }

  #addItems({ items }: PeerState, by: 1 | -1): void {
    if (items === undefined) return
    for (let item = 0; item < this.hookHolders.length; item++) if (getBit(items, item)) this.hookHolders[item]! += by
  }
}

/** Peers of this rack first, each kind in random order; the builder last, for what they leave over. */
export function choosePeerOrder(peers: readonly PeerState[], random: Random): readonly PeerState[] {
  if (peers.length === 1) return peers
  return peers
    .map((peer) => ({ peer, key: peer.role === 'builder' ? 2 : random() + (peer.near ? 0 : 1) }))
    .sort((a, b) => a.key - b.key)
    .map(({ peer }) => peer)
}

/**
 * The piece to ask a peer for: the one that it was asked for last, so that pieces become whole and others can have
 * them from here; then, of a random sample of those with wanted blocks, the one that the fewest others hold.
 */
export function choosePiece(
  demand: Demand,
  peer: PeerState,
  scarcity: Scarcity,
  rule: Rule,
  now: number,
  random: Random,
): number | undefined {
  const { piece: last } = peer
  if (last !== undefined && demand.isOpen(last) && peer.mayHavePiece(last)) {
    if (!scarcity.isHeld(last, rule.spare) && hasSome(demand, peer, scarcity, last, rule)) return last
  }
  const score = scoring(demand, peer, scarcity, rule, now)
  const scan = rule.isOwn === undefined ? SCAN_PIECES_MAX : SAMPLE_PIECES
  if (!peer.mayHaveAny) return peer.offers.choose(SAMPLE_PIECES, scan, random, (piece) => demand.isOpen(piece), score)
  return chooseOpen(demand, scan, random, score)
}

/** Some other pieces that nobody but the builder has, at random. */
export function chooseWishes(
  demand: Demand,
  builder: PeerState,
  scarcity: Scarcity,
  now: number,
  random: Random,
): number[] {
  const score = scoring(demand, builder, scarcity, { spare: 'swarm' }, now)
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
  rule: Rule,
  now: number,
): (piece: number) => number {
  const { spare, isOwn } = rule
  // What another worker is getting from the builder is not asked of it again: it will come from that worker.
  const minds = spare === 'rack' || peer.role === 'builder'
  return (piece) => {
    if (!peer.mayHavePiece(piece) || scarcity.isHeld(piece, spare)) return Number.POSITIVE_INFINITY
    if (minds && scarcity.isClaimed(piece, spare, now)) return Number.POSITIVE_INFINITY
    if (isOwn !== undefined && !isOwn(piece)) return Number.POSITIVE_INFINITY
    return hasSome(demand, peer, scarcity, piece, rule) ? scarcity.holders[piece]! : Number.POSITIVE_INFINITY
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
  for (let i = 0; i < Math.min(count, scan - SAMPLE_PIECES) && best === undefined; i++)
    consider(demand.openPiece((start + i) % count))
  return best
}

/** Is there a block in the piece that this peer may be asked for? */
function hasSome(demand: Demand, peer: PeerState, scarcity: Scarcity, piece: number, { spare }: Rule): boolean {
  const certain = peer.lacks.size === 0 && spare !== 'swarm' && (peer.all || peer.items === undefined)
  if (certain) return true
  for (let item = demand.firstItem(piece); item < demand.firstItem(piece + 1); item++) {
    if (!demand.isWanted(item) || !peer.hasItem(item, piece)) continue
    if (spare !== 'swarm' || scarcity.hookHolders[item] === 0) return true
  }
  return false
}

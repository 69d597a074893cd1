import { getBit, newBits, setBit } from '../../../protocols/bits.ts'
import type { Random } from '../../../protocols/ports.ts'
import type { Demand } from './demand.ts'
import { CLAIM_MS, SAMPLE_PIECES, SCAN_PIECES_MAX } from './limits.ts'
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

  /** A peer has come to hold some pieces and to fetch others. Numbers beyond the image are passed over. */
  note(peer: PeerState, now: number, held: Iterable<number>, getting: Iterable<number>): void {
    peer.changes++
    for (const piece of held) {
      if (piece >= this.holders.length) continue
      peer.held ??= newBits(this.holders.length)
      if (getBit(peer.held, piece)) continue
      setBit(peer.held, piece)
      if (peer.counted && !peer.all) this.holders[piece]!++
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
  const count = demand.openCount
  const last = peer.piece
  if (last !== undefined && demand.isOpen(last) && peer.mayHavePiece(last)) {
    if (!(spare && scarcity.holders[last]! > 0) && hasSome(demand, peer, scarcity, last, spare)) return last
  }
  let best: number | undefined
  let bestScore = Number.POSITIVE_INFINITY
  const consider = (piece: number): void => {
    if (!peer.mayHavePiece(piece)) return
    const claimed = now - scarcity.claimedAt[piece]! < CLAIM_MS
    // What another worker is getting from the builder is not asked of it again: it will come from that worker.
    if (peer.role === 'builder' && claimed) return
    if (spare && scarcity.holders[piece]! > 0) return
    if (isOwn !== undefined && !isOwn(piece)) return
    const score = scarcity.holders[piece]!
    if (score >= bestScore || !hasSome(demand, peer, scarcity, piece, spare)) return
    best = piece
    bestScore = score
  }
  if (count <= SAMPLE_PIECES) {
    const start = Math.floor(random() * count)
    for (let i = 0; i < count; i++) consider(demand.openPiece((start + i) % count))
    return best
  }
  for (let i = 0; i < SAMPLE_PIECES; i++) consider(demand.openPiece(Math.floor(random() * count)))
  if (best !== undefined || isOwn !== undefined) return best
  // A peer that holds little of the image is easily missed by a sample: look further before letting it be idle.
  const start = Math.floor(random() * count)
  for (let i = 0; i < Math.min(count, SCAN_PIECES_MAX) && best === undefined; i++) {
    consider(demand.openPiece((start + i) % count))
  }
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

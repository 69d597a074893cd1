import { getBit, newBits, setBit } from '../../../protocols/bits.ts'
import type { Random } from '../../../protocols/ports.ts'
import type { Demand } from './demand.ts'
import { CLAIM_MS, SAMPLE_SEGMENTS, SCAN_SEGMENTS_MAX } from './limits.ts'
import type { PeerState } from './peer.ts'

/** How many of the peers that deliver, the builder apart, hold what: the less, the sooner it is asked for. */
export class Scarcity {
  /** Per segment: peers that hold it whole. */
  readonly holders: Uint16Array
  /** Per item: peers that hold it in another image. */
  readonly hookHolders: Uint16Array
  /** Per segment: when a peer last said that it is getting it, milliseconds. */
  readonly claimedAt: Float64Array

  constructor(segments: number, items: number) {
    this.holders = new Uint16Array(segments)
    this.hookHolders = new Uint16Array(items)
    this.claimedAt = new Float64Array(segments).fill(Number.NEGATIVE_INFINITY)
  }

  /** Whether what the peer holds counts; the builder's never does. */
  count(peer: PeerState, counts: boolean): void {
    const counted = counts && peer.role !== 'builder'
    if (peer.counted === counted) return
    peer.counted = counted
    const by = counted ? 1 : -1
    this.#addItems(peer, by)
    if (!peer.all && peer.held === undefined) return
    for (let segment = 0; segment < this.holders.length; segment++) {
      if (peer.all || getBit(peer.held!, segment)) this.holders[segment]! += by
    }
  }

  /** A peer has come to hold some segments and to fetch others. Numbers beyond the image are passed over. */
  note(peer: PeerState, now: number, held: Iterable<number>, getting: Iterable<number>): void {
    peer.changes++
    for (const segment of held) {
      if (segment >= this.holders.length) continue
      peer.held ??= newBits(this.holders.length)
      if (getBit(peer.held, segment)) continue
      setBit(peer.held, segment)
      if (peer.counted && !peer.all) this.holders[segment]!++
    }
    for (const segment of getting) if (segment < this.claimedAt.length) this.claimedAt[segment] = now
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
 * The segment to ask a peer for: the one that it was asked for last, so that segments become whole and others can have
 * them from here; then, of a random sample of those with wanted blocks, the one that the fewest others hold.
 * @param spare the peer is a builder to be spared: only what nobody else holds or is getting
 * @param isOwn only segments that are this node's own share, as far as a sample finds them
 */
export function chooseSegment(
  demand: Demand,
  peer: PeerState,
  scarcity: Scarcity,
  spare: boolean,
  now: number,
  random: Random,
  isOwn?: (segment: number) => boolean,
): number | undefined {
  const count = demand.openCount
  const last = peer.segment
  if (last !== undefined && demand.isOpen(last) && peer.mayHaveSegment(last)) {
    if (!(spare && scarcity.holders[last]! > 0) && hasSome(demand, peer, scarcity, last, spare)) return last
  }
  let best: number | undefined
  let bestScore = Number.POSITIVE_INFINITY
  const consider = (segment: number): void => {
    if (!peer.mayHaveSegment(segment)) return
    const claimed = now - scarcity.claimedAt[segment]! < CLAIM_MS
    // What another worker is getting from the builder is not asked of it again: it will come from that worker.
    if (peer.role === 'builder' && claimed) return
    if (spare && scarcity.holders[segment]! > 0) return
    if (isOwn !== undefined && !isOwn(segment)) return
    const score = scarcity.holders[segment]!
    if (score >= bestScore || !hasSome(demand, peer, scarcity, segment, spare)) return
    best = segment
    bestScore = score
  }
  if (count <= SAMPLE_SEGMENTS) {
    const start = Math.floor(random() * count)
    for (let i = 0; i < count; i++) consider(demand.openSegment((start + i) % count))
    return best
  }
  for (let i = 0; i < SAMPLE_SEGMENTS; i++) consider(demand.openSegment(Math.floor(random() * count)))
  if (best !== undefined || isOwn !== undefined) return best
  // A peer that holds little of the image is easily missed by a sample: look further before letting it be idle.
  const start = Math.floor(random() * count)
  for (let i = 0; i < Math.min(count, SCAN_SEGMENTS_MAX) && best === undefined; i++) {
    consider(demand.openSegment((start + i) % count))
  }
  return best
}

/** Is there a block in the segment that this peer may be asked for? */
function hasSome(demand: Demand, peer: PeerState, scarcity: Scarcity, segment: number, spare: boolean): boolean {
  const certain = peer.lacks.size === 0 && !spare && (peer.all || peer.items === undefined)
  if (certain) return true
  for (let item = demand.firstItem(segment); item < demand.firstItem(segment + 1); item++) {
    if (!demand.isWanted(item) || !peer.hasItem(item, segment)) continue
    if (!spare || scarcity.hookHolders[item] === 0) return true
  }
  return false
}

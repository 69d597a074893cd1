/**
 * The provide sweep, planned by pure functions: keys sorted in key space, each assigned to the peers that are responsible
 * for it, and a walk through the DHT only for regions of the key space whose peers are not known yet. One walk covers all
 * keys of the region that its answer covers, where a walk for each key would ask the same peers again and again.
 */
import { REGION_PEERS_MIN } from './constants.ts'
import { closest, commonBits, compareKad, type KadId, type Placed } from './kad.ts'

/** All peers in it are known: the ids that share their first `bits` bits with `prefix`. Zero bits is everything. */
export interface Region {
  readonly prefix: KadId
  readonly bits: number
}

/**
 * @param keys any order
 * @param peers the known peers, sorted by compareKad; this node itself may be among them
 * @returns for each key, in the order of the keys, its responsible peers, the closest first
 */
export function assign<K extends Placed, P extends Placed>(
  keys: readonly K[],
  peers: readonly P[],
  responsible: number,
): P[][] {
  return keys.map((key) => closest(peers, key.kadId, responsible))
}

export function isCovered(id: KadId, regions: readonly Region[]): boolean {
  return regions.some((region) => region.bits === 0 || commonBits(region.prefix, id) >= region.bits)
}

/** The keys whose region's peers are not known, sorted in key space. */
export function uncovered<K extends Placed>(keys: readonly K[], regions: readonly Region[]): K[] {
  return keys.filter((key) => !isCovered(key.kadId, regions)).sort(compareKad)
}

/** Targets of the next walks: at most `count` of the sorted uncovered keys, spread out, so that they do not overlap. */
export function pickWalks<K extends Placed>(sorted: readonly K[], count: number): K[] {
  const picked = Math.min(count, sorted.length)
  return Array.from({ length: picked }, (_, i) => sorted[Math.floor((i * sorted.length) / picked)]!)
}

/**
 * The region that a walk's answer covers. The walk found the `walkPeers` closest peers to its target. Every peer that
 * shares more bits with the target than the farthest of them does would be closer than it, hence is among them: so the
 * ids that share that many bits are a region of which all peers are known. It counts only where enough of the answer's
 * peers lie in it; else only the target itself is covered. An answer with fewer peers than the walk asks for has them all.
 * @param answer the peers that the walk found
 */
export function regionOf(target: KadId, answer: readonly Placed[], walkPeers: number): Region {
  if (answer.length < walkPeers) return { prefix: target, bits: 0 }
  let least = target.length * 8
  for (const peer of answer) least = Math.min(least, commonBits(target, peer.kadId))
  const bits = least + 1
  const within = answer.filter((peer) => commonBits(target, peer.kadId) >= bits).length
  if (within < REGION_PEERS_MIN) return { prefix: target, bits: target.length * 8 }
  return { prefix: target, bits }
}

/**
 * Kademlia's metric over sorted lists, as pure functions. A kad id is the SHA-256 of a key or of a peer id's multihash;
 * the distance of two is their XOR, read as a number (Maymounkov, Mazières, IPTPS 2002).
 */
import { hash } from 'node:crypto'

export type KadId = Uint8Array

/** Something with a place in the key space. */
export interface Placed {
  readonly kadId: KadId
}

export const KAD_BITS = 256

export function kadIdOf(bytes: Uint8Array): KadId {
  return hash('sha256', bytes, 'buffer')
}

export function compareKad(a: Placed, b: Placed): number {
  return Buffer.compare(a.kadId, b.kadId)
}

/** How many leading bits two ids share. */
export function commonBits(a: KadId, b: KadId): number {
  for (let i = 0; i < a.length; i++) {
    const difference = a[i]! ^ b[i]!
    if (difference !== 0) return i * 8 + Math.clz32(difference) - 24
  }
  return KAD_BITS
}

/** Is a closer to the target than b: negative, as far: 0, or farther: positive. */
export function compareDistance(target: KadId, a: KadId, b: KadId): number {
  for (let i = 0; i < target.length; i++) {
    const difference = (a[i]! ^ target[i]!) - (b[i]! ^ target[i]!)
    if (difference !== 0) return difference
  }
  return 0
}

/**
 * The closest to a target, the closest first. Descends the implicit trie of the sorted list, near half before far half,
 * so it looks at about count + log(length) elements.
 * @param sorted by compareKad, without duplicates
 */
export function closest<T extends Placed>(sorted: readonly T[], target: KadId, count: number): T[] {
  const found: T[] = []
  descend(sorted, 0, sorted.length, 0, target, count, found)
  return found
}

function descend<T extends Placed>(
  sorted: readonly T[],
  from: number,
  to: number,
  bit: number,
  target: KadId,
  count: number,
  found: T[],
): void {
  if (from >= to || found.length >= count) return
  if (to - from === 1 || bit >= KAD_BITS) {
    for (let i = from; i < to && found.length < count; i++) found.push(sorted[i]!)
    return
  }
  const middle = firstWithBit(sorted, from, to, bit)
  if (bitOf(target, bit) === 0) {
    descend(sorted, from, middle, bit + 1, target, count, found)
    descend(sorted, middle, to, bit + 1, target, count, found)
  } else {
    descend(sorted, middle, to, bit + 1, target, count, found)
    descend(sorted, from, middle, bit + 1, target, count, found)
  }
}

/** First index of a range whose elements share all earlier bits, at which the bit is 1. */
function firstWithBit(sorted: readonly Placed[], from: number, to: number, bit: number): number {
  let low = from
  let high = to
  while (low < high) {
    const middle = (low + high) >>> 1
    if (bitOf(sorted[middle]!.kadId, bit) === 0) low = middle + 1
    else high = middle
  }
  return low
}

function bitOf(id: KadId, bit: number): number {
  return (id[bit >>> 3]! >>> (7 - (bit & 7))) & 1
}

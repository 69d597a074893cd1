import type { Items } from '../../../../node/decisions/fetch/demand.ts'
import { PeerState, type Role } from '../../../../node/decisions/fetch/peer.ts'
import type { Random } from '../../../../protocols/ports.ts'
import { integer } from '../../../support/seeds.ts'

/** `count` blocks of the same length, in segments of `perSegment`. */
export function evenItems(count: number, perSegment: number, length = 65_536): Items {
  return {
    lengths: new Uint32Array(count).fill(length),
    segments: Uint32Array.from({ length: count }, (_, item) => Math.floor(item / perSegment)),
    segmentCount: Math.ceil(count / perSegment),
  }
}

/** Blocks of any length up to a frame, in segments of any size, some of which have none. */
export function randomItems(random: Random, countMax = 400): Items {
  const segmentCount = integer(random, 1, 30)
  const segments: number[] = []
  for (let segment = 0; segment < segmentCount; segment++) {
    const count = random() < 0.1 ? 0 : integer(random, 1, Math.ceil(countMax / segmentCount))
    for (let i = 0; i < count; i++) segments.push(segment)
  }
  const lengths = Uint32Array.from(segments, () =>
    random() < 0.05 ? 1024 * 1024 : integer(random, 1, random() < 0.5 ? 65_536 : 4096),
  )
  return { lengths, segments: Uint32Array.from(segments), segmentCount }
}

export function peerOf(id: string, role: Role = 'swarm', all = false): PeerState {
  const peer = new PeerState(id, role, 0)
  peer.all = all
  return peer
}

export function itemsOf(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i)
}

import type { Items } from '../../../../node/decisions/fetch/demand.ts'
import { PeerState, type Role } from '../../../../node/decisions/fetch/peer.ts'
import type { Random } from '../../../../protocols/ports.ts'
import { integer } from '../../../support/seeds.ts'

/** `count` blocks of the same length, in pieces of `perPiece`. */
export function evenItems(count: number, perPiece: number, length = 65_536): Items {
  return {
    lengths: new Uint32Array(count).fill(length),
    pieces: Uint32Array.from({ length: count }, (_, item) => Math.floor(item / perPiece)),
    pieceCount: Math.ceil(count / perPiece),
  }
}

/** Blocks of any length up to a frame, in pieces of any size, some of which have none. */
export function randomItems(random: Random, countMax = 400): Items {
  const pieceCount = integer(random, 1, 30)
  const pieces: number[] = []
  for (let piece = 0; piece < pieceCount; piece++) {
    const count = random() < 0.1 ? 0 : integer(random, 1, Math.ceil(countMax / pieceCount))
    for (let i = 0; i < count; i++) pieces.push(piece)
  }
  const lengths = Uint32Array.from(pieces, () =>
    random() < 0.05 ? 1024 * 1024 : integer(random, 1, random() < 0.5 ? 65_536 : 4096),
  )
  return { lengths, pieces: Uint32Array.from(pieces), pieceCount }
}

export function peerOf(id: string, role: Role = 'swarm', all = false): PeerState {
  const peer = new PeerState(id, role, 0)
  peer.all = all
  return peer
}

export function itemsOf(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i)
}

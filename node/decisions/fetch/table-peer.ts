import type { Random } from '../../../protocols/ports.ts'
import type { Role } from './peer.ts'

export interface TablePeer {
  readonly role: Role
  /** What it said that it holds of the image. */
  readonly holds: 'all' | 'some' | 'none'
}

/**
 * Whom to ask for a part of the table, at random: somebody who holds some of the image; the builder only where nobody else
 * does; one that said it holds none of it, which may have changed, only after that; one that holds another image as a last
 * resort.
 */
export function chooseTablePeer<P extends TablePeer>(peers: readonly P[], random: Random): P | undefined {
  const swarm = peers.filter(({ role }) => role !== 'hook')
  const holders = swarm.filter(({ role, holds }) => role !== 'builder' && holds !== 'none')
  const builders = swarm.filter(({ role }) => role === 'builder')
  const from = [holders, builders, swarm].find((group) => group.length > 0) ?? peers
  return from[Math.floor(random() * from.length)]
}

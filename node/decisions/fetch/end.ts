import type { Demand } from './demand.ts'
import { END_HEDGE_MS } from './limits.ts'
import type { PeerState, Request } from './peer.ts'

/**
 * What a second peer may be asked for at the end of a fetch: items of a request that has been under way for long, that
 * nobody else was asked for as well, and that the second peer has.
 */
export function lateItems(demand: Demand, owing: PeerState, request: Request, other: PeerState, now: number): number[] {
  if (request.hedged || request.arrivedAt !== undefined) return []
  if (now - request.at < Math.max(END_HEDGE_MS, 2 * Math.min(owing.latencyMs, other.latencyMs))) return []
  const { pieces } = demand.items
  return request.items.filter(
    (item) => demand.isAsked(item) && demand.askers(item) === 1 && other.hasItem(item, pieces[item]!),
  )
}

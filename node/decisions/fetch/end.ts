import type { Demand } from './demand.ts'
import { END_HEDGE_MS } from './limits.ts'
import type { PeerState, Request } from './peer.ts'

/**
 * What a further peer may be asked for at the end of a fetch: items of a request that has been under way for long, that the
 * peer has and was not asked for yet. The more were asked for an item the longer it is waited for; but however many say that
 * they are at work and send nothing, others are asked in the end.
 */
export function lateItems(demand: Demand, owing: PeerState, request: Request, other: PeerState, now: number): number[] {
  if (request.hedged || request.arrivedAt !== undefined) return []
  const lateMs = Math.max(END_HEDGE_MS, 2 * Math.min(owing.latencyMs, other.latencyMs))
  const waitedMs = now - request.at
  if (waitedMs < lateMs) return []
  const { pieces } = demand.items
  return request.items.filter((item) => {
    if (!demand.isAsked(item) || waitedMs < lateMs * demand.askers(item) ** 2) return false
    return other.hasItem(item, pieces[item]!) && !other.owes(item)
  })
}

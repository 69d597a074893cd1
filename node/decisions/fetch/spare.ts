import { BUILDER_SPARE_MS, BUILDER_SPARE_SHARE } from './limits.ts'
import type { PeerState } from './peer.ts'

/**
 * Whether the builder is left alone with what others have too: while they deliver, and not much slower than it does.
 * @param othersRate bytes a second that come from all others together
 */
export function isSpared(builder: PeerState, peers: Iterable<PeerState>, othersRate: number, now: number): boolean {
  if (othersRate > 0 && othersRate >= builder.throughput * BUILDER_SPARE_SHARE) return true
  // Others that were asked a moment ago have not had the time to show how fast they are.
  for (const { role, deliveredAt, requests } of peers) {
    if (role === 'builder' || deliveredAt > 0) continue
    for (const request of requests.values()) if (now - request.at < BUILDER_SPARE_MS) return true
  }
  return false
}

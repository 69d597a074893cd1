/** Gives orders over libp2p. */
import type { Connection, Libp2p, PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { sendOrder } from '../../protocols/orders/handler.ts'
import type { Order, OrderResult } from '../../protocols/orders/messages.ts'
import type { OrderSenderInit } from './sender.ts'

/** With more connections than this, those that were made for an order are closed after it. */
export const CONNECTIONS_KEPT_MAX = 256
/** Addresses of which it is remembered who was there. */
const PEERS_MAX = 10_000

/**
 * A connection is made where there is none yet. libp2p finds those that it has by the peer's id only, and dials an address
 * that comes without one anew, at some 15 ms of the processor on either side; so it is remembered who was at an address.
 */
export function libp2pSend(libp2p: Libp2p): OrderSenderInit['send'] {
  const peers = new Map<string, PeerId>()
  // Asking libp2p for its connections takes long where there are many.
  let open = libp2p.getConnections().length
  libp2p.addEventListener('connection:open', () => open++)
  libp2p.addEventListener('connection:close', () => open--)

  const known = (key: string): Connection | undefined => {
    const peer = peers.get(key)
    return peer && libp2p.getConnections(peer).find(({ status }) => status === 'open')
  }

  return async (address: Multiaddr, order: Order, signal: AbortSignal): Promise<OrderResult> => {
    const key = address.toString()
    const present = known(key)
    if (present !== undefined) {
      try {
        return await sendOrder(present, order, signal)
      } catch (error) {
        // Whoever was there may have gone without a word, or is somebody else now.
        peers.delete(key)
        if (signal.aborted) throw error
      }
    }
    const startedAt = Date.now()
    const connection = await libp2p.dial(address, { signal })
    peers.delete(key)
    peers.set(key, connection.remotePeer)
    if (peers.size > PEERS_MAX) peers.delete(peers.keys().next().value!)
    try {
      return await sendOrder(connection, order, signal)
    } finally {
      const isNew = connection.timeline.open >= startedAt
      if (isNew && open > CONNECTIONS_KEPT_MAX) void connection.close().catch(() => {})
    }
  }
}

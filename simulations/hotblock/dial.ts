/** Opening a session: how long it takes, and what may come of it. */
import { DIAL_TIMEOUT_MS } from '../../node/decisions/fetch/limits.ts'
import type { PeerHint } from '../../node/decisions/swarm-book.ts'
import type { VirtualNode } from './node.ts'
import type { Serving } from './server.ts'
import { HANDSHAKE_ROUND_TRIPS } from './world.ts'

/** What a server says of itself when a session opens. */
export interface Answer {
  readonly serving: Serving
  readonly holds: 'all' | 'some' | 'none'
  readonly pieces: readonly number[]
}

/** Either `opened` or `failed` is called, unless the client ended before. */
export interface Dialling {
  readonly isActive: () => boolean
  readonly opened: (answer: Answer) => void
  readonly failed: () => void
  /** Who may be asked in place of a server that has no room. */
  readonly heardOf: (hints: readonly PeerHint[]) => void
}

/** A handshake of TCP and Noise, then the question. */
export function dial(client: VirtualNode, server: VirtualNode, dialling: Dialling): void {
  const { clock, network } = client.world.run
  let isOver = false
  const isLate = (): boolean => isOver || !dialling.isActive()
  const failed = (): void => {
    if (isOver) return
    isOver = true
    dialling.failed()
  }
  clock.after(DIAL_TIMEOUT_MS, failed)
  const roundTripMs = 2 * network.latencyMs(client.index, server.index)
  clock.after(HANDSHAKE_ROUND_TRIPS * roundTripMs, () => {
    if (!network.reaches(client.index, server.index) && server.gone) return failed()
    client.tell(server, () => {
      if (server.gone || isLate()) return
      const { serving, hints } = server.server.open(client)
      const holds = server.holding.all ? 'all' : server.fetcher === undefined ? 'none' : 'some'
      const pieces = holds === 'some' ? server.holding.pieces : []
      server.tell(client, () => {
        if (!isLate() && serving !== undefined && !serving.connection.closed) {
          isOver = true
          return dialling.opened({ serving, holds, pieces })
        }
        if (serving !== undefined) client.tell(server, () => server.server.left(client))
        failed()
        dialling.heardOf(hints)
      })
    })
  })
}

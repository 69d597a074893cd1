/** How a virtual node comes by the table of the image. */
import { TABLE_PAUSE_MS, TABLE_REQUESTS_MAX } from '../../node/decisions/fetch/limits.ts'
import { chooseTablePeer } from '../../node/decisions/fetch/table-peer.ts'
import { TABLE_TIMEOUT_MS } from '../../protocols/blocks/constants.ts'
import type { VirtualNode } from './node.ts'
import type { Serving } from './server.ts'
import { FRAME_OVERHEAD_BYTES, holdsOf } from './world.ts'

/** With whom the node has a session. */
interface Peer {
  readonly node: VirtualNode
  readonly serving: Serving
  readonly holdsAll: boolean
}

export class TableFetch {
  readonly #node: VirtualNode
  readonly #peers: ReadonlyMap<string, Peer>
  readonly #ended: () => void
  #left: number
  #asked = 0

  /** @param ended called when all of it is here */
  constructor(node: VirtualNode, peers: ReadonlyMap<string, Peer>, ended: () => void) {
    this.#node = node
    this.#peers = peers
    this.#ended = ended
    this.#left = node.world.tableRequests
  }

  /** Asks for parts of it as long as there is somebody to ask. */
  ask(): void {
    while (this.#node.fetcher?.active === true && this.#asked < Math.min(TABLE_REQUESTS_MAX, this.#left)) {
      const peers = [...this.#peers.values()].map((peer) => ({ peer, role: peer.node.role, holds: holdsOf(peer) }))
      const chosen = chooseTablePeer(peers, this.#node.random)
      if (chosen === undefined) return
      this.#askFrom(chosen.peer)
    }
  }

  #askFrom({ node, serving }: Peer): void {
    const { world } = this.#node
    const { clock, network } = world.run
    this.#asked++
    let answered = false
    const again = (): void => {
      if (answered) return
      answered = true
      this.#asked--
      this.ask()
    }
    clock.after(TABLE_TIMEOUT_MS, again)
    this.#node.tell(node, () => {
      if (node.fetcher?.lacksTable === true) {
        node.tell(this.#node, () => clock.after(TABLE_PAUSE_MS, again))
        return
      }
      network.send(serving.connection, world.tableBytes / world.tableRequests + FRAME_OVERHEAD_BYTES, () => {
        if (answered) return
        answered = true
        this.#asked--
        if (--this.#left === 0) this.#ended()
        else this.ask()
      })
    })
  }
}

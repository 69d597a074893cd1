/** How a virtual node finds peers that hold cold blocks in other images. */

import { chooseHookPeers, HOOK_DIALS_MS, hooksToLookUp } from '../../node/decisions/hook-peers.ts'
import type { Candidate } from '../../node/decisions/peer-book.ts'
import { getBit } from '../../protocols/bits.ts'
import type { VirtualNode } from './node.ts'

export interface HookEvents {
  readonly found: (candidates: readonly Candidate[]) => void
  /** The peer answered which items it holds: a bit an item. */
  readonly answered: (peer: VirtualNode, items: Uint8Array) => void
  /** The builder need not wait for hook peers any longer. */
  readonly settled: () => void
}

export class HookSearch {
  readonly #node: VirtualNode
  readonly #events: HookEvents
  /** Peers that advertise cold blocks; of those, who has not been heard yet. */
  readonly #hooked = new Set<string>()
  #waiting: Set<string> | undefined

  constructor(node: VirtualNode, events: HookEvents) {
    this.#node = node
    this.#events = events
  }

  /** Once for each fetch. @param cold whether an item is wanted */
  seek(cold: (item: number) => boolean): void {
    const { world, name } = this.#node
    const hooks = hooksToLookUp(world.hooks.filter(cold))
    if (hooks.length === 0) {
      this.#events.settled()
      return
    }
    world.registry.findHooks(name, hooks, (found) => {
      const candidates = chooseHookPeers(found)
      for (const { peer } of candidates) this.#hooked.add(peer)
      this.#waiting = new Set(this.#hooked)
      this.#events.found(candidates)
      this.#heard()
      world.run.clock.after(HOOK_DIALS_MS, () => this.#settle())
    })
  }

  /** There is a session with the peer: if it advertises cold blocks, it is asked which. */
  opened(peer: VirtualNode): void {
    if (!this.#hooked.has(peer.name)) return
    const node = this.#node
    node.tell(peer, () => {
      const items = peer.holding.bits.slice()
      peer.tell(node, () => {
        this.#events.answered(peer, items)
        this.gone(peer)
      })
    })
  }

  /** The peer could not be reached, or went. */
  gone(peer: VirtualNode): void {
    if (this.#waiting?.delete(peer.name) === true) this.#heard()
  }

  #heard(): void {
    if (this.#waiting?.size === 0) this.#settle()
  }

  #settle(): void {
    if (this.#waiting === undefined) return
    this.#waiting = undefined
    this.#events.settled()
  }
}

/** Who holds what in other images: nodes that were up before the image came. */
export class HookHolders {
  readonly #groups = new Map<Uint8Array, VirtualNode[]>()

  /** @param hot a bit an item */
  add(node: VirtualNode, hot: Uint8Array): void {
    const group = this.#groups.get(hot)
    if (group === undefined) this.#groups.set(hot, [node])
    else group.push(node)
  }

  /** Nodes that hold the item, group by group. */
  holding(item: number): (readonly VirtualNode[])[] {
    return [...this.#groups].flatMap(([hot, nodes]) => (getBit(hot, item) ? [nodes] : []))
  }
}

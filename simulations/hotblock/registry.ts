/** The DHT as a fetch sees it: the daemon's own provider store, and the time that a look-up takes. */

import { HOOK_PROVIDERS_MAX, type HookProvider } from '../../node/decisions/hook-peers.ts'
import { PROVIDERS_PER_KEY_MAX } from '../../protocols/discovery/constants.ts'
import { addProvider, createProviders, getProviders } from '../../protocols/discovery/provider-store.ts'
import type { Random } from '../../protocols/ports.ts'
import type { VirtualClock } from '../clock.ts'
import { HookHolders } from './hooks.ts'
import type { VirtualNode } from './node.ts'

const ROOT_KEY = 'root'
const rackKey = (rack: string): string => `rack ${rack}`

export class Registry {
  readonly #providers = createProviders()
  readonly #clock: VirtualClock
  readonly #random: Random
  readonly #findMs: number
  readonly hookHolders = new HookHolders()

  constructor(clock: VirtualClock, random: Random, findMs: number) {
    this.#clock = clock
    this.#random = random
    this.#findMs = findMs
  }

  /** Says that the node holds or fetches the image; known after a moment. */
  advertise(peer: string, rack: string | undefined): void {
    const keys = rack === undefined ? [ROOT_KEY] : [ROOT_KEY, rackKey(rack)]
    this.#clock.after(this.#findMs, () => {
      addProvider(this.#providers, { peer, addresses: [], keys }, this.#clock.now())
    })
  }

  find(asker: string, found: (peers: string[]) => void): void {
    this.#find(ROOT_KEY, asker, found)
  }

  /** Those of a rack. */
  findNear(asker: string, rack: string, found: (peers: string[]) => void): void {
    this.#find(rackKey(rack), asker, found)
  }

  #find(key: string, asker: string, found: (peers: string[]) => void): void {
    this.#clock.after(this.#findMs, () => {
      const event = { key, limit: PROVIDERS_PER_KEY_MAX, except: asker }
      found(getProviders(this.#providers, event, this.#clock.now(), this.#random).map(({ peer }) => peer))
    })
  }

  /** @param found told the providers of each item */
  findHooks(asker: string, items: readonly number[], found: (providers: HookProvider[][]) => void): void {
    this.#clock.after(this.#findMs, () => {
      found(items.map((item) => this.#draw(this.hookHolders.holding(item), asker)))
    })
  }

  /** Some of all, at random. */
  #draw(groups: readonly (readonly VirtualNode[])[], asker: string): HookProvider[] {
    const all = groups.reduce((sum, group) => sum + group.length, 0)
    const drawn = new Set<VirtualNode>()
    for (let tries = 0; tries < 2 * HOOK_PROVIDERS_MAX && drawn.size < Math.min(all, HOOK_PROVIDERS_MAX); tries++) {
      let at = Math.floor(this.#random() * all)
      for (const group of groups) {
        const node = group[at]
        if (node !== undefined && node.name !== asker && node.joined && !node.gone) drawn.add(node)
        if (node !== undefined) break
        at -= group.length
      }
    }
    return [...drawn].map(({ name }) => ({ peer: name, addresses: [] }))
  }
}

/** The DHT as a fetch sees it: the daemon's own provider store, and the time that a look-up takes. */

import { PROVIDERS_PER_KEY_MAX } from '../../protocols/discovery/constants.ts'
import { addProvider, createProviders, getProviders } from '../../protocols/discovery/provider-store.ts'
import type { Random } from '../../protocols/ports.ts'
import type { VirtualClock } from '../clock.ts'

const ROOT_KEY = 'root'

export class Registry {
  readonly #providers = createProviders()
  readonly #clock: VirtualClock
  readonly #random: Random
  readonly #findMs: number

  constructor(clock: VirtualClock, random: Random, findMs: number) {
    this.#clock = clock
    this.#random = random
    this.#findMs = findMs
  }

  /** Says that the node holds or fetches the image; known after a moment. */
  advertise(peer: string): void {
    this.#clock.after(this.#findMs, () => {
      addProvider(this.#providers, { peer, addresses: [], keys: [ROOT_KEY] }, this.#clock.now())
    })
  }

  find(asker: string, found: (peers: string[]) => void): void {
    this.#clock.after(this.#findMs, () => {
      const event = { key: ROOT_KEY, limit: PROVIDERS_PER_KEY_MAX, except: asker }
      found(getProviders(this.#providers, event, this.#clock.now(), this.#random).map(({ peer }) => peer))
    })
  }
}

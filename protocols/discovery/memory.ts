/** Discovery within one process: a network is one provider store that its members share. */
import { HotblockError } from '../errors.ts'
import { type Clock, type Random, systemClock } from '../ports.ts'
import { PROVIDERS_PER_KEY_MAX, RENEW_MS } from './constants.ts'
import { checkKeys, type Discovery, type FindOptions, type Found, keyText, type Provider } from './discovery.ts'
import { addProvider, createProviders, getProviders, type ProviderState, removeProvider } from './provider-store.ts'

export class MemoryNetwork {
  readonly clock: Clock
  readonly random: Random
  readonly providers: ProviderState = createProviders()
  readonly #members = new Set<MemoryDiscovery>()

  constructor(clock: Clock = systemClock, random: Random = Math.random) {
    this.clock = clock
    this.random = random
  }

  join(self: Provider): Discovery {
    const member = new MemoryDiscovery(this, self)
    this.#members.add(member)
    return member
  }

  leave(member: MemoryDiscovery): void {
    this.#members.delete(member)
  }

  /** Nothing runs by itself in memory, so what is due is renewed when somebody looks for something. */
  renew(): void {
    for (const member of this.#members) member.renew()
  }
}

class MemoryDiscovery implements Discovery {
  readonly #network: MemoryNetwork
  readonly #self: Provider
  readonly #keys = new Set<string>()
  #renewedAt: number
  #closed = false

  constructor(network: MemoryNetwork, self: Provider) {
    this.#network = network
    this.#self = self
    this.#renewedAt = network.clock.now()
  }

  async advertise(keys: Uint8Array[]): Promise<void> {
    checkKeys(keys)
    this.#checkOpen()
    for (const key of keys) this.#keys.add(keyText(key))
    this.#add(keys.map(keyText))
  }

  async withdraw(keys: Uint8Array[]): Promise<void> {
    checkKeys(keys)
    const texts = keys.map(keyText)
    for (const text of texts) this.#keys.delete(text)
    removeProvider(this.#network.providers, { peer: this.#self.peer, keys: texts })
  }

  async find(keys: Uint8Array[], options: FindOptions = {}): Promise<Found[]> {
    checkKeys(keys)
    this.#checkOpen()
    if (options.signal?.aborted) throw new HotblockError('CANCELLED', 'the search for providers was stopped')
    this.#network.renew()
    const limit = Math.min(Math.max(1, options.limit ?? PROVIDERS_PER_KEY_MAX), PROVIDERS_PER_KEY_MAX)
    const { providers, clock, random } = this.#network
    return keys.map((key) => {
      const event = { key: keyText(key), limit, except: this.#self.peer }
      const found = getProviders(providers, event, clock.now(), random)
      return { key, providers: found.map(({ peer, addresses }) => ({ peer, addresses: [...addresses] })) }
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#network.leave(this)
    removeProvider(this.#network.providers, { peer: this.#self.peer, keys: [...this.#keys] })
    this.#keys.clear()
  }

  renew(): void {
    const now = this.#network.clock.now()
    if (now - this.#renewedAt < RENEW_MS) return
    this.#renewedAt = now
    this.#add([...this.#keys])
  }

  #add(keys: string[]): void {
    const now = this.#network.clock.now()
    addProvider(this.#network.providers, { peer: this.#self.peer, addresses: this.#self.addresses, keys }, now)
  }

  #checkOpen(): void {
    if (this.#closed) throw new HotblockError('CANCELLED', 'discovery is closed')
  }
}

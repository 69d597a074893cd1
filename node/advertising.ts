import type { Discovery } from '../protocols/discovery/discovery.ts'
import { rackKey } from '../protocols/discovery/rack-key.ts'
import type { Log } from '../protocols/ports.ts'
import { advertiseChange, keysToAdvertise } from './decisions/advertise.ts'
import type { Store } from './store/store.ts'

/** Changes of the store are gathered for so long before the DHT hears of them. */
const SETTLE_MS = 300

/** Keeps what the DHT says of this node in step with its store. */
export class Advertising {
  readonly #store: Store
  readonly #discovery: Discovery
  readonly #hookBits: number
  readonly #rack: string | undefined
  readonly #log: Log
  #advertised = new Map<string, Uint8Array>()
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()
  #closed = false

  /** @param init.rack where this node stands, if it knows */
  constructor(init: { store: Store; discovery: Discovery; hookBits: number; rack?: string | undefined; log: Log }) {
    this.#store = init.store
    this.#discovery = init.discovery
    this.#hookBits = init.hookBits
    this.#rack = init.rack
    this.#log = init.log
  }

  get keys(): number {
    return this.#advertised.size
  }

  /** The store has changed. */
  changed(): void {
    if (this.#closed) return
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#running = this.#running.then(() => this.#update())
    }, SETTLE_MS)
  }

  /** Brings the DHT up to date now, and waits for it. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#running = this.#running.then(() => this.#update())
    await this.#running
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#running
  }

  async #update(): Promise<void> {
    if (this.#closed) return
    const images = this.#store.images().flatMap(({ root }) => {
      const { digest } = root.multihash
      const keys = this.#rack === undefined ? [digest] : [digest, rackKey(digest, this.#rack)]
      return keys.map((key) => ({ key, serves: true }))
    })
    const wanted = keysToAdvertise(images, this.#store.blocks.sampled(this.#hookBits))
    const { advertise, withdraw } = advertiseChange(this.#advertised, wanted)
    this.#advertised = wanted
    try {
      if (withdraw.length > 0) await this.#discovery.withdraw(withdraw)
      if (advertise.length > 0) await this.#discovery.advertise(advertise)
      this.#log.debug({ advertised: wanted.size, added: advertise.length, withdrawn: withdraw.length }, 'advertised')
    } catch (error) {
      this.#log.warn({ error: String(error) }, 'not all keys could be advertised')
    }
  }
}

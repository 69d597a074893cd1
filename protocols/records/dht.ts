/**
 * Publishing and looking up records on the Kademlia DHT.
 *
 * The push between connected peers is what spreads news; the DHT is where a node finds a record that it missed. Values
 * live 48 hours on the nodes that store them, so the builder stores its records again, and holders theirs now and then:
 * whoever runs the node calls republish() at its own pace (REPUBLISH_MS is a good one).
 */
import type { KadDHT } from '@libp2p/kad-dht'
import { HotblockError } from '../errors.ts'
import { type Log, type Random, silentLog } from '../ports.ts'
import type { HeldRecord, RecordBook } from './book.ts'
import { DHT_LOOKUP_TIMEOUT_MS, DHT_PUBLISH_TIMEOUT_MS } from './constants.ts'
import { dhtKey, type RecordNamespace } from './dht-namespace.ts'
import { type ImageRecord, openRecord } from './record.ts'

/** How often republish() is due. */
export const REPUBLISH_MS = 6 * 60 * 60 * 1000
/** Of the records of other builders a holder stores so many of a hundred again at each republish(). */
const HOLDER_SHARE = 0.1
const REPUBLISH_RECORDS_MAX = 1024

export interface RecordDhtInit {
  readonly dht: KadDHT
  readonly namespace: RecordNamespace
  readonly book: RecordBook
  /** This node's peer id. */
  readonly self: string
  readonly log?: Log
  readonly random?: Random
}

export class RecordDht {
  readonly #dht: KadDHT
  readonly #namespace: RecordNamespace
  readonly #book: RecordBook
  readonly #self: string
  readonly #log: Log
  readonly #random: Random

  constructor(init: RecordDhtInit) {
    this.#dht = init.dht
    this.#namespace = init.namespace
    this.#book = init.book
    this.#self = init.self
    this.#log = init.log ?? silentLog
    this.#random = init.random ?? Math.random
  }

  /**
   * Stores a record on this node and on the peers closest to its key. Peers that cannot be reached are no failure: in a
   * network of one node it is stored here, and spreads with republish() and with the push.
   * @returns how many other peers stored it
   * @throws BAD_RECORD, BAD_NAME; STALE_RECORD where this node stores a newer one
   */
  async publish(bytes: Uint8Array): Promise<{ peers: number }> {
    const { builder, name } = await openRecord(bytes)
    const key = dhtKey(builder, name)
    // kad-dht stores locally without asking the validator.
    await this.#namespace.validate(key, bytes)
    const stored = new Set<string>()
    try {
      const signal = AbortSignal.timeout(DHT_PUBLISH_TIMEOUT_MS)
      for await (const event of this.#dht.put(key, bytes, { signal })) {
        if (event.name === 'PEER_RESPONSE' && event.messageName === 'PUT_VALUE') stored.add(event.from.toString())
      }
    } catch (error) {
      this.#log.debug({ builder, name, error: String(error) }, 'a record was not stored on all close peers')
    }
    return { peers: stored.size }
  }

  /**
   * Looks a record up, also past what the book has.
   * @returns the newest genuine record that was found, or undefined; it is not taken into the book
   */
  async lookup(
    builder: string,
    name: string,
    options: { timeoutMs?: number; signal?: AbortSignal } = {},
  ): Promise<{ record: ImageRecord; bytes: Uint8Array } | undefined> {
    const key = dhtKey(builder, name)
    const timeout = AbortSignal.timeout(options.timeoutMs ?? DHT_LOOKUP_TIMEOUT_MS)
    const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal])
    let best: { record: ImageRecord; bytes: Uint8Array } | undefined
    const consider = async (bytes: Uint8Array): Promise<void> => {
      const record = await openRecord(bytes).catch(() => undefined)
      if (record === undefined || record.builder !== builder || record.name !== name) return
      if (best === undefined || record.sequence > best.record.sequence) best = { record, bytes: Uint8Array.from(bytes) }
    }
    try {
      for await (const event of this.#dht.get(key, { signal })) {
        // Answers are looked at as they come, so that a time-out still returns the best of what was found.
        if (event.name === 'VALUE') await consider(event.value)
        if (event.name === 'PEER_RESPONSE' && event.record !== undefined) await consider(event.record.value)
      }
    } catch (error) {
      if (options.signal?.aborted) {
        throw new HotblockError('CANCELLED', `the look-up of ${name} was stopped`, { name, builder }, error)
      }
      this.#log.debug({ builder, name, error: String(error) }, 'a look-up on the DHT ended early')
    }
    return best
  }

  /** Stores this node's own records again, and a few of the others that it holds; drops values past their life. Never rejects. */
  async republish(): Promise<{ records: number }> {
    try {
      await this.#namespace.sweep()
    } catch (error) {
      this.#log.warn({ error: String(error) }, 'old values of the DHT were not dropped')
    }
    const due = this.#book.list().filter((held) => this.#isDue(held))
    let records = 0
    for (const held of due.slice(0, REPUBLISH_RECORDS_MAX)) {
      try {
        await this.publish(held.bytes)
        records += 1
      } catch (error) {
        this.#log.debug({ name: held.record.name, error: String(error) }, 'a record was not published again')
      }
    }
    return { records }
  }

  #isDue(held: HeldRecord): boolean {
    return held.record.builder === this.#self || this.#random() < HOLDER_SHARE
  }
}

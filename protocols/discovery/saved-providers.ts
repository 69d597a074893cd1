/**
 * Provider records on disk, so that a node that restarts still answers for the keys that it is responsible for. One row a
 * peer, written a while after its records changed; what a crash loses of that, the peers send again when they reconnect.
 *
 *     /hotblock/providers/PEER   [[address…], [key…], [milliseconds since the epoch at which the record ends…]]
 */
import * as cbor from '@ipld/dag-cbor'
import { type Datastore, Key } from 'interface-datastore'
import type { Log } from '../ports.ts'
import { ADDRESSES_PER_PROVIDER_MAX, KEYS_PER_PEER_MAX } from './constants.ts'
import { isKey, keyOfText, keyText } from './discovery.ts'
import { plainAddress } from './messages.ts'
import { type ProviderState, providerKeys, restoreProviders } from './provider-store.ts'

const PREFIX = '/hotblock/providers'

export interface SavedInit {
  readonly datastore: Datastore
  readonly providers: ProviderState
  readonly log: Log
  /** Milliseconds since the epoch. */
  readonly wallClock: () => number
}

type Row = { peer: string; addresses: string[]; key: string; leftMs: number }[]

export class SavedProviders {
  readonly #init: SavedInit
  readonly #changed = new Set<string>()
  /** Peers that have a row. */
  readonly #rows = new Set<string>()
  #saving: Promise<void> = Promise.resolve()

  constructor(init: SavedInit) {
    this.#init = init
  }

  /** Reads what was saved, before anything else is added; damaged rows are left out. @returns how many records it took */
  async load(now: number): Promise<number> {
    const { datastore, providers, log, wallClock } = this.#init
    const records: Row = []
    for await (const { key, value } of datastore.query({ prefix: PREFIX })) {
      const peer = key.name()
      this.#rows.add(peer)
      if (records.length >= providers.limits.recordsMax) continue
      try {
        for (const record of readRow(peer, value, wallClock())) records.push(record)
      } catch (error) {
        log.warn({ peer, error: String(error) }, 'saved provider records are damaged and are ignored')
      }
    }
    return restoreProviders(providers, records, now)
  }

  /** The peer's records came or went. */
  changed(peer: string): void {
    this.#changed.add(peer)
  }

  get isDue(): boolean {
    return this.#changed.size > 0
  }

  /** Writes what changed, and drops the rows of peers that have no records any more. Never rejects. */
  save(now: number): Promise<void> {
    this.#saving = this.#saving.then(() => this.#write(now))
    return this.#saving
  }

  async #write(now: number): Promise<void> {
    const { datastore, providers, log, wallClock } = this.#init
    const due = [...this.#changed]
    this.#changed.clear()
    try {
      for (const peer of due) {
        const kept = providerKeys(providers, peer, now)
        if (kept === undefined) continue
        const keys = kept.keys.map(({ key }) => keyOfText(key))
        const ends = kept.keys.map(({ leftMs }) => Math.round(wallClock() + leftMs))
        this.#rows.add(peer)
        await datastore.put(rowKey(peer), cbor.encode([kept.addresses, keys, ends]))
      }
      for (const peer of this.#rows) {
        if (providers.byPeer.has(peer)) continue
        await datastore.delete(rowKey(peer))
        this.#rows.delete(peer)
      }
    } catch (error) {
      for (const peer of due) this.#changed.add(peer)
      log.warn({ error: String(error) }, 'provider records were not saved')
    }
  }
}

function rowKey(peer: string): Key {
  return new Key(`${PREFIX}/${peer}`)
}

function readRow(peer: string, value: Uint8Array, wallNow: number): Row {
  const [addresses, keys, ends] = cbor.decode<[unknown, unknown, unknown]>(value)
  if (!Array.isArray(addresses) || !Array.isArray(keys) || !Array.isArray(ends)) throw new Error('no lists')
  if (keys.length !== ends.length || keys.length > KEYS_PER_PEER_MAX) throw new Error('keys and ends differ')
  const plain = addresses.slice(0, ADDRESSES_PER_PROVIDER_MAX).flatMap((one) => plainAddress(String(one)) ?? [])
  return keys.map((key, at) => {
    if (!isKey(key) || !Number.isSafeInteger(ends[at])) throw new Error('a key or its end is none')
    return { peer, addresses: plain, key: keyText(key), leftMs: ends[at] - wallNow }
  })
}

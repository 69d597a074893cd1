/**
 * Records as values of the Kademlia DHT, key /hotblock/BUILDER/NAME: what a node stores for others.
 *
 * kad-dht runs the validator before it stores a value that a peer sends, and nothing else; so it is the validator that
 * keeps an older record from replacing a newer one, and that bounds how much builders unknown to this node may store.
 * The highest sequence of each key is kept in memory, read once from the datastore.
 */
import { type Selectors, type Validators, Record as Value } from '@libp2p/kad-dht'
import type { Datastore } from 'interface-datastore'
import { HotblockError } from '../errors.ts'
import {
  DHT_FOREIGN_BUILDERS_MAX,
  DHT_FOREIGN_NAMES_MAX,
  DHT_NAMESPACE,
  DHT_TRUSTED_NAMES_MAX,
  DHT_VALUE_LIFE_MS,
} from './constants.ts'
import { isName } from './name.ts'
import { type ImageRecord, label, openRecord } from './record.ts'

/** Where kad-dht keeps values, with its default prefix: below it the base32 of the key. */
const VALUES_PREFIX = '/dht/record'
const KEY_BYTES_MAX = 512

export function dhtKey(builder: string, name: string): Uint8Array {
  return Buffer.from(`/${DHT_NAMESPACE}/${builder}/${name}`)
}

/** @throws BAD_RECORD when it is no key of a record */
export function parseDhtKey(key: Uint8Array): { builder: string; name: string } {
  const parts = key.length <= KEY_BYTES_MAX ? Buffer.from(key).toString('utf8').split('/') : []
  const [empty, namespace, builder, name] = parts
  if (parts.length !== 4 || empty !== '' || namespace !== DHT_NAMESPACE || !builder || !isName(name)) {
    throw new HotblockError('BAD_RECORD', 'a DHT key is not that of a record')
  }
  return { builder, name }
}

export interface NamespaceInit {
  /** The datastore that the host gives to kad-dht. */
  readonly datastore: Datastore
  /** Builders that this node trusts may store more names. */
  readonly trusts?: (builder: string) => boolean
  /** Milliseconds since the epoch. */
  readonly now?: () => number
}

export class RecordNamespace {
  readonly #datastore: Datastore
  readonly #trusts: (builder: string) => boolean
  readonly #now: () => number
  /** Builder, name → highest sequence seen. */
  readonly #highest = new Map<string, Map<string, number>>()
  #loaded: Promise<void> | undefined

  constructor(init: NamespaceInit) {
    this.#datastore = init.datastore
    this.#trusts = init.trusts ?? (() => false)
    this.#now = init.now ?? Date.now
  }

  /** For kad-dht's `validators`. */
  get validators(): Validators {
    return { [DHT_NAMESPACE]: (key, value) => this.validate(key, value) }
  }

  /** For kad-dht's `selectors`: the highest sequence wins. */
  get selectors(): Selectors {
    return { [DHT_NAMESPACE]: (_key, values) => select(values, this.#now()) }
  }

  /** @throws BAD_RECORD, STALE_RECORD */
  async validate(key: Uint8Array, value: Uint8Array): Promise<void> {
    const record = await this.#check(key, value)
    await this.#ready()
    const known = this.#highest.get(record.builder)?.get(record.name)
    if (known !== undefined && record.sequence < known) {
      const { builder, name, sequence } = record
      throw new HotblockError('STALE_RECORD', `${label(record)}: ${known} is known`, { builder, name, sequence, known })
    }
    this.#note(record)
  }

  /** Deletes stored values that are past their life, or are no records. @returns how many it deleted */
  async sweep(): Promise<number> {
    await this.#ready()
    const dead = []
    for await (const { key, value } of this.#datastore.query({ prefix: VALUES_PREFIX })) {
      const stored = readValue(value)
      if (stored !== undefined && !isOurs(stored.key)) continue
      const received = stored?.timeReceived.getTime() ?? 0
      if (this.#now() - received <= DHT_VALUE_LIFE_MS) continue
      dead.push(key)
      if (stored !== undefined) this.#forget(stored.key)
    }
    for (const key of dead) await this.#datastore.delete(key)
    return dead.length
  }

  async #check(key: Uint8Array, value: Uint8Array): Promise<ImageRecord> {
    const { builder, name } = parseDhtKey(key)
    const record = await openRecord(value, this.#now())
    if (record.builder !== builder || record.name !== name) {
      throw new HotblockError('BAD_RECORD', `${label(record)} was stored under the key of ${name} of ${builder}`)
    }
    return record
  }

  #ready(): Promise<void> {
    this.#loaded ??= this.#load().catch((error) => {
      this.#loaded = undefined
      throw error
    })
    return this.#loaded
  }

  async #load(): Promise<void> {
    for await (const { value } of this.#datastore.query({ prefix: VALUES_PREFIX })) {
      const stored = readValue(value)
      if (stored === undefined || !isOurs(stored.key)) continue
      try {
        this.#note(await this.#check(stored.key, stored.value))
      } catch {
        // A damaged value is as good as none; the next good one replaces it.
      }
    }
  }

  #note(record: ImageRecord): void {
    const { builder, name, sequence } = record
    const trusted = this.#trusts(builder)
    let names = this.#highest.get(builder)
    if (names === undefined) {
      if (!trusted && this.#highest.size >= DHT_FOREIGN_BUILDERS_MAX) throw full(record)
      names = new Map()
      this.#highest.set(builder, names)
    }
    const most = trusted ? DHT_TRUSTED_NAMES_MAX : DHT_FOREIGN_NAMES_MAX
    if (!names.has(name) && names.size >= most) throw full(record)
    names.set(name, sequence)
  }

  #forget(key: Uint8Array): void {
    const { builder, name } = parseDhtKey(key)
    const names = this.#highest.get(builder)
    names?.delete(name)
    if (names?.size === 0) this.#highest.delete(builder)
  }
}

function full(record: ImageRecord): HotblockError {
  return new HotblockError('BAD_RECORD', `${label(record)}: this node keeps no more values of builders`)
}

/** @returns the index of the value with the highest sequence; the first of equals */
async function select(values: Uint8Array[], now: number): Promise<number> {
  let best = 0
  let highest = 0
  for (const [at, value] of values.entries()) {
    try {
      const { sequence } = await openRecord(value, now)
      if (sequence > highest) {
        highest = sequence
        best = at
      }
    } catch {
      // A value that does not open never wins over one that does.
    }
  }
  return best
}

function readValue(bytes: Uint8Array): Value | undefined {
  try {
    return Value.deserialize(bytes)
  } catch {
    return undefined
  }
}

function isOurs(key: Uint8Array): boolean {
  try {
    parseDhtKey(key)
    return true
  } catch {
    return false
  }
}

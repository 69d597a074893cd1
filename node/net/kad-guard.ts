/**
 * What kad-dht must not keep. It stores provider records and public keys for any peer, as many as are sent, for days;
 * hotblock uses neither (discovery has its own, bounded records, and Ed25519 peer ids are their own keys).
 */
import type { Validators } from '@libp2p/kad-dht'
import type { Batch, Datastore, Key, KeyQuery, Pair, Query } from 'interface-datastore'

const PROVIDERS_PREFIX = '/dht/provider'

/** For kad-dht's `validators`: no public keys are stored. */
export const NO_PUBLIC_KEYS: Validators = {
  pk: async () => {
    throw new Error('public keys are not kept here')
  },
}

/** A datastore that refuses kad-dht's provider records, and is otherwise the one that it is given. */
export class GuardedDatastore implements Datastore {
  readonly #inner: Datastore

  constructor(inner: Datastore) {
    this.#inner = inner
  }

  put(key: Key, value: Uint8Array, options?: object) {
    if (isRefused(key)) throw new Error('provider records of kad-dht are not kept here')
    return this.#inner.put(key, value, options)
  }

  get(key: Key, options?: object) {
    return this.#inner.get(key, options)
  }

  has(key: Key, options?: object) {
    return this.#inner.has(key, options)
  }

  delete(key: Key, options?: object) {
    return this.#inner.delete(key, options)
  }

  putMany(source: Iterable<Pair> | AsyncIterable<Pair>, options?: object) {
    return this.#inner.putMany(source, options)
  }

  getMany(source: Iterable<Key> | AsyncIterable<Key>, options?: object) {
    return this.#inner.getMany(source, options)
  }

  deleteMany(source: Iterable<Key> | AsyncIterable<Key>, options?: object) {
    return this.#inner.deleteMany(source, options)
  }

  batch(): Batch {
    return this.#inner.batch()
  }

  query(query: Query, options?: object) {
    return this.#inner.query(query, options)
  }

  queryKeys(query: KeyQuery, options?: object) {
    return this.#inner.queryKeys(query, options)
  }
}

function isRefused(key: Key): boolean {
  return key.toString().startsWith(PROVIDERS_PREFIX)
}

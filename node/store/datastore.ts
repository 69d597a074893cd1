import { BaseDatastore } from 'datastore-core'
import { type Batch, Key, type KeyQuery, type Pair, type Query } from 'interface-datastore'
import { NotFoundError } from 'interface-store'
import type { Rows } from './rows.ts'

/** What libp2p keeps, in rows of the store: queries by prefix read only the rows that have it. */
export class RowDatastore extends BaseDatastore {
  readonly #rows: Rows

  constructor(rows: Rows) {
    super()
    this.#rows = rows
  }

  override async put(key: Key, value: Uint8Array): Promise<Key> {
    await this.#rows.put(key.toString(), value)
    return key
  }

  /** @throws NotFoundError of interface-store, as a datastore does */
  override async get(key: Key): Promise<Uint8Array> {
    const value = this.#rows.get(key.toString())
    if (value === undefined) throw new NotFoundError(`nothing under ${key}`)
    return value
  }

  override async has(key: Key): Promise<boolean> {
    return this.#rows.has(key.toString())
  }

  override async delete(key: Key): Promise<void> {
    await this.#rows.delete(key.toString())
  }

  override batch(): Batch {
    let puts: { key: string; value: Uint8Array }[] = []
    let deletes: string[] = []
    return {
      put: (key, value) => void puts.push({ key: key.toString(), value }),
      delete: (key) => void deletes.push(key.toString()),
      commit: async () => {
        const changes = [puts, deletes] as const
        puts = []
        deletes = []
        await this.#rows.write(...changes)
      },
    }
  }

  override async *_all({ prefix = '' }: Query): AsyncGenerator<Pair> {
    for await (const { key, value } of this.#rows.walk(prefix)) yield { key: new Key(key, false), value }
  }

  override async *_allKeys({ prefix = '' }: KeyQuery): AsyncGenerator<Key> {
    for await (const key of this.#rows.walkKeys(prefix)) yield new Key(key, false)
  }
}

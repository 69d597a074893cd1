import { HotblockError } from '../../protocols/errors.ts'
import { type IndexRoom, SMALL_ROOM_BYTES } from './index-file.ts'
import { type BinaryDatabase, indexFailure } from './lmdb.ts'

export const ROW_KEY_BYTES_MAX = 1024
/** Rows that a listing reads before the event loop has its turn. */
const LIST_ROWS = 256

/** Rows under text keys, in the order of the keys' bytes. */
export class Rows {
  readonly #db: BinaryDatabase
  readonly #room: IndexRoom

  constructor(db: BinaryDatabase, room: IndexRoom = () => {}) {
    this.#db = db
    this.#room = room
  }

  get(key: string): Uint8Array | undefined {
    const found = this.#db.getBinary(encodeKey(key))
    return found && plain(found)
  }

  has(key: string): boolean {
    return this.#db.doesExist(encodeKey(key))
  }

  /** @returns when the row is committed. @throws NO_SPACE */
  put(key: string, value: Uint8Array): Promise<void> {
    return this.write([{ key, value }], [])
  }

  delete(key: string): Promise<void> {
    return this.write([], [key])
  }

  /** Many changes in one transaction. */
  async write(puts: readonly { key: string; value: Uint8Array }[], deletes: readonly string[]): Promise<void> {
    const added = puts.map(({ key, value }) => ({ key: encodeKey(key), value }))
    const removed = deletes.map(encodeKey)
    try {
      this.#room(SMALL_ROOM_BYTES + puts.reduce((sum, { value }) => sum + value.length, 0))
      await this.#db.batch(() => {
        for (const { key, value } of added) this.#db.put(key, value)
        for (const key of removed) this.#db.remove(key)
      })
    } catch (error) {
      throw indexFailure(error)
    }
  }

  /** All rows whose key begins with `prefix`. */
  list(prefix: string): { key: string; value: Uint8Array }[] {
    return [...this.#db.getRange(rangeOf(prefix))].map(({ key, value }) => ({
      key: decodeKey(key),
      value: plain(value),
    }))
  }

  /** The same a few at a time, for what may be long; rows that change meanwhile are seen or not. */
  async *walk(prefix: string): AsyncGenerator<{ key: string; value: Uint8Array }> {
    for await (const rows of this.#slices(prefix, (range) => [...this.#db.getRange(range)])) {
      for (const { key, value } of rows) yield { key: decodeKey(key), value: plain(value) }
    }
  }

  async *walkKeys(prefix: string): AsyncGenerator<string> {
    const keys = (range: Range) => [...this.#db.getKeys(range)].map((key) => ({ key }))
    for await (const rows of this.#slices(prefix, keys)) for (const { key } of rows) yield decodeKey(key)
  }

  /** No snapshot is held while the consumer thinks: it would keep the index from reusing its pages. */
  async *#slices<T extends { key: Uint8Array }>(prefix: string, read: (range: Range) => T[]): AsyncGenerator<T[]> {
    let range = rangeOf(prefix)
    for (;;) {
      const rows = read({ ...range, limit: LIST_ROWS })
      yield rows
      if (rows.length < LIST_ROWS) return
      range = { ...range, start: rows.at(-1)!.key, exclusiveStart: true }
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

interface Range {
  readonly start: Uint8Array
  readonly end?: Uint8Array
  readonly limit?: number
  readonly exclusiveStart?: boolean
}

/** Keys with a prefix are those from it to the same bytes with the last one raised; no UTF-8 has a byte 0xff. */
function rangeOf(prefix: string): Range {
  const start = Buffer.from(prefix)
  if (start.length === 0) return { start: Uint8Array.of(0) }
  const end = Buffer.from(start)
  end[end.length - 1]!++
  return { start, end }
}

function encodeKey(key: string): Uint8Array {
  const bytes = Buffer.from(key)
  if (bytes.length >= 1 && bytes.length <= ROW_KEY_BYTES_MAX) return bytes
  throw new HotblockError('BAD_MESSAGE', `a key of the store has 1 to ${ROW_KEY_BYTES_MAX} bytes, not ${bytes.length}`)
}

function decodeKey(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString()
}

function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

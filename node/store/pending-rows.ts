import { asHotblockError, type HotblockError } from '../../protocols/errors.ts'
import { HASH_BYTES } from '../../protocols/table/constants.ts'
import type { BlockRows } from './block-rows.ts'
import { KEY_BYTES, PREFIX_BYTES } from './place.ts'

/** Changed rows that wait before they are written: together they share pages, each alone costs one. */
const PENDING_MAX = 16_384
/** Changed rows at which whoever brings more waits until some are written. */
const PENDING_LIMIT = 4 * PENDING_MAX
/** Rows that are written before the event loop has its turn: some 3 ms. */
const SLICE_ROWS = 512

/** Keys and values as text, a character a byte, which takes a fifth of what arrays of bytes do; undefined: the row goes. */
type Changes = Map<string, string | undefined>

/**
 * The rows of the index of blocks with the changes that are still in memory. Hashes lie anywhere, so that a row alone
 * costs a page: changes are gathered, sorted and written together. All readers see them at once; they are on the disk
 * after flush(). What a crash takes is what an unfinished image brought, which is hashed again when it is gone on with.
 */
export class PendingRows {
  readonly #rows: BlockRows
  readonly #written: () => void
  #pending: Changes = new Map()
  #writing: Changes = new Map()
  /** First bytes of all keys that are pending or being written. */
  #prefixes = new Set<string>()
  #entries: number
  #running: Promise<void> | undefined

  /** @param written called after each change of the file */
  constructor(rows: BlockRows, written: () => void) {
    this.#rows = rows
    this.#written = written
    this.#entries = rows.entries
  }

  get entries(): number {
    return this.#entries
  }

  get(key: Uint8Array): Uint8Array | undefined {
    if (this.#pending.size + this.#writing.size > 0) {
      const text = textOf(key)
      const changes = this.#pending.has(text) ? this.#pending : this.#writing
      if (changes.has(text)) return placesOf(changes.get(text))
    }
    return this.#rows.get(key)
  }

  /** Of hashes that lie one after the other: values of those that are there, under their positions. */
  getMany(hashes: Uint8Array): Map<number, Uint8Array> {
    const found = this.#rows.getMany(hashes)
    if (this.#pending.size + this.#writing.size === 0) return found
    for (let i = 0; i * HASH_BYTES < hashes.length; i++) {
      const text = textOf(hashes.subarray(i * HASH_BYTES, i * HASH_BYTES + KEY_BYTES))
      const changes = this.#pending.has(text) ? this.#pending : this.#writing
      if (!changes.has(text)) continue
      const value = placesOf(changes.get(text))
      if (value === undefined) found.delete(i)
      else found.set(i, value)
    }
    return found
  }

  /** @param before what get() says of the key; @param after undefined: the row goes */
  set(key: Uint8Array, before: Uint8Array | undefined, after: Uint8Array | undefined): void {
    const text = textOf(key)
    this.#pending.set(text, after && latin1(after))
    this.#prefixes.add(text.slice(0, PREFIX_BYTES))
    this.#entries += (after === undefined ? 0 : 1) - (before === undefined ? 0 : 1)
    // What fails here fails again where somebody waits for it.
    if (this.#pending.size >= PENDING_MAX) this.#write().catch(() => {})
  }

  /** Whether so much is pending that who brings more has to wait for written(). */
  get full(): boolean {
    return this.#pending.size >= PENDING_LIMIT
  }

  /** Whether a row begins so; rows that were taken away count until they are written. */
  hasPrefix(prefix: Uint8Array): boolean {
    if (this.#prefixes.has(textOf(prefix))) return true
    const [row] = this.#rows.range({ start: prefix, limit: 1 })
    return row !== undefined && prefix.every((byte, at) => byte === row.key[at])
  }

  /** All keys before `end`, in order. */
  keys(end?: Uint8Array): Uint8Array[] {
    const changed = new Map([...this.#writing, ...this.#pending])
    const keys = this.#rows
      .range(end === undefined ? {} : { end })
      .map(({ key }) => textOf(key))
      .filter((text) => !changed.has(text))
    const last = end && textOf(end)
    for (const [text, value] of changed) if (value !== undefined && (last === undefined || text < last)) keys.push(text)
    return keys.sort().map(bytesOf)
  }

  /** Resolves when everything is in the file, for all who open it. @throws NO_SPACE */
  async written(): Promise<void> {
    while (this.#pending.size + this.#writing.size > 0) await this.#write()
  }

  /** Resolves when everything is on the disk. @throws NO_SPACE */
  async flush(): Promise<void> {
    await this.written()
    await this.#rows.flush()
  }

  #write(): Promise<void> {
    this.#running ??= this.#writePending().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #writePending(): Promise<void> {
    // A turn of the event loop gathers what others bring at the same time.
    await new Promise((resolve) => setImmediate(resolve))
    this.#writing = this.#pending
    this.#pending = new Map()
    const entries = this.#entries
    try {
      await this.#rows.begin()
      const keys = [...this.#writing.keys()].sort()
      for (let from = 0; from < keys.length; from += SLICE_ROWS) {
        for (const text of keys.slice(from, from + SLICE_ROWS)) this.#apply(text)
        await new Promise((resolve) => setImmediate(resolve))
      }
      this.#rows.commit(entries)
    } catch (error) {
      const failure = asHotblockError(this.#rows.rollback(error))
      this.#pending = new Map([...this.#writing, ...this.#pending])
      this.#writing = new Map()
      throw failure satisfies HotblockError
    }
    this.#writing = new Map()
    this.#prefixes = new Set([...this.#pending.keys()].map((text) => text.slice(0, PREFIX_BYTES)))
    this.#written()
  }

  #apply(text: string): void {
    const places = this.#writing.get(text)
    if (places === undefined) this.#rows.remove(bytesOf(text))
    else this.#rows.put(bytesOf(text), bytesOf(places))
  }
}

function textOf(key: Uint8Array): string {
  return latin1(key.length > KEY_BYTES ? key.subarray(0, KEY_BYTES) : key)
}

function placesOf(text: string | undefined): Uint8Array | undefined {
  return text === undefined ? undefined : bytesOf(text)
}

function latin1({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString('latin1')
}

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'latin1')
}

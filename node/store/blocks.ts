import { HASH_BYTES } from '../../protocols/table/constants.ts'
import { type IndexRoom, SMALL_ROOM_BYTES } from './index-file.ts'
import {
  endOfSample,
  imageAt,
  KEY_BYTES,
  PLACE_BYTES,
  PLACES_FOUND_DEFAULT,
  PREFIX_BYTES,
  placesOf,
  type StateOf,
  withoutPlace,
  withPlace,
} from './place.ts'
import type { BlockIndex, Place } from './store.ts'
import { type BinaryDatabase, RowWriter } from './writer.ts'

/** Entries that one slice of a scan looks at before the event loop has its turn. */
const SCAN_ROWS = 4096

/** The index as the store itself uses it. */
export interface ManagedBlockIndex extends BlockIndex {
  /**
   * Forgets all places of an image.
   *
   * @param hashes hashes of the image's blocks, 32 bytes each, in portions; where they are not known, the whole index is
   *   looked through
   */
  dropImage(image: number, hashes?: Iterable<Uint8Array>): Promise<void>
}

/** The index of blocks on LMDB. Writes of all callers go through one queue, so that none undoes another's. */
export class LmdbBlockIndex implements ManagedBlockIndex {
  readonly #db: BinaryDatabase
  readonly #stateOf: StateOf
  readonly #writer: RowWriter

  /** @param step called after each transaction; tests crash there */
  constructor(
    db: BinaryDatabase,
    stateOf: StateOf,
    step: (name: string) => void = () => {},
    room: IndexRoom = () => {},
  ) {
    this.#db = db
    this.#stateOf = stateOf
    this.#writer = new RowWriter(db, () => step('index'), room)
  }

  get size(): number {
    return (this.#db.getStats() as { entryCount: number }).entryCount
  }

  find(hashes: Uint8Array, most = PLACES_FOUND_DEFAULT): Place[][] {
    const found: Place[][] = []
    for (let at = 0; at < hashes.length; at += HASH_BYTES) {
      const value = this.#value(hashes, at)
      found.push(value === undefined ? [] : placesOf(value, value.length, this.#stateOf, most))
    }
    return found
  }

  has(hashes: Uint8Array): Uint8Array {
    const found = new Uint8Array(hashes.length / HASH_BYTES)
    for (let i = 0; i < found.length; i++) {
      const value = this.#value(hashes, i * HASH_BYTES)
      if (value === undefined) continue
      for (let at = 0; at < value.length && found[i] === 0; at += PLACE_BYTES) {
        if (this.#stateOf(imageAt(value, at)) !== undefined) found[i] = 1
      }
    }
    return found
  }

  hasPrefix(prefixes: Uint8Array): Uint8Array {
    const found = new Uint8Array(prefixes.length / PREFIX_BYTES)
    for (let i = 0; i < found.length; i++) {
      const start = prefixes.subarray(i * PREFIX_BYTES, (i + 1) * PREFIX_BYTES)
      for (const key of this.#db.getKeys({ start, limit: 1 })) {
        found[i] = start.every((byte, at) => byte === key[at]) ? 1 : 0
      }
    }
    return found
  }

  add(image: number, offsets: Float64Array, hashes: Uint8Array): Promise<void> {
    return this.#writer.write(offsets.length, (row) => {
      // What a fetch brings after its image was removed would never be dropped again.
      if (this.#stateOf(image) === undefined) return
      const key = hashes.subarray(row * HASH_BYTES, row * HASH_BYTES + KEY_BYTES)
      const next = withPlace(this.#db.getBinary(key), image, offsets[row]!)
      if (next !== undefined) this.#db.put(key, next)
    })
  }

  drop(hash: Uint8Array, place: Place): Promise<void> {
    const take = () => this.#take(hash.subarray(0, KEY_BYTES), place.image, place.offset)
    return this.#writer.write(1, take, SMALL_ROOM_BYTES)
  }

  async dropImage(image: number, hashes?: Iterable<Uint8Array>): Promise<void> {
    if (hashes === undefined) return this.#dropByScan(image)
    for (const portion of hashes) {
      const take = (row: number) => this.#take(portion.subarray(row * HASH_BYTES, row * HASH_BYTES + KEY_BYTES), image)
      await this.#writer.write(portion.length / HASH_BYTES, take, SMALL_ROOM_BYTES)
    }
  }

  sampled(bits: number): Uint8Array[] {
    const end = endOfSample(bits)
    return [...this.#db.getKeys(end === undefined ? {} : { end })]
  }

  /** Resolves when everything that was written before is on the disk. */
  async flush(): Promise<void> {
    await this.#writer.idle()
    await this.#db.flushed
  }

  /** Valid until the next look-up, and perhaps in a buffer that is longer than its `length`. */
  #value(hashes: Uint8Array, at: number): Uint8Array | undefined {
    return this.#db.getBinaryFast(hashes.subarray(at, at + KEY_BYTES))
  }

  #take(key: Uint8Array, image: number, offset?: number): void {
    const value = this.#db.getBinary(key)
    const next = value && withoutPlace(value, image, offset)
    if (next === undefined) return
    if (next.length === 0) this.#db.remove(key)
    else this.#db.put(key, next)
  }

  async #dropByScan(image: number): Promise<void> {
    let start: Uint8Array | undefined
    for (;;) {
      const keys: Uint8Array[] = []
      let rows = 0
      for (const { key, value } of this.#db.getRange({ ...(start && { start }), limit: SCAN_ROWS })) {
        rows++
        start = key
        if (withoutPlace(value, image) !== undefined) keys.push(key)
      }
      await this.#writer.write(keys.length, (row) => this.#take(keys[row]!, image), SMALL_ROOM_BYTES)
      // A slice begins with the last key of the one before, so that a short one is the end.
      if (rows < SCAN_ROWS) return
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

/** Options of the LMDB database that the index is kept in. */
export const BLOCKS_DATABASE = { name: 'blocks', keyEncoding: 'binary', encoding: 'binary' } as const

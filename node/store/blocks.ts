import { HASH_BYTES } from '../../protocols/table/constants.ts'
import type { BlockRows } from './block-rows.ts'
import { type IndexRoom, SMALL_ROOM_BYTES, WRITE_ROOM_BYTES } from './index-file.ts'
import { PendingRows } from './pending-rows.ts'
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

/** The index of blocks on the disk. */
export class DiskBlockIndex implements ManagedBlockIndex {
  readonly #file: BlockRows
  readonly #rows: PendingRows
  readonly #stateOf: StateOf
  readonly #room: IndexRoom

  /** @param step called after each change of the file; tests crash there */
  constructor(file: BlockRows, stateOf: StateOf, step: (name: string) => void = () => {}, room: IndexRoom = () => {}) {
    this.#file = file
    this.#rows = new PendingRows(file, () => step('index'))
    this.#stateOf = stateOf
    this.#room = room
  }

  get size(): number {
    return this.#rows.entries
  }

  find(hashes: Uint8Array, most = PLACES_FOUND_DEFAULT): Place[][] {
    const found: Place[][] = []
    const values = this.#rows.getMany(hashes)
    for (let i = 0; i * HASH_BYTES < hashes.length; i++) {
      const value = values.get(i)
      found.push(value === undefined ? [] : placesOf(value, this.#stateOf, most))
    }
    return found
  }

  has(hashes: Uint8Array): Uint8Array {
    const found = new Uint8Array(hashes.length / HASH_BYTES)
    for (const [i, value] of this.#rows.getMany(hashes)) {
      for (let at = 0; at < value.length && found[i] === 0; at += PLACE_BYTES) {
        if (this.#stateOf(imageAt(value, at)) !== undefined) found[i] = 1
      }
    }
    return found
  }

  hasPrefix(prefixes: Uint8Array): Uint8Array {
    const found = new Uint8Array(prefixes.length / PREFIX_BYTES)
    for (let i = 0; i < found.length; i++) {
      if (this.#rows.hasPrefix(prefixes.subarray(i * PREFIX_BYTES, (i + 1) * PREFIX_BYTES))) found[i] = 1
    }
    return found
  }

  async add(image: number, offsets: Float64Array, hashes: Uint8Array): Promise<void> {
    if (offsets.length === 0) return
    this.#room(WRITE_ROOM_BYTES)
    if (this.#rows.full) await this.#rows.written()
    // What a fetch brings after its image was removed would never be dropped again.
    if (this.#stateOf(image) === undefined) return
    offsets.forEach((offset, i) => {
      const key = keyAt(hashes, i * HASH_BYTES)
      const before = this.#rows.get(key)
      const after = withPlace(before, image, offset)
      if (after !== undefined) this.#rows.set(key, before, after)
    })
  }

  async drop(hash: Uint8Array, place: Place): Promise<void> {
    this.#room(SMALL_ROOM_BYTES)
    this.#take(keyAt(hash, 0), place.image, place.offset)
    await this.#rows.written()
  }

  async dropImage(image: number, hashes?: Iterable<Uint8Array>): Promise<void> {
    this.#room(SMALL_ROOM_BYTES)
    if (hashes === undefined) await this.#dropByScan(image)
    else {
      for (const portion of hashes) {
        for (let at = 0; at < portion.length; at += HASH_BYTES) this.#take(keyAt(portion, at), image)
        if (this.#rows.full) await this.#rows.written()
      }
    }
    await this.#rows.written()
  }

  sampled(bits: number): Uint8Array[] {
    return this.#rows.keys(endOfSample(bits))
  }

  /** Resolves when everything that was written before is on the disk. @throws NO_SPACE */
  flush(): Promise<void> {
    return this.#rows.flush()
  }

  #take(key: Uint8Array, image: number, offset?: number): void {
    const before = this.#rows.get(key)
    const after = before && withoutPlace(before, image, offset)
    if (after !== undefined) this.#rows.set(key, before, after.length === 0 ? undefined : after)
  }

  async #dropByScan(image: number): Promise<void> {
    await this.#rows.written()
    let start: Uint8Array | undefined
    for (;;) {
      const rows = this.#file.range({ ...(start && { start }), limit: SCAN_ROWS })
      for (const { key, places } of rows) if (withoutPlace(places, image) !== undefined) this.#take(key, image)
      start = rows.at(-1)?.key
      if (this.#rows.full) await this.#rows.written()
      // A slice begins with the last key of the one before, so that a short one is the end.
      if (rows.length < SCAN_ROWS) return
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

function keyAt(hashes: Uint8Array, at: number): Uint8Array {
  return hashes.subarray(at, at + KEY_BYTES)
}

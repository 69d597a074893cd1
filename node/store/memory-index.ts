import { HASH_BYTES } from '../../protocols/table/constants.ts'
import type { ManagedBlockIndex } from './blocks.ts'
import {
  endOfSample,
  KEY_BYTES,
  PLACES_FOUND_DEFAULT,
  PREFIX_BYTES,
  placesOf,
  type StateOf,
  withoutPlace,
  withPlace,
} from './place.ts'
import type { Place } from './store.ts'

/** The index of blocks in memory: for tests and simulations, where a node's index is small and short-lived. */
export class MemoryBlockIndex implements ManagedBlockIndex {
  readonly #stateOf: StateOf
  readonly #values = new Map<string, Uint8Array>()
  /** How many keys begin with a prefix. */
  readonly #prefixes = new Map<string, number>()

  constructor(stateOf: StateOf = () => 'complete') {
    this.#stateOf = stateOf
  }

  get size(): number {
    return this.#values.size
  }

  find(hashes: Uint8Array, most = PLACES_FOUND_DEFAULT): Place[][] {
    return pieces(hashes, HASH_BYTES).map((hash) => {
      const value = this.#values.get(keyOf(hash))
      return value === undefined ? [] : placesOf(value, this.#stateOf, most)
    })
  }

  has(hashes: Uint8Array): Uint8Array {
    return Uint8Array.from(this.find(hashes, 1), (places) => places.length)
  }

  hasPrefix(prefixes: Uint8Array): Uint8Array {
    return Uint8Array.from(pieces(prefixes, PREFIX_BYTES), (prefix) => Number(this.#prefixes.has(text(prefix))))
  }

  async add(image: number, offsets: Float64Array, hashes: Uint8Array): Promise<void> {
    if (this.#stateOf(image) === undefined) return
    pieces(hashes, HASH_BYTES).forEach((hash, row) => {
      const key = keyOf(hash)
      const before = this.#values.get(key)
      const next = withPlace(before, image, offsets[row]!)
      if (next === undefined) return
      this.#values.set(key, next)
      if (before === undefined) this.#count(hash, 1)
    })
  }

  async drop(hash: Uint8Array, place: Place): Promise<void> {
    this.#take(hash, place.image, place.offset)
  }

  async dropImage(image: number, hashes?: Iterable<Uint8Array>): Promise<void> {
    const portions = hashes ?? [...this.#values.keys()].map((key) => new Uint8Array(Buffer.from(key, 'latin1')))
    const step = hashes === undefined ? KEY_BYTES : HASH_BYTES
    for (const portion of portions) for (const hash of pieces(portion, step)) this.#take(hash, image)
  }

  sampled(bits: number): Uint8Array[] {
    const end = endOfSample(bits)
    return [...this.#values.keys()]
      .sort((a, b) => (a < b ? -1 : 1))
      .filter((key) => end === undefined || key < text(end))
      .map((key) => new Uint8Array(Buffer.from(key, 'latin1')))
  }

  #take(hash: Uint8Array, image: number, offset?: number): void {
    const key = keyOf(hash)
    const value = this.#values.get(key)
    const next = value && withoutPlace(value, image, offset)
    if (next === undefined) return
    if (next.length > 0) this.#values.set(key, next)
    else {
      this.#values.delete(key)
      this.#count(hash, -1)
    }
  }

  #count(hash: Uint8Array, change: number): void {
    const prefix = text(hash.subarray(0, PREFIX_BYTES))
    const count = (this.#prefixes.get(prefix) ?? 0) + change
    if (count === 0) this.#prefixes.delete(prefix)
    else this.#prefixes.set(prefix, count)
  }
}

function pieces(bytes: Uint8Array, step: number): Uint8Array[] {
  return Array.from({ length: bytes.length / step }, (_, i) => bytes.subarray(i * step, (i + 1) * step))
}

/** Latin-1 keeps the order of bytes in the order of strings. */
function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

function keyOf(hash: Uint8Array): string {
  return text(hash.subarray(0, KEY_BYTES))
}

import { HASH_BYTES } from './constants.ts'

const ROWS_AT_FIRST = 4096

/** The columns of a table while it grows: typed arrays that double when they are full. */
export class Columns {
  rows = 0
  offsets = new Float64Array(ROWS_AT_FIRST)
  lengths = new Uint32Array(ROWS_AT_FIRST)
  zero = new Uint8Array(ROWS_AT_FIRST)
  hashes = new Uint8Array(ROWS_AT_FIRST * HASH_BYTES)

  /** Adds a row; without a hash it is a zero run. */
  add(offset: number, length: number, hash?: Uint8Array): void {
    if (this.rows === this.lengths.length) this.#resize(this.rows * 2)
    const row = this.rows++
    this.offsets[row] = offset
    this.lengths[row] = length
    if (hash === undefined) this.zero[row] = 1
    else this.hashes.set(hash, row * HASH_BYTES)
  }

  /** Gives back the memory of rows that are not used. */
  trim(): void {
    this.#resize(this.rows)
  }

  #resize(rows: number): void {
    this.offsets = moved(this.offsets, new Float64Array(rows))
    this.lengths = moved(this.lengths, new Uint32Array(rows))
    this.zero = moved(this.zero, new Uint8Array(rows))
    this.hashes = moved(this.hashes, new Uint8Array(rows * HASH_BYTES))
  }
}

function moved<T extends Float64Array | Uint32Array | Uint8Array>(from: T, to: T): T {
  to.set(from.subarray(0, to.length))
  return to
}

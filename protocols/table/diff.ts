import { HASH_BYTES } from './constants.ts'
import type { Table } from './table.ts'

/** How much of an image is at hand. Bytes are image bytes; a block that comes twice counts twice. */
export interface Diff {
  readonly imageBytes: number
  readonly zeroBytes: number
  readonly hotBytes: number
  readonly coldBytes: number
  readonly blocks: number
  readonly hotBlocks: number
  readonly coldBlocks: number
  /** Hot bytes of all that is not zero; 1 where everything is. */
  readonly hotFraction: number
}

/** Sums a table up by what is hot. `isHot` is asked for the rows that are blocks, in order. */
export function diffTable(table: Table, isHot: (row: number) => boolean): Diff {
  let hotBytes = 0
  let hotBlocks = 0
  for (let row = 0; row < table.entries; row++) {
    if (table.zero[row] === 1 || !isHot(row)) continue
    hotBytes += table.lengths[row]!
    hotBlocks++
  }
  const { imageBytes, zeroBytes, blocks } = table
  const blockBytes = imageBytes - zeroBytes
  return {
    imageBytes,
    zeroBytes,
    hotBytes,
    coldBytes: blockBytes - hotBytes,
    blocks,
    hotBlocks,
    coldBlocks: blocks - hotBlocks,
    hotFraction: blockBytes === 0 ? 1 : hotBytes / blockBytes,
  }
}

/** A set of block hashes, by value. */
export class HashSet {
  readonly #names = new Set<string>()

  /** Adds the hash of a row. @returns whether it is new */
  add(table: Pick<Table, 'hashes'>, row: number): boolean {
    const before = this.#names.size
    this.#names.add(nameAt(table, row))
    return this.#names.size > before
  }

  has(table: Pick<Table, 'hashes'>, row: number): boolean {
    return this.#names.has(nameAt(table, row))
  }

  get size(): number {
    return this.#names.size
  }
}

/** The hashes of all blocks of a table. */
export function hashesOf(table: Table): HashSet {
  const set = new HashSet()
  for (let row = 0; row < table.entries; row++) if (table.zero[row] === 0) set.add(table, row)
  return set
}

/** One character a byte: the shortest string that tells hashes apart. */
function nameAt({ hashes }: Pick<Table, 'hashes'>, row: number): string {
  const bytes = Buffer.from(hashes.buffer, hashes.byteOffset + row * HASH_BYTES, HASH_BYTES)
  return bytes.toString('latin1')
}

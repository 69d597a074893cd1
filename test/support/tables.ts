import type { Random } from '../../protocols/ports.ts'
import { TableBuilder } from '../../protocols/table/builder.ts'
import { HASH_BYTES } from '../../protocols/table/constants.ts'
import { integer, randomBytes } from './seeds.ts'

/** Rows as the hash job gives them. */
export interface Rows {
  readonly lengths: Uint32Array
  readonly zero: Uint8Array
  readonly hashes: Uint8Array
}

/** Rows of up to 64 KiB, of which about the share `zeros` are zero. */
export function randomRows(random: Random, count: number, zeros = 0): Rows {
  const lengths = Uint32Array.from({ length: count }, () => integer(random, 1, 65_536))
  const zero = Uint8Array.from({ length: count }, () => (random() < zeros ? 1 : 0))
  const hashes = randomBytes(random, count * HASH_BYTES)
  for (let row = 0; row < count; row++) {
    if (zero[row] === 1) hashes.fill(0, row * HASH_BYTES, (row + 1) * HASH_BYTES)
  }
  return { lengths, zero, hashes }
}

export function zeroRow(length: number): Rows {
  return { lengths: Uint32Array.of(length), zero: Uint8Array.of(1), hashes: new Uint8Array(HASH_BYTES) }
}

export function slice(rows: Rows, first: number, end: number): Rows {
  return {
    lengths: rows.lengths.slice(first, end),
    zero: rows.zero.slice(first, end),
    hashes: rows.hashes.slice(first * HASH_BYTES, end * HASH_BYTES),
  }
}

/** The table of these rows, pushed one batch after the other. */
export function build(...batches: Rows[]): ReturnType<TableBuilder['finish']> {
  const builder = new TableBuilder('raw', 'test')
  for (const { lengths, zero, hashes } of batches) builder.push(lengths, zero, hashes)
  return builder.finish()
}

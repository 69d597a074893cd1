import { hashAt, type Table } from '../../protocols/table/table.ts'

/** Counts the different blocks of a table; equal blocks are stored and moved once. */
export function uniqueBlocks(table: Pick<Table, 'hashes' | 'zero'>): number {
  const seen = new Set<string>()
  for (let row = 0; row < table.zero.length; row++) {
    if (table.zero[row] === 1) continue
    const hash = hashAt(table, row)
    // Half of a hash tells blocks of one image apart just as well, at half the memory.
    seen.add(Buffer.from(hash.buffer, hash.byteOffset, 16).toString('latin1'))
  }
  return seen.size
}

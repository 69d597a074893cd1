import type { Log } from '../../protocols/ports.ts'
import { HASH_BYTES } from '../../protocols/table/constants.ts'
import type { Table } from '../../protocols/table/table.ts'
import type { LocalStoreParts } from './local-store.ts'

/** Rows of a table that are brought into the index at once. */
const INDEX_ROWS = 16_384

/** Brings the blocks of all complete images into the index; an unfinished one is looked through when it is gone on with. */
export async function indexImages(
  { images, blocks, tables }: Pick<LocalStoreParts, 'images' | 'blocks' | 'tables'>,
  log: Log,
): Promise<void> {
  for (const row of images.all()) {
    const table = row.state === 'complete' ? tables.table(row.cid) : undefined
    if (table === undefined) continue
    log.info({ root: row.root, blocks: table.blocks }, 'indexing the blocks of an image')
    for (let from = 0; from < table.entries; from += INDEX_ROWS) {
      const { offsets, hashes } = blocksOf(table, from, Math.min(table.entries, from + INDEX_ROWS))
      await blocks.add(row.number, offsets, hashes)
    }
  }
}

/** Offsets and hashes of the rows `from` to `to` that are no zero runs. */
function blocksOf(table: Table, from: number, to: number): { offsets: Float64Array; hashes: Uint8Array } {
  const rows: number[] = []
  for (let row = from; row < to; row++) if (table.zero[row] === 0) rows.push(row)
  const hashes = new Uint8Array(rows.length * HASH_BYTES)
  rows.forEach((row, at) => {
    hashes.set(table.hashes.subarray(row * HASH_BYTES, (row + 1) * HASH_BYTES), at * HASH_BYTES)
  })
  return { offsets: Float64Array.from(rows, (row) => table.offsets[row]!), hashes }
}

import { HASH_BYTES } from '../../protocols/table/constants.ts'
import type { Table } from '../../protocols/table/table.ts'
import type { Pool } from '../pool/jobs.ts'
import type { Store, StoredImage } from '../store/store.ts'
import { batches, columnsOf, inParallel } from './items.ts'

/** Size of one copy or verify job, and how many are under way: enough to keep the threads busy. */
const JOB_BYTES = 8 * 1024 * 1024
const JOB_ROWS = 4096
const JOBS_MAX = 3
/** Hashes looked up at a time, so that the event loop goes on in between. */
const LOOKUP_HASHES = 4096

/** Rows that are hot, and where each of them lies: in which image, and where there. */
export interface HotRows {
  readonly rows: Uint32Array
  readonly images: Uint32Array
  readonly offsets: Float64Array
}

/** Rows of the table that are blocks. */
export function blockRows(table: Table): Uint32Array {
  const rows = new Uint32Array(table.entries)
  let count = 0
  for (let row = 0; row < table.entries; row++) if (table.zero[row] === 0) rows[count++] = row
  return rows.slice(0, count)
}

/** Which rows lie right already in an unfinished image. Nothing is believed that is not hashed again. */
export async function verifyRows(
  pool: Pool,
  table: Table,
  rows: ArrayLike<number>,
  path: string,
  passed: (bytes: number) => void,
): Promise<{ good: number[]; bad: number[] }> {
  const good: number[] = []
  const bad: number[] = []
  await inParallel(batches(table, rows, JOB_BYTES, JOB_ROWS), JOBS_MAX, async (batch) => {
    const columns = columnsOf(table, batch)
    const answer = await pool.run<'verify'>({ kind: 'verify', path, ...columns })
    let bytes = 0
    for (let i = 0; i < batch.length; i++) {
      bytes += columns.lengths[i]!
      if (answer.good[i] === 1) good.push(batch[i]!)
      else bad.push(batch[i]!)
    }
    passed(bytes)
  })
  return { good, bad }
}

/** Which of these rows the node has, other than in `image` itself. */
export async function findHot(
  store: Store,
  table: Table,
  rows: Uint32Array,
  image: number | undefined,
): Promise<{ hot: HotRows; cold: Uint32Array }> {
  const hot = {
    rows: new Uint32Array(rows.length),
    images: new Uint32Array(rows.length),
    offsets: new Float64Array(rows.length),
  }
  const cold = new Uint32Array(rows.length)
  let hotCount = 0
  let coldCount = 0
  for (let at = 0; at < rows.length; at += LOOKUP_HASHES) {
    const some = rows.subarray(at, at + LOOKUP_HASHES)
    const { hashes } = columnsOf(table, some)
    for (const [i, found] of store.blocks.find(hashes).entries()) {
      const place = found.find((each) => each.image !== image)
      if (place === undefined) {
        cold[coldCount++] = some[i]!
        continue
      }
      hot.rows[hotCount] = some[i]!
      hot.images[hotCount] = place.image
      hot.offsets[hotCount++] = place.offset
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
  return {
    hot: {
      rows: hot.rows.slice(0, hotCount),
      images: hot.images.slice(0, hotCount),
      offsets: hot.offsets.slice(0, hotCount),
    },
    cold: cold.slice(0, coldCount),
  }
}

/**
 * Copies hot rows into the image, verifying each; adjacent rows of one source go as one run.
 * @param copied told of each batch of rows that lie right
 * @returns rows that turned out not to be what the index said; those places are dropped
 */
export async function copyHot(
  store: Store,
  pool: Pool,
  table: Table,
  hot: HotRows,
  image: StoredImage,
  copied: (rows: number[]) => Promise<void>,
): Promise<number[]> {
  const failed: number[] = []
  for (const number of new Set(hot.images)) {
    const here = (_: number, i: number): boolean => hot.images[i] === number
    const rows = hot.rows.filter(here)
    const places = hot.offsets.filter(here)
    const from = store.imageByNumber(number)?.path
    if (from === undefined) {
      for (const row of rows) failed.push(row)
      continue
    }
    let taken = 0
    await inParallel(batches(table, rows, JOB_BYTES, JOB_ROWS), JOBS_MAX, async (batch) => {
      const { offsets, lengths, hashes } = columnsOf(table, batch)
      // Batches begin in the order of the rows.
      const fromOffsets = places.slice(taken, taken + batch.length)
      taken += batch.length
      const job = { kind: 'copy', from, fromOffsets, to: image.path, toOffsets: offsets, lengths, hashes } as const
      const answer = await pool.run<'copy'>(job)
      const good: number[] = []
      for (let i = 0; i < batch.length; i++) {
        const row = batch[i]!
        if (answer.good[i] === 1) {
          good.push(row)
          continue
        }
        failed.push(row)
        const place = { image: number, offset: fromOffsets[i]! }
        await store.blocks.drop(hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES), place)
      }
      await copied(good)
    })
  }
  return failed
}

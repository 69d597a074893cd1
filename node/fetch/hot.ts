import { HASH_BYTES } from '../../protocols/table/constants.ts'
import type { Table } from '../../protocols/table/table.ts'
import type { Pool } from '../pool/jobs.ts'
import type { Place, Store, StoredImage } from '../store/store.ts'
import { batches, columnsOf, inParallel } from './items.ts'

/** Size of one copy or verify job, and how many are under way: enough to keep the threads busy. */
const JOB_BYTES = 8 * 1024 * 1024
const JOB_ROWS = 4096
const JOBS_MAX = 3
/** Hashes looked up at a time, so that the event loop goes on in between. */
const LOOKUP_HASHES = 4096

/** Rows of the table that are blocks. */
export function blockRows(table: Table): number[] {
  const rows: number[] = []
  for (let row = 0; row < table.entries; row++) if (table.zero[row] === 0) rows.push(row)
  return rows
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

/** For each row where the node has its block, other than in `image` itself; undefined: cold. */
export async function findHot(
  store: Store,
  table: Table,
  rows: readonly number[],
  image: number | undefined,
): Promise<(Place | undefined)[]> {
  const places: (Place | undefined)[] = []
  for (let at = 0; at < rows.length; at += LOOKUP_HASHES) {
    const { hashes } = columnsOf(table, rows.slice(at, at + LOOKUP_HASHES))
    for (const found of store.blocks.find(hashes)) places.push(found.find((place) => place.image !== image))
    await new Promise((resolve) => setImmediate(resolve))
  }
  return places
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
  hot: readonly { row: number; place: Place }[],
  image: StoredImage,
  copied: (rows: number[]) => Promise<void>,
): Promise<number[]> {
  const bySource = new Map<number, { row: number; place: Place }[]>()
  for (const entry of hot) {
    const list = bySource.get(entry.place.image)
    if (list === undefined) bySource.set(entry.place.image, [entry])
    else list.push(entry)
  }
  const failed: number[] = []
  for (const [number, entries] of bySource) {
    const from = store.imageByNumber(number)?.path
    if (from === undefined) {
      for (const { row } of entries) failed.push(row)
      continue
    }
    const placeOf = new Map(entries.map(({ row, place }) => [row, place]))
    const rows = entries.map(({ row }) => row)
    await inParallel(batches(table, rows, JOB_BYTES, JOB_ROWS), JOBS_MAX, async (batch) => {
      const { offsets, lengths, hashes } = columnsOf(table, batch)
      const fromOffsets = Float64Array.from(batch, (row) => placeOf.get(row)!.offset)
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
        await store.blocks.drop(hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES), placeOf.get(row)!)
      }
      await copied(good)
    })
  }
  return failed
}

import { HASH_BYTES } from '../../protocols/table/constants.ts'
import type { Table } from '../../protocols/table/table.ts'
import type { Items } from '../decisions/fetch/demand.ts'
import { cutPieces } from '../decisions/fetch/pieces.ts'

/** The distinct blocks of a table, in image order, and which of them each row is. */
export interface DistinctBlocks extends Items {
  /** Row of each item's first occurrence. */
  readonly rows: Uint32Array
  /** Item of each row; −1 for a zero run. */
  readonly itemOf: Int32Array
}

/** Finds equal blocks by an open-addressed table over the first bytes of their hashes. */
export function distinctBlocks(table: Table): DistinctBlocks {
  const { entries, hashes, zero, lengths, segments } = table
  const view = new DataView(hashes.buffer, hashes.byteOffset, hashes.byteLength)
  let size = 16
  while (size < entries * 2) size *= 2
  const slots = new Int32Array(size).fill(-1)
  const rows = new Uint32Array(entries)
  const itemOf = new Int32Array(entries).fill(-1)
  let count = 0
  for (let row = 0; row < entries; row++) {
    if (zero[row] === 1) continue
    let slot = view.getUint32(row * HASH_BYTES) & (size - 1)
    while (true) {
      const item = slots[slot]!
      if (item < 0) {
        slots[slot] = count
        rows[count] = row
        itemOf[row] = count++
        break
      }
      if (sameHash(view, rows[item]!, row)) {
        itemOf[row] = item
        break
      }
      slot = (slot + 1) & (size - 1)
    }
  }
  const segmentOf = new Uint32Array(count)
  let segment = 0
  for (let item = 0; item < count; item++) {
    while (segment + 1 < segments.length && segments[segment + 1]!.firstEntry <= rows[item]!) segment++
    segmentOf[item] = segment
  }
  const first = rows.slice(0, count)
  const itemLengths = Uint32Array.from(first, (row) => lengths[row]!)
  const cut = cutPieces(itemLengths, segmentOf)
  return { rows: first, itemOf, lengths: itemLengths, pieces: cut.pieces, pieceCount: cut.count }
}

function sameHash(view: DataView, a: number, b: number): boolean {
  for (let at = 0; at < HASH_BYTES; at += 8) {
    if (view.getBigUint64(a * HASH_BYTES + at) !== view.getBigUint64(b * HASH_BYTES + at)) return false
  }
  return true
}

/** Offsets, lengths and hashes of some rows, as the pool's jobs take them. */
export function columnsOf(
  table: Table,
  rows: ArrayLike<number>,
): { offsets: Float64Array; lengths: Uint32Array; hashes: Uint8Array } {
  const offsets = new Float64Array(rows.length)
  const lengths = new Uint32Array(rows.length)
  const hashes = new Uint8Array(rows.length * HASH_BYTES)
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!
    offsets[i] = table.offsets[row]!
    lengths[i] = table.lengths[row]!
    hashes.set(table.hashes.subarray(row * HASH_BYTES, (row + 1) * HASH_BYTES), i * HASH_BYTES)
  }
  return { offsets, lengths, hashes }
}

/** Cuts a list of rows into batches of at most so many bytes and rows. */
export function* batches(
  table: Table,
  rows: ArrayLike<number>,
  bytesMax: number,
  rowsMax: number,
): Generator<number[]> {
  let batch: number[] = []
  let bytes = 0
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!
    if (batch.length > 0 && (bytes + table.lengths[row]! > bytesMax || batch.length >= rowsMax)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(row)
    bytes += table.lengths[row]!
  }
  if (batch.length > 0) yield batch
}

/** Runs `work` on each of a series, at most `width` at a time; the first failure ends it. */
export async function inParallel<T>(
  series: Iterable<T>,
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = series[Symbol.iterator]()
  let failed = false
  const lane = async (): Promise<void> => {
    while (!failed) {
      const next = iterator.next()
      if (next.done) return
      try {
        await work(next.value)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  const lanes = await Promise.allSettled(Array.from({ length: width }, lane))
  for (const result of lanes) if (result.status === 'rejected') throw result.reason
}

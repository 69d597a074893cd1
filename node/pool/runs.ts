import { HotblockError } from '../../protocols/errors.ts'
import { readAt } from './files.ts'
import { Scratch } from './scratch.ts'

/** Rows that lie close together are read in one call of at most this many bytes (or one row, if that is longer). */
const RUN_BYTES_MAX = 1024 * 1024
/** Reading over a gap of so many bytes costs less than another call. */
const GAP_BYTES_MAX = 16 * 1024

const scratch = new Scratch()

/** Where rows lie in a file. */
export interface Rows {
  readonly offsets: Float64Array
  readonly lengths: Uint32Array
}

/** Rows [first, end) that were read together. The bytes are good until `visit` returns. */
export interface Run {
  readonly first: number
  readonly end: number
  /** Where in the file the buffer's first byte lies. */
  readonly offset: number
  readonly buffer: Buffer
  /** Bytes of the run that the file has; fewer than asked where it ends early. */
  readonly bytes: number
}

/** Reads that hit a bad sector: 'throw' BAD_FILE, or go on as if the rows on it were not there. */
export type OnReadError = 'throw' | 'skip'

/** Reads rows [first, end) of a file in as few calls as their places allow, and visits them in order. */
export function forEachRun(
  fd: number,
  rows: Rows,
  first: number,
  end: number,
  onError: OnReadError,
  visit: (run: Run) => void,
): void {
  for (let row = first; row < end; ) {
    const next = endOfRun(rows, row, end)
    readRun(fd, rows, row, next, onError, visit)
    row = next
  }
}

/** The bytes of a row of the run; undefined where the file did not have them all. */
export function bytesOfRow(run: Run, rows: Rows, row: number): Buffer | undefined {
  const start = rows.offsets[row]! - run.offset
  const end = start + rows.lengths[row]!
  return end > run.bytes ? undefined : run.buffer.subarray(start, end)
}

function endOfRun({ offsets, lengths }: Rows, first: number, end: number): number {
  const offset = offsets[first]!
  let row = first + 1
  let reached = offset + lengths[first]!
  while (row < end) {
    const gap = offsets[row]! - reached
    if (gap < 0 || gap > GAP_BYTES_MAX || offsets[row]! + lengths[row]! - offset > RUN_BYTES_MAX) break
    reached = offsets[row]! + lengths[row]!
    row++
  }
  return row
}

function readRun(
  fd: number,
  rows: Rows,
  first: number,
  end: number,
  onError: OnReadError,
  visit: (run: Run) => void,
): void {
  const offset = rows.offsets[first]!
  const wanted = rows.offsets[end - 1]! + rows.lengths[end - 1]! - offset
  const buffer = scratch.atLeast(Math.max(wanted, RUN_BYTES_MAX))
  let bytes = 0
  try {
    bytes = readAt(fd, buffer, wanted, offset)
  } catch (error) {
    if (onError === 'throw') {
      throw new HotblockError('BAD_FILE', `a part of the file cannot be read (${(error as Error).message})`, {}, error)
    }
    if (end - first > 1) {
      // One bad sector must not condemn the blocks around it.
      for (let row = first; row < end; row++) readRun(fd, rows, row, row + 1, onError, visit)
      return
    }
  }
  visit({ first, end, offset, buffer, bytes })
}

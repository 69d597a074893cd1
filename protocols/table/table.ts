import type { CID } from 'multiformats/cid'
import { HASH_BYTES } from './constants.ts'

/** What kind of file an image is, told by its first bytes. */
export type ImageFormat = 'raw' | 'tar' | 'tar.gz' | 'qcow2'
export const IMAGE_FORMATS: readonly ImageFormat[] = ['raw', 'tar', 'tar.gz', 'qcow2']

/** One segment of a table: a run of entries with its own CID, wherever in the image it lies. */
export interface SegmentRef {
  readonly cid: CID
  /** First byte of the run in the image. */
  readonly offset: number
  /** Image bytes that the run covers. */
  readonly bytes: number
  /** Index of the run's first entry in the table. */
  readonly firstEntry: number
  readonly entries: number
}

/** What the root says of an image; all that is known before the segments are there. */
export interface TableHead {
  readonly root: CID
  readonly format: ImageFormat
  /** How it was cut: 'ext4', 'gpt+ext4', 'tar', 'gzip-members', 'fixed:4096', … For people; nothing depends on it. */
  readonly cutter: string
  readonly imageBytes: number
  readonly zeroBytes: number
  /** Entries of all segments: blocks and zero runs. */
  readonly entries: number
  /** Entries that are blocks. */
  readonly blocks: number
  readonly segments: readonly SegmentRef[]
}

/**
 * A whole hash table in memory, in columns: row i is the i-th run of bytes of the image. 45 bytes a row, no objects.
 * A row is a block (its SHA-256 stands in `hashes`) or a zero run (no hash, no bytes on the wire, a hole on disk).
 */
export interface Table extends TableHead {
  /** Offset of each row in the image, bytes. */
  readonly offsets: Float64Array
  /** Length of each row, bytes. */
  readonly lengths: Uint32Array
  /** 1 where the row is a zero run. */
  readonly zero: Uint8Array
  /** 32 bytes a row; zeros for a zero run. */
  readonly hashes: Uint8Array
  /** Bytes of the root and of all segments together. */
  readonly tableBytes: number
}

/** The hash of row `row`: a view, not a copy. */
export function hashAt(table: Pick<Table, 'hashes'>, row: number): Uint8Array {
  return table.hashes.subarray(row * HASH_BYTES, (row + 1) * HASH_BYTES)
}

import { HotblockError } from '../errors.ts'
import type { Blob } from './cid.ts'
import { Columns } from './columns.ts'
import {
  HASH_BYTES,
  IMAGE_BYTES_MAX,
  SEGMENT_ENTRIES_MAX,
  SEGMENT_ENTRIES_MEAN,
  SEGMENT_ENTRIES_MIN,
  TABLE_ENTRIES_MAX,
  ZERO_RUN_BYTES_MAX,
} from './constants.ts'
import { encodeRoot } from './root.ts'
import { encodeSegment } from './segment.ts'
import type { ImageFormat, SegmentRef, Table } from './table.ts'

/**
 * Makes the table of an image from its rows in image order.
 *
 * Adjacent zero rows become one run. Segments end by content: after a block whose hash's last 16 bits are 0 modulo
 * SEGMENT_ENTRIES_MEAN, once SEGMENT_ENTRIES_MIN blocks are in, and at SEGMENT_ENTRIES_MAX entries in any case. Zero
 * runs never end a segment and do not count towards the least number, so how far apart two files lie does not move the
 * boundaries among their blocks, and equal runs of blocks give equal segments in whatever image.
 */
export class TableBuilder {
  readonly #format: ImageFormat
  readonly #cutter: string
  readonly #columns = new Columns()
  readonly #segments: SegmentRef[] = []
  readonly #blobs = new Map<string, Blob>()
  #imageBytes = 0
  #zeroBytes = 0
  #blocks = 0
  #firstEntry = 0
  #blocksInSegment = 0

  constructor(format: ImageFormat, cutter: string) {
    this.#format = format
    this.#cutter = cutter
  }

  /** Image bytes of the rows so far. */
  get imageBytes(): number {
    return this.#imageBytes
  }

  /**
   * Adds the next rows of the image.
   *
   * @param lengths bytes of each row, at most BLOCK_BYTES_MAX for a block
   * @param zero 1 where the row is all zero bytes
   * @param hashes 32 bytes a row; those of zero rows are not read
   * @throws BAD_FILE when the image has more rows than a table may have
   */
  push(lengths: Uint32Array, zero: Uint8Array, hashes: Uint8Array): void {
    for (let i = 0; i < lengths.length; i++) {
      const length = lengths[i]!
      if (zero[i] === 1) this.#pushZeros(length)
      else this.#pushBlock(length, hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES))
    }
  }

  /** The table, and the bytes of its root (first) and of each different segment. The builder is used up. */
  finish(): { table: Table; blobs: Blob[] } {
    if (this.#firstEntry < this.#columns.rows) this.#endSegment()
    this.#columns.trim()
    const { offsets, lengths, zero, hashes, rows: entries } = this.#columns
    const head = {
      format: this.#format,
      cutter: this.#cutter,
      imageBytes: this.#imageBytes,
      zeroBytes: this.#zeroBytes,
      entries,
      blocks: this.#blocks,
      segments: this.#segments,
    }
    const root = encodeRoot(head)
    const blobs = [root, ...this.#blobs.values()]
    const tableBytes = blobs.reduce((sum, blob) => sum + blob.bytes.length, 0)
    return { table: { ...head, root: root.cid, offsets, lengths, zero, hashes, tableBytes }, blobs }
  }

  #pushBlock(length: number, hash: Uint8Array): void {
    this.#add(length, hash)
    this.#blocks++
    this.#blocksInSegment++
    const tail = hash[HASH_BYTES - 2]! * 256 + hash[HASH_BYTES - 1]!
    if (this.#blocksInSegment >= SEGMENT_ENTRIES_MIN && tail % SEGMENT_ENTRIES_MEAN === 0) this.#endSegment()
  }

  /** Lengthens the zero run before, if there is one, so that runs do not depend on how the rows were cut. */
  #pushZeros(length: number): void {
    const { zero, lengths, rows } = this.#columns
    let rest = length
    this.#zeroBytes += length
    if (rows > this.#firstEntry && zero[rows - 1] === 1) {
      const joined = Math.min(rest, ZERO_RUN_BYTES_MAX - lengths[rows - 1]!)
      lengths[rows - 1] = lengths[rows - 1]! + joined
      this.#imageBytes += joined
      rest -= joined
    }
    while (rest > 0) {
      const piece = Math.min(rest, ZERO_RUN_BYTES_MAX)
      this.#add(piece)
      rest -= piece
    }
  }

  #add(length: number, hash?: Uint8Array): void {
    // Looked at before a row is added, so that a zero run at the very end of a segment can still grow.
    if (this.#columns.rows - this.#firstEntry === SEGMENT_ENTRIES_MAX) this.#endSegment()
    if (this.#columns.rows === TABLE_ENTRIES_MAX || this.#imageBytes + length > IMAGE_BYTES_MAX) {
      throw new HotblockError('BAD_FILE', 'the image is too large for one table; larger blocks may help')
    }
    this.#columns.add(this.#imageBytes, length, hash)
    this.#imageBytes += length
  }

  #endSegment(): void {
    const { offsets, lengths, zero, hashes, rows } = this.#columns
    const first = this.#firstEntry
    const offset = offsets[first]!
    const blob = encodeSegment(
      lengths.subarray(first, rows),
      zero.subarray(first, rows),
      hashes.subarray(first * HASH_BYTES, rows * HASH_BYTES),
    )
    const bytes = this.#imageBytes - offset
    this.#segments.push({ cid: blob.cid, offset, bytes, firstEntry: first, entries: rows - first })
    const key = blob.cid.toString()
    if (!this.#blobs.has(key)) this.#blobs.set(key, blob)
    this.#firstEntry = rows
    this.#blocksInSegment = 0
  }
}

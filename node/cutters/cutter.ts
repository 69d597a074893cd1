import type { ImageFormat } from '../../protocols/table/table.ts'

/** The bytes of an image, read where a cutter asks. The bytes that a read returned are never reused by a later one. */
export interface ImageReader {
  readonly size: number
  /** May be shorter only at the end of the file. Rejects where the file cannot be read. */
  read(offset: number, length: number): Promise<Uint8Array>
}

export interface CutOptions {
  /** 'auto' or 'fixed:BYTES' */
  cut: string
  /** longest block of file data */
  blockBytes: number
}

/**
 * Where an image is cut. Cuts are part of the published table, so that a mistake in a cutter (or an image that lies
 * about itself) costs reuse of blocks, never correctness.
 */
export interface Cuts {
  readonly format: ImageFormat
  readonly cutter: string
  /** Row lengths in image order; they sum to the size; each ≤ max(blockBytes, 4096, fixed size). */
  lengths(): Iterable<number>
}

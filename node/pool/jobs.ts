/**
 * What the data-plane threads do: everything that touches many bytes (read, hash, compress, write), so that the event
 * loop, which keeps connections alive, never blocks on it. Jobs carry plain values and transferable buffers; a job opens
 * the files that it names, and closes them.
 *
 * All offsets and lengths are bytes. `hashes` is 32 bytes a block, in the order of `lengths`. Answers that say which
 * blocks were right are bytes of 0 and 1, in the same order.
 */

/** Reads consecutive rows of a file, hashes each, and, where `to` is given, writes what is not zero at the same offset. */
export interface HashJob {
  readonly kind: 'hash'
  readonly path: string
  readonly offset: number
  readonly lengths: Uint32Array
  readonly to?: string
}
export interface HashAnswer {
  /** 32 bytes a row; zeros where the row is all zero bytes. */
  readonly hashes: Uint8Array
  readonly zero: Uint8Array
}

/** Reads blocks where they lie and says which of them are what their hash says. */
export interface VerifyJob {
  readonly kind: 'verify'
  readonly path: string
  readonly offsets: Float64Array
  readonly lengths: Uint32Array
  readonly hashes: Uint8Array
}
export interface VerifyAnswer {
  readonly good: Uint8Array
}

/** Copies blocks that the node has into an image, verifying each on the way; wrong ones are not written. */
export interface CopyJob {
  readonly kind: 'copy'
  readonly from: string
  readonly fromOffsets: Float64Array
  readonly to: string
  readonly toOffsets: Float64Array
  readonly lengths: Uint32Array
  readonly hashes: Uint8Array
}
export interface CopyAnswer {
  readonly good: Uint8Array
}

/** How a frame's bytes are written on the wire. */
export const ENCODING_PLAIN = 0
export const ENCODING_ZSTD = 1

/** Reads blocks (of any images), verifies each, and packs the right ones, in order, into one frame. */
export interface EncodeJob {
  readonly kind: 'encode'
  /** Files that the blocks lie in. */
  readonly paths: readonly string[]
  /** For each block the index of its file in `paths`. */
  readonly files: Uint16Array
  readonly offsets: Float64Array
  readonly lengths: Uint32Array
  readonly hashes: Uint8Array
  /** zstd level; 0 sends plain bytes. Plain is also taken where zstd does not make the frame smaller. */
  readonly level: number
}
export interface EncodeAnswer {
  readonly good: Uint8Array
  readonly encoding: number
  /** Bytes of the good blocks before compression. */
  readonly rawBytes: number
  readonly payload: Uint8Array
}

/** Unpacks a frame, verifies each block and writes the right ones where they belong in the image. */
export interface DecodeJob {
  readonly kind: 'decode'
  /** Handed over, not copied: the caller has it back with the answer, and must not look at it before. */
  readonly payload: Uint8Array
  readonly encoding: number
  readonly lengths: Uint32Array
  readonly hashes: Uint8Array
  readonly to: string
  /** For each block its place in `to`. */
  readonly toOffsets: Float64Array
  /** Where the payload is kept if all its blocks are right: a file that stays open until the answer. It does not come back then. */
  readonly keep?: { readonly fd: number; readonly offset: number } | undefined
}
/** CRC-32 of a payload that lies where it is kept now; undefined: it is not right; failed: it could not be written. */
export type Kept = number | 'failed' | undefined
export interface DecodeAnswer {
  /** All zeros where the payload does not unpack to exactly the sum of `lengths`. */
  readonly good: Uint8Array
  /** The job's; empty where `keep` was given. */
  readonly payload: Uint8Array
  readonly kept?: Kept
}

/** Bytes that the blocks would be on the wire: packed in frames of at most `frameBytes`, compressed where smaller. */
export interface MeasureJob {
  readonly kind: 'measure'
  readonly path: string
  readonly offsets: Float64Array
  readonly lengths: Uint32Array
  readonly frameBytes: number
  readonly level: number
}
export interface MeasureAnswer {
  readonly bytes: number
}

/** Copies `bytes` of a sparse file from `offset` on: holes and zero pages stay holes. */
export interface PlaceJob {
  readonly kind: 'place'
  readonly from: string
  readonly to: string
  readonly offset: number
  readonly bytes: number
}
export interface PlaceAnswer {
  readonly written: number
}

/** Takes the log of a SQLite database over into it. */
export interface CheckpointJob {
  readonly kind: 'checkpoint'
  readonly path: string
}
export type CheckpointAnswer = Record<never, never>

export interface Jobs {
  hash: [HashJob, HashAnswer]
  verify: [VerifyJob, VerifyAnswer]
  copy: [CopyJob, CopyAnswer]
  encode: [EncodeJob, EncodeAnswer]
  decode: [DecodeJob, DecodeAnswer]
  measure: [MeasureJob, MeasureAnswer]
  place: [PlaceJob, PlaceAnswer]
  checkpoint: [CheckpointJob, CheckpointAnswer]
}
export type JobKind = keyof Jobs

/** The port: the daemon has threads behind it, tests may run jobs in place. */
export interface Pool {
  run<K extends JobKind>(job: Jobs[K][0]): Promise<Jobs[K][1]>
  /** How many jobs run at a time, where that is known: what callers size their flights by. */
  readonly threads?: number
  close(): Promise<void>
}

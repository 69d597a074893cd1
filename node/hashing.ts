import { HotblockError } from '../protocols/errors.ts'
import { TableBuilder } from '../protocols/table/builder.ts'
import type { Blob } from '../protocols/table/cid.ts'
import { BLOCK_BYTES_MAX } from '../protocols/table/constants.ts'
import type { ImageFormat, Table } from '../protocols/table/table.ts'
import { cutImage } from './cutters/cut.ts'
import type { CutOptions } from './cutters/cutter.ts'
import { openImage } from './file-reader.ts'
import { inOrder } from './pool/in-order.ts'
import type { HashJob, Pool } from './pool/jobs.ts'

/** A job reads so much of the image, or so many rows, whichever comes first. */
const JOB_BYTES = 8 * 1024 * 1024
const JOB_ROWS_MAX = 16_384
/** Jobs in flight for each thread: one that runs and one that waits. */
const JOBS_PER_THREAD = 2

export interface HashOptions extends CutOptions {
  /** An existing sparse file of the image's size, all holes, into which the image is copied on the way. */
  to?: string | undefined
}

export interface HashedImage {
  readonly table: Table
  /** The bytes of the table: root first, then each different segment. */
  readonly blobs: Blob[]
  readonly format: ImageFormat
  readonly cutter: string
  readonly seconds: number
}

/**
 * Makes the hash table of an image file, and copies the image if `to` is given; the table is that of the bytes that were
 * copied, even if somebody writes to the file meanwhile. Memory is flat, but for the table.
 *
 * @param progress called with the image bytes that are done, now and then
 * @throws NO_SUCH_FILE; BAD_FILE for what is not a readable, regular, non-empty file; NO_SPACE; what cutImage throws
 */
export async function hashImage(
  path: string,
  pool: Pool,
  options: HashOptions,
  progress: (doneBytes: number, imageBytes: number) => void = () => {},
): Promise<HashedImage> {
  const startedAt = performance.now()
  const reader = await openImage(path)
  try {
    const { size } = reader
    progress(0, size)
    const cuts = await cutImage(reader, options)
    const builder = new TableBuilder(cuts.format, cuts.cutter)
    const inFlightMax = JOBS_PER_THREAD * (pool.threads ?? 1)
    await inOrder(
      hashJobs(path, size, cuts.lengths(), options.to),
      inFlightMax,
      (job) => pool.run<'hash'>(job),
      ({ zero, hashes }, { lengths }) => {
        builder.push(lengths, zero, hashes)
        progress(builder.imageBytes, size)
      },
    )
    const { table, blobs } = builder.finish()
    const seconds = (performance.now() - startedAt) / 1000
    return { table, blobs, format: cuts.format, cutter: cuts.cutter, seconds }
  } finally {
    await reader.close()
  }
}

/** The rows of an image in batches. Checks on the way that they are the image, no more and no less. */
function* hashJobs(
  path: string,
  size: number,
  lengths: Iterable<number>,
  to: string | undefined,
): Generator<HashJob, void> {
  let offset = 0
  let batch: number[] = []
  let batchBytes = 0
  const job = (): HashJob => {
    const made: HashJob = {
      kind: 'hash',
      path,
      offset,
      lengths: Uint32Array.from(batch),
      ...(to === undefined ? {} : { to }),
    }
    offset += batchBytes
    batch = []
    batchBytes = 0
    return made
  }
  for (const length of lengths) {
    if (!(length >= 1 && length <= BLOCK_BYTES_MAX)) {
      throw new HotblockError('INTERNAL', `the cutter made a block of ${length} bytes of ${path}`, { path, length })
    }
    batch.push(length)
    batchBytes += length
    if (batchBytes >= JOB_BYTES || batch.length >= JOB_ROWS_MAX) yield job()
  }
  if (batch.length > 0) yield job()
  if (offset !== size) {
    throw new HotblockError('INTERNAL', `the cutter covers ${offset} of ${size} bytes of ${path}`, { path, size })
  }
}

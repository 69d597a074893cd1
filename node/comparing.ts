import { diffTable, HashSet, hashesOf } from '../protocols/table/diff.ts'
import type { Table } from '../protocols/table/table.ts'
import type { CutOptions } from './cutters/cutter.ts'
import { LEVEL_SMALL } from './decisions/frame-level.ts'
import { type HashedImage, hashImage } from './hashing.ts'
import { inOrder } from './pool/in-order.ts'
import type { MeasureJob, Pool } from './pool/jobs.ts'

/** As the block exchange packs blocks. */
const FRAME_BYTES = 1024 * 1024
/** A job packs so many image bytes: enough frames that a last one that is not full hardly counts. */
const JOB_BYTES = 16 * FRAME_BYTES
const JOBS_PER_THREAD = 2

/** What it would take to bring image B to a node that has image A. Bytes, unless the name says else. */
export interface Comparison {
  readonly imageBytes: number
  readonly zeroBytes: number
  /** Image bytes of B's blocks that A has. */
  readonly hotBytes: number
  readonly coldBytes: number
  /** The root of B, and those of its segments that A's table lacks. */
  readonly tableBytes: number
  /** Cold blocks on the wire: each different one once, in frames, compressed. */
  readonly compressedBytes: number
  /** Hot bytes of all that is not zero. */
  readonly hotFraction: number
  /** Bytes on the wire, tables included, of image bytes. */
  readonly fractionTransferred: number
  readonly blocks: number
  readonly hotBlocks: number
  readonly coldBlocks: number
  /** How the images were cut. */
  readonly cutterA: string
  readonly cutterB: string
  readonly seconds: number
}

/**
 * Compares two image files: what of `b` is hot where `a` is, and what the rest costs on the wire.
 *
 * @throws as hashImage does
 */
export async function compareImages(
  a: string,
  b: string,
  pool: Pool,
  options: CutOptions,
  progress: (doneBytes: number, totalBytes: number) => void = () => {},
): Promise<Comparison> {
  const startedAt = performance.now()
  const imageA = await hashImage(a, pool, options, progress)
  const imageB = await hashImage(b, pool, options, progress)
  const known = hashesOf(imageA.table)
  const diff = diffTable(imageB.table, (row) => known.has(imageB.table, row))
  const compressedBytes = await wireBytes(b, imageB.table, known, pool)
  const tableBytes = tableBytesLacking(imageB, imageA)
  return {
    imageBytes: diff.imageBytes,
    zeroBytes: diff.zeroBytes,
    hotBytes: diff.hotBytes,
    coldBytes: diff.coldBytes,
    tableBytes,
    compressedBytes,
    hotFraction: diff.hotFraction,
    fractionTransferred: (compressedBytes + tableBytes) / diff.imageBytes,
    blocks: diff.blocks,
    hotBlocks: diff.hotBlocks,
    coldBlocks: diff.coldBlocks,
    cutterA: imageA.cutter,
    cutterB: imageB.cutter,
    seconds: (performance.now() - startedAt) / 1000,
  }
}

async function wireBytes(path: string, table: Table, known: HashSet, pool: Pool): Promise<number> {
  let bytes = 0
  await inOrder(
    measureJobs(path, table, known),
    JOBS_PER_THREAD * (pool.threads ?? 1),
    (job) => pool.run<'measure'>(job),
    (answer) => {
      bytes += answer.bytes
    },
  )
  return bytes
}

/** The cold blocks in image order, each different one once. */
function* measureJobs(path: string, table: Table, known: HashSet): Generator<MeasureJob, void> {
  const sent = new HashSet()
  let rows: number[] = []
  let bytes = 0
  const job = (): MeasureJob => {
    const made: MeasureJob = {
      kind: 'measure',
      path,
      offsets: Float64Array.from(rows, (row) => table.offsets[row]!),
      lengths: Uint32Array.from(rows, (row) => table.lengths[row]!),
      frameBytes: FRAME_BYTES,
      level: LEVEL_SMALL,
    }
    rows = []
    bytes = 0
    return made
  }
  for (let row = 0; row < table.entries; row++) {
    if (table.zero[row] === 1 || known.has(table, row) || !sent.add(table, row)) continue
    rows.push(row)
    bytes += table.lengths[row]!
    if (bytes >= JOB_BYTES) yield job()
  }
  if (rows.length > 0) yield job()
}

/** Roots are always sent; a segment goes by its CID, which the table of the other image may have too. */
function tableBytesLacking(wanted: HashedImage, held: HashedImage): number {
  const have = new Set(held.blobs.slice(1).map((blob) => blob.cid.toString()))
  return wanted.blobs
    .filter((blob, i) => i === 0 || !have.has(blob.cid.toString()))
    .reduce((sum, blob) => sum + blob.bytes.length, 0)
}

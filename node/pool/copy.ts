import { HotblockError } from '../../protocols/errors.ts'
import { readAt, withFile, withFileIfThere, writeAt } from './files.ts'
import type { CopyAnswer, CopyJob, PlaceAnswer, PlaceJob } from './jobs.ts'
import { bytesOfRow, forEachRun, type Run } from './runs.ts'
import { Scratch } from './scratch.ts'
import { isBlock } from './sha256.ts'
import { forEachDataStretch } from './zeros.ts'

const PIECE_BYTES = 1024 * 1024
const scratch = new Scratch()

/** Writes whole blocks, zeros in them included: the target may hold something else from before an interruption. */
export function runCopy(job: CopyJob): CopyAnswer {
  const { lengths, toOffsets } = job
  const rows = { lengths, offsets: job.fromOffsets }
  const good = new Uint8Array(lengths.length)
  const copyRun = (target: number, run: Run): void => {
    // A stretch of good blocks that lie side by side both here and there is written in one call.
    let start = 0
    let end = 0
    let to = 0
    for (let row = run.first; row < run.end; row++) {
      const bytes = bytesOfRow(run, rows, row)
      if (bytes === undefined || !isBlock(bytes, job.hashes, row)) continue
      good[row] = 1
      const at = rows.offsets[row]! - run.offset
      if (at !== end || toOffsets[row] !== to + end - start) {
        writeAt(target, run.buffer, start, end, to)
        start = at
        to = toOffsets[row]!
      }
      end = at + lengths[row]!
    }
    writeAt(target, run.buffer, start, end, to)
  }
  withFile(job.to, 'r+', (target) => {
    withFileIfThere(job.from, (from) => {
      forEachRun(from, rows, 0, lengths.length, 'skip', (run) => copyRun(target, run))
    })
  })
  return { good }
}

/** @throws BAD_FILE when the source ends too early */
export function runPlace(job: PlaceJob): PlaceAnswer {
  let written = 0
  withFile(job.from, 'r', (from) => {
    withFile(job.to, 'r+', (target) => {
      const buffer = scratch.atLeast(PIECE_BYTES)
      for (let done = 0; done < job.bytes; ) {
        const offset = job.offset + done
        const wanted = Math.min(PIECE_BYTES, job.bytes - done)
        if (readAt(from, buffer, wanted, offset) < wanted) {
          throw new HotblockError('BAD_FILE', `ends before it should: ${job.from}`, { path: job.from })
        }
        forEachDataStretch(buffer, wanted, offset, (start, end) => {
          writeAt(target, buffer, start, end, offset + start)
          written += end - start
        })
        done += wanted
      }
    })
  })
  return { written }
}

import { HotblockError } from '../../protocols/errors.ts'
import { HASH_BYTES } from '../../protocols/table/constants.ts'
import { withFile, withFileIfThere, writeAt } from './files.ts'
import type { HashAnswer, HashJob, VerifyAnswer, VerifyJob } from './jobs.ts'
import { bytesOfRow, forEachRun, type Run } from './runs.ts'
import { isBlock, sha256 } from './sha256.ts'
import { forEachDataStretch, isZero } from './zeros.ts'

/** @throws BAD_FILE when the file ends before the rows do, or cannot be read */
export function runHash(job: HashJob): HashAnswer {
  const { lengths } = job
  const rows = { lengths, offsets: offsetsOf(job.offset, lengths) }
  const hashes = new Uint8Array(lengths.length * HASH_BYTES)
  const zero = new Uint8Array(lengths.length)
  const hashRun = (run: Run): void => {
    for (let row = run.first; row < run.end; row++) {
      const bytes = bytesOfRow(run, rows, row)
      if (bytes === undefined) {
        throw new HotblockError('BAD_FILE', `ends before it should; it changed while it was read: ${job.path}`, {
          path: job.path,
        })
      }
      if (isZero(bytes, 0, bytes.length)) zero[row] = 1
      else hashes.set(sha256(bytes), row * HASH_BYTES)
    }
  }
  const { to } = job
  withFile(job.path, 'r', (from) => {
    if (to === undefined) {
      forEachRun(from, rows, 0, lengths.length, 'throw', hashRun)
      return
    }
    withFile(to, 'r+', (target) => {
      forEachRun(from, rows, 0, lengths.length, 'throw', (run) => {
        hashRun(run)
        forEachDataStretch(run.buffer, run.bytes, run.offset, (start, end) => {
          writeAt(target, run.buffer, start, end, run.offset + start)
        })
      })
    })
  })
  return { hashes, zero }
}

export function runVerify(job: VerifyJob): VerifyAnswer {
  const good = new Uint8Array(job.lengths.length)
  withFileIfThere(job.path, (fd) => {
    forEachRun(fd, job, 0, job.lengths.length, 'skip', (run) => {
      for (let row = run.first; row < run.end; row++) {
        const bytes = bytesOfRow(run, job, row)
        if (bytes !== undefined && isBlock(bytes, job.hashes, row)) good[row] = 1
      }
    })
  })
  return { good }
}

function offsetsOf(first: number, lengths: Uint32Array): Float64Array {
  const offsets = new Float64Array(lengths.length)
  let offset = first
  for (let row = 0; row < lengths.length; row++) {
    offsets[row] = offset
    offset += lengths[row]!
  }
  return offsets
}

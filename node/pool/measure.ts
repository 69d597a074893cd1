import { HotblockError } from '../../protocols/errors.ts'
import { compress } from './compress.ts'
import { withFile } from './files.ts'
import type { MeasureAnswer, MeasureJob } from './jobs.ts'
import { bytesOfRow, forEachRun } from './runs.ts'
import { Scratch } from './scratch.ts'

const scratch = new Scratch()

/** @throws BAD_FILE when the file ends before the rows do */
export function runMeasure(job: MeasureJob): MeasureAnswer {
  const frame = scratch.atLeast(job.lengths.reduce((longest, length) => Math.max(longest, length), job.frameBytes))
  let filled = 0
  let bytes = 0
  const flush = (): void => {
    if (filled === 0) return
    const raw = frame.subarray(0, filled)
    bytes += (job.level > 0 ? compress(raw, job.level) : undefined)?.length ?? filled
    filled = 0
  }
  withFile(job.path, 'r', (fd) => {
    forEachRun(fd, job, 0, job.lengths.length, 'throw', (run) => {
      for (let row = run.first; row < run.end; row++) {
        const block = bytesOfRow(run, job, row)
        if (block === undefined) {
          throw new HotblockError('BAD_FILE', `ends before it should; it changed while it was read: ${job.path}`, {
            path: job.path,
          })
        }
        if (filled + block.length > job.frameBytes) flush()
        frame.set(block, filled)
        filled += block.length
      }
    })
  })
  flush()
  return { bytes }
}

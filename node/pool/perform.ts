import { runCheckpoint } from './checkpoint.ts'
import { runCopy, runPlace } from './copy.ts'
import { runHash, runVerify } from './hash.ts'
import type { JobKind, Jobs } from './jobs.ts'
import { runMeasure } from './measure.ts'
import { runDecode, runEncode } from './transfer.ts'

export type AnyJob = Jobs[JobKind][0]
export type AnyAnswer = Jobs[JobKind][1]

/** Does a job, here and now: blocks until it is done. @throws HotblockError, or what fs throws */
export function perform(job: AnyJob): AnyAnswer {
  switch (job.kind) {
    case 'hash':
      return runHash(job)
    case 'verify':
      return runVerify(job)
    case 'copy':
      return runCopy(job)
    case 'encode':
      return runEncode(job)
    case 'decode':
      return runDecode(job)
    case 'measure':
      return runMeasure(job)
    case 'place':
      return runPlace(job)
    case 'checkpoint':
      return runCheckpoint(job)
  }
}

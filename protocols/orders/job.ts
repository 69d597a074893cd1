import { JOB_CHARACTERS_MAX } from './constants.ts'

/** Schedulers' names of jobs: 12, 12_3, 12[3].server, schedd#12.0#1700000000. Nothing that a shell or a path could use. */
const JOB = /^[A-Za-z0-9][A-Za-z0-9._@:#[\]+-]*$/

export function isJob(text: unknown): text is string {
  return typeof text === 'string' && text.length <= JOB_CHARACTERS_MAX && JOB.test(text)
}

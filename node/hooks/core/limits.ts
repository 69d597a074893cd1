/** What hooks may hand over, for the hook's process and for the daemon alike. */

/** When in a job's life a hook runs; images asks which images are here. */
export const MOMENTS = ['submit', 'allocate', 'node', 'images'] as const
export type Moment = (typeof MOMENTS)[number]

/** Of these the daemon is told. */
export const TOLD_MOMENTS = ['submit', 'allocate', 'node'] as const satisfies readonly Moment[]
export type ToldMoment = (typeof TOLD_MOMENTS)[number]

/** Images that one job may name. */
export const REFERENCES_MAX = 8
/** Of a job's script or comment so much is read. */
export const TEXT_BYTES_MAX = 64 * 1024
/** Hosts of one job, and characters of the list that names them. */
export const HOSTS_MAX = 10_000
export const HOSTLIST_CHARACTERS_MAX = 256 * 1024
export const SCHEDULER_CHARACTERS_MAX = 32

const SCHEDULER = /^[a-z][a-z0-9-]*$/

/** A scheduler's name: slurm, htcondor, lsf, pbs, torque. */
export function isScheduler(text: unknown): text is string {
  return typeof text === 'string' && text.length <= SCHEDULER_CHARACTERS_MAX && SCHEDULER.test(text)
}

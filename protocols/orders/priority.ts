/** What an image is wanted for, most urgent first. */
export const PRIORITIES = ['job', 'allocated', 'seed', 'reseed'] as const

/**
 * job: a job waits for it now; allocated: a job will run on this node; seed: a job was submitted that may run anywhere;
 * reseed: only so that others can take it from here.
 */
export type Priority = (typeof PRIORITIES)[number]

/** The larger, the more urgent. */
export function rank(priority: Priority): number {
  return PRIORITIES.length - 1 - PRIORITIES.indexOf(priority)
}

export function moreUrgent(a: Priority, b: Priority): Priority {
  return rank(a) >= rank(b) ? a : b
}

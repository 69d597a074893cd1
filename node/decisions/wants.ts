/**
 * Which of the wanted images to work on, and which fetch stands back for another. Pure.
 *
 * Order: what a job waits for goes before what an allocated job will need, that before the seeds of a submitted one, and
 * these before copies that only help others. Those who wait for an image (wait, fetch) do not stand in a queue at all;
 * the rest takes turns here.
 */
import { type Priority, rank } from '../../protocols/orders/priority.ts'

/** Images that are worked on at a time, of one urgency or more; and of all urgencies together. */
export const WORKING_MAX = 2
export const WORKING_ALL_MAX = 4
/** A fetch that received something so short a time ago is under way; one that did not gets nothing from others' patience. */
export const UNDER_WAY_MS = 2_000

export interface WaitingWant {
  readonly name: string
  readonly priority: Priority
}

/**
 * @param waiting those that could be begun now, in the order in which they came
 * @param working what is worked on, by urgency
 * @returns names to begin, most urgent first; of equal urgency what came first. What is more urgent begins though less
 *   urgent work is under way, which stands back then
 */
export function chooseWants(waiting: readonly WaitingWant[], working: readonly Priority[]): string[] {
  const ranks = working.map(rank)
  const begun: string[] = []
  // Sorting is stable.
  for (const { name, priority } of [...waiting].sort((a, b) => rank(b.priority) - rank(a.priority))) {
    const own = rank(priority)
    const asUrgent = ranks.filter((other) => other >= own).length
    if (asUrgent >= WORKING_MAX || ranks.length >= WORKING_ALL_MAX) continue
    ranks.push(own)
    begun.push(name)
  }
  return begun
}

export interface RunningFetch {
  readonly priority: Priority
  /** When it last received something; same clock as `now`. */
  readonly movedAt: number
}

/** Whether a fetch of this urgency leaves the network to others for now: to one that is more urgent and under way. */
export function standsBack(priority: Priority, others: Iterable<RunningFetch>, now: number): boolean {
  for (const other of others) {
    if (rank(other.priority) > rank(priority) && now - other.movedAt < UNDER_WAY_MS) return true
  }
  return false
}

/**
 * Limits of the network that all fetches of a node share. Pure; time comes in.
 *
 * There are two classes. What a job waits for may use all that the node may receive; everything else (prefetch) is limited
 * further, so that it leaves the network to the jobs that run. A fetch changes its class when a job begins to wait for it.
 */
import type { Priority } from '../../protocols/orders/priority.ts'
import { Bucket } from './bucket.ts'

/** Asked before bytes are asked for, and told of those that were. */
export interface Limiter {
  /** Milliseconds from `now` until something may be asked for; 0 when it may at once. */
  waitMs(now: number): number
  spend(now: number, bytes: number): void
}

/** How long a fetch that stands back does, until it looks again. */
export const STAND_BACK_MS = 100

export class DownloadRates {
  readonly #all: Bucket
  readonly #prefetch: Bucket

  /** @param rateBytes what the node may receive a second @param prefetchRateBytes how much of it for nobody who waits */
  constructor(rateBytes: number = Number.POSITIVE_INFINITY, prefetchRateBytes: number = Number.POSITIVE_INFINITY) {
    this.#all = new Bucket(rateBytes)
    this.#prefetch = new Bucket(prefetchRateBytes)
  }

  /**
   * The limits as one fetch has them.
   *
   * @param priority what it is wanted for at the moment
   * @param standsBack whether it leaves the network to others at the moment
   */
  of(priority: () => Priority, standsBack: (now: number) => boolean): Limiter {
    return {
      waitMs: (now) => {
        if (standsBack(now)) return STAND_BACK_MS
        const all = this.#all.waitMs(now)
        return priority() === 'job' ? all : Math.max(all, this.#prefetch.waitMs(now))
      },
      spend: (now, bytes) => {
        this.#all.spend(now, bytes)
        if (priority() !== 'job') this.#prefetch.spend(now, bytes)
      },
    }
  }
}

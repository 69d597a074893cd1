import { HotblockError } from '../../protocols/errors.ts'
import { moreUrgent, type Priority } from '../../protocols/orders/priority.ts'
import type { FetchProgress, TransferRow } from '../api.ts'
import { DownloadRates } from '../decisions/rates.ts'
import { type RunningFetch, standsBack } from '../decisions/wants.ts'
import { type FetchResult, ImageFetch } from './fetch.ts'
import type { FetchDeps, FetchTarget } from './ports.ts'

const PROGRESS_INTERVAL_MS = 200

interface Running {
  readonly fetch: ImageFetch
  readonly abort: AbortController
  readonly result: Promise<FetchResult>
  /** Those who wait: what each of them needs the image for, at the time of asking. */
  readonly waiters: Set<() => Priority>
}

const waits = (): Priority => 'job'

/** The running fetches: one for an image, however many wait for it. It is as urgent as the most urgent of them. */
export class Fetches {
  readonly #deps: FetchDeps
  readonly #running = new Map<string, Running>()
  readonly #changed: () => void
  readonly #rates: DownloadRates
  #closed = false

  /** @param changed called when an image begins to be fetched, and when it is complete */
  constructor(deps: FetchDeps, changed: () => void) {
    this.#deps = deps
    this.#changed = changed
    this.#rates = new DownloadRates(deps.rateDownBytes, deps.prefetchRateDownBytes)
  }

  get transfers(): TransferRow[] {
    return [...this.#running.values()].map((running) => {
      const { fetch } = running
      const { phase, name, doneBytes, imageBytes, wireBytes, peers, seconds } = fetch.progress()
      const root = fetch.target.root.toString()
      return { name, root, phase, priority: priorityOf(running), doneBytes, imageBytes, wireBytes, peers, seconds }
    })
  }

  isRunning(root: string): boolean {
    return this.#running.has(root)
  }

  /**
   * Waits for an image, fetching it if nobody does yet. The fetch ends early only when all who wait have gone.
   * @param priority what it is for, at the time of asking; default: somebody waits for it
   * @throws CANCELLED when the signal aborts; what ImageFetch.run throws
   */
  async fetch(
    target: FetchTarget,
    progress: (p: FetchProgress) => void,
    signal: AbortSignal,
    priority: () => Priority = waits,
  ): Promise<FetchResult> {
    const key = target.root.toString()
    // One that ends because nobody waited any more is no longer to be joined.
    while (this.#running.get(key)?.abort.signal.aborted && !this.#closed) {
      await this.#running.get(key)?.result.catch(() => {})
    }
    signal.throwIfAborted()
    const running = this.#running.get(key) ?? this.#start(target)
    const waiter = (): Priority => priority()
    running.waiters.add(waiter)
    const timer = setInterval(() => progress(running.fetch.progress()), PROGRESS_INTERVAL_MS)
    const gone = Promise.withResolvers<never>()
    const leave = (): void => gone.reject(new HotblockError('CANCELLED', `stopped waiting for ${target.name}`))
    signal.addEventListener('abort', leave)
    try {
      const result = await Promise.race([running.result, gone.promise])
      progress(running.fetch.progress())
      return result
    } finally {
      clearInterval(timer)
      signal.removeEventListener('abort', leave)
      running.waiters.delete(waiter)
      if (running.waiters.size === 0) running.abort.abort()
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const { abort } of this.#running.values()) abort.abort()
    await Promise.allSettled([...this.#running.values()].map(({ result }) => result))
  }

  #start(target: FetchTarget): Running {
    if (this.#closed) throw new HotblockError('CANCELLED', 'the daemon stops')
    const key = target.root.toString()
    const waiters = new Set<() => Priority>()
    const own = (): Priority => priorityOf({ waiters })
    const back = (now: number): boolean => standsBack(own(), this.#others(key), now)
    const fetch = new ImageFetch(this.#deps, target, {
      begun: this.#changed,
      limiter: this.#rates.of(own, back),
      standsBack: back,
      isPrefetch: () => own() !== 'job',
    })
    const abort = new AbortController()
    const result = fetch.run(abort.signal).finally(() => {
      this.#running.delete(key)
      this.#changed()
    })
    // Whoever waits hears of a failure; that nobody waits any more is no failure.
    result.catch(() => {})
    const running = { fetch, abort, result, waiters }
    this.#running.set(key, running)
    this.#deps.log.info({ name: target.name, root: key }, 'fetch begins')
    return running
  }
  *#others(key: string): Generator<RunningFetch> {
    for (const [other, running] of this.#running) {
      if (other !== key) yield { priority: priorityOf(running), movedAt: running.fetch.receivedAt }
    }
  }
}

function priorityOf({ waiters }: Pick<Running, 'waiters'>): Priority {
  let most: Priority = 'reseed'
  for (const priority of waiters) most = moreUrgent(most, priority())
  return most
}

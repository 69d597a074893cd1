import { asHotblockError, HotblockError } from '../../protocols/errors.ts'
import type { Log } from '../../protocols/ports.ts'
import type { Store } from '../store/store.ts'

/** Images that are prefetched at a time, and names that are remembered. */
const PREFETCHES_MAX = 2
export const WANTS_MAX = 1024
/** A name that could not be had is tried again after this, doubling. */
const RETRY_MS_MIN = 2_000
const RETRY_MS_MAX = 120_000
const ROW = 'want/'

/**
 * Names that the node shall have, remembered over restarts until they are here. A name need not be known yet: the
 * image is fetched when a trusted builder publishes it.
 */
export class Wants {
  readonly #store: Store
  readonly #log: Log
  readonly #get: (name: string, signal: AbortSignal) => Promise<void>
  readonly #names = new Map<string, { retryMs: number; at: number; busy: boolean }>()
  readonly #abort = new AbortController()
  readonly #working = new Set<Promise<void>>()
  #timer: NodeJS.Timeout | undefined

  /** @param get resolves when the image of the name is complete on this node */
  constructor(init: { store: Store; log: Log; get: (name: string, signal: AbortSignal) => Promise<void> }) {
    this.#store = init.store
    this.#log = init.log
    this.#get = init.get
  }

  get names(): string[] {
    return [...this.#names.keys()]
  }

  start(): void {
    for (const { key } of this.#store.list(ROW)) this.#names.set(key.slice(ROW.length), fresh())
    this.#pump()
  }

  /** @throws NO_SPACE when too many names wait already */
  async add(names: readonly string[]): Promise<void> {
    const news = names.filter((name) => !this.#names.has(name))
    if (this.#names.size + news.length > WANTS_MAX) {
      throw new HotblockError('NO_SPACE', `${this.#names.size} names wait already; ${WANTS_MAX} are remembered`)
    }
    for (const name of news) {
      await this.#store.put(ROW + name, new Uint8Array(0))
      this.#names.set(name, fresh())
    }
    for (const name of names) this.#due(name)
    this.#pump()
  }

  async remove(name: string): Promise<void> {
    this.#names.delete(name)
    await this.#store.delete(ROW + name)
  }

  /** Something changed (a record came, a peer connected): waiting names are tried at once. */
  nudge(name?: string): void {
    if (name === undefined) for (const each of this.#names.keys()) this.#due(each)
    else this.#due(name)
    this.#pump()
  }

  async close(): Promise<void> {
    this.#abort.abort()
    clearTimeout(this.#timer)
    await Promise.allSettled(this.#working)
  }

  #due(name: string): void {
    const want = this.#names.get(name)
    if (want !== undefined) Object.assign(want, { at: 0, retryMs: RETRY_MS_MIN })
  }

  #pump(): void {
    clearTimeout(this.#timer)
    if (this.#abort.signal.aborted) return
    const now = Date.now()
    let wakeAt = Number.POSITIVE_INFINITY
    for (const [name, want] of this.#names) {
      if (want.busy) continue
      if (this.#working.size < PREFETCHES_MAX && want.at <= now) {
        want.busy = true
        const work = this.#work(name, want).finally(() => {
          this.#working.delete(work)
          this.#pump()
        })
        this.#working.add(work)
      } else if (want.at > now) {
        wakeAt = Math.min(wakeAt, want.at)
      }
    }
    if (wakeAt < Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.#pump(), wakeAt - now)
  }

  async #work(name: string, want: { retryMs: number; at: number; busy: boolean }): Promise<void> {
    try {
      await this.#get(name, this.#abort.signal)
      await this.remove(name)
    } catch (thrown) {
      if (this.#abort.signal.aborted) return
      const error = asHotblockError(thrown)
      const quiet = error.code === 'NOT_FOUND'
      this.#log[quiet ? 'debug' : 'warn']({ name, code: error.code, error: error.message }, 'the prefetch waits')
      want.at = Date.now() + want.retryMs
      want.retryMs = Math.min(RETRY_MS_MAX, want.retryMs * 2)
    } finally {
      want.busy = false
    }
  }
}

function fresh(): { retryMs: number; at: number; busy: boolean } {
  return { retryMs: RETRY_MS_MIN, at: 0, busy: false }
}

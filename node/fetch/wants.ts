import { asHotblockError, HotblockError } from '../../protocols/errors.ts'
import { moreUrgent, PRIORITIES, type Priority } from '../../protocols/orders/priority.ts'
import type { Log } from '../../protocols/ports.ts'
import { chooseWants } from '../decisions/wants.ts'
import type { Store } from '../store/store.ts'

/** Names that are remembered. */
export const WANTS_MAX = 1024
/** A name that could not be had is tried again after this, doubling. */
const RETRY_MS_MIN = 2_000
const RETRY_MS_MAX = 120_000
/** What was wanted for a job is forgotten after this: the job has begun without it, or has gone. */
export const JOB_WANT_MS = 24 * 60 * 60 * 1000
const ROW = 'want/'

interface Want {
  priority: Priority
  /** Date.now() after which it is forgotten; undefined: never. */
  until: number | undefined
  retryMs: number
  at: number
  busy: boolean
}

export interface WantOptions {
  /** What it is wanted for; default: allocated. */
  readonly priority?: Priority | undefined
  /** For a job, so not for ever, and not at the cost of what somebody asked for by hand. */
  readonly forJob?: boolean | undefined
}

/** @param priority what it is wanted for, at the time of asking */
export type GetWanted = (name: string, signal: AbortSignal, priority: () => Priority) => Promise<void>

/**
 * Names that the node shall have, remembered over restarts until they are here. A name need not be known yet: the
 * image is fetched when a trusted builder publishes it. However often a name is asked for, it is wanted once, as
 * urgently as whoever needs it most says.
 */
export class Wants {
  readonly #store: Store
  readonly #log: Log
  readonly #get: GetWanted
  readonly #names = new Map<string, Want>()
  readonly #abort = new AbortController()
  readonly #working = new Set<Promise<void>>()
  #timer: NodeJS.Timeout | undefined

  /** @param init get resolves when the image of the name is complete on this node */
  constructor(init: { store: Store; log: Log; get: GetWanted }) {
    this.#store = init.store
    this.#log = init.log
    this.#get = init.get
  }

  get names(): string[] {
    return [...this.#names.keys()]
  }

  priorityOf(name: string): Priority | undefined {
    return this.#names.get(name)?.priority
  }

  start(): void {
    for (const { key, value } of this.#store.list(ROW)) {
      const name = key.slice(ROW.length)
      if (!this.#names.has(name)) this.#names.set(name, fresh(readRow(value)))
    }
    this.#pump()
  }

  /** @throws NO_SPACE when too many names wait already; none of these is wanted then */
  async add(names: readonly string[], { priority = 'allocated', forJob = false }: WantOptions = {}): Promise<void> {
    const news = names.filter((name) => !this.#names.has(name))
    await this.#makeRoom(news.length, new Set(names))
    const until = forJob ? Date.now() + JOB_WANT_MS : undefined
    for (const name of new Set(names)) {
      const before = this.#names.get(name)
      const wanted = before === undefined ? { priority, until } : merged(before, priority, until)
      if (before === undefined) this.#names.set(name, fresh(wanted))
      else Object.assign(before, wanted)
      await this.#store.put(ROW + name, rowOf(wanted))
      // It may have come while this was written.
      if (!this.#names.has(name)) await this.#store.delete(ROW + name)
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

  /** Jobs' wants make room, the oldest first: users name images that nobody has published, and there is no end of it. */
  async #makeRoom(count: number, except: ReadonlySet<string>): Promise<void> {
    const over = this.#names.size + count - WANTS_MAX
    if (over <= 0) return
    const droppable = [...this.#names]
      .filter(([name, { until, busy }]) => until !== undefined && !busy && !except.has(name))
      .sort(([, a], [, b]) => a.until! - b.until!)
      .slice(0, over)
    if (droppable.length < over) {
      throw new HotblockError('NO_SPACE', `${this.#names.size} names wait already; ${WANTS_MAX} are remembered`)
    }
    this.#log.warn({ names: droppable.map(([name]) => name) }, 'too many images are wanted; these are forgotten')
    for (const [name] of droppable) await this.remove(name)
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
    const waiting: { name: string; priority: Priority }[] = []
    const working: Priority[] = []
    for (const [name, { busy, at, until, priority }] of this.#names) {
      if (busy) working.push(priority)
      else if (until !== undefined && until <= now) this.#forget(name)
      else if (at <= now) waiting.push({ name, priority })
      else wakeAt = Math.min(wakeAt, at)
    }
    for (const name of chooseWants(waiting, working)) this.#begin(name)
    if (wakeAt < Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.#pump(), wakeAt - now)
  }

  #forget(name: string): void {
    this.#log.info({ name }, 'an image that a job wanted a day ago is wanted no more')
    this.remove(name).catch((error) => this.#log.warn({ name, error: String(error) }, 'a want was not forgotten'))
  }

  #begin(name: string): void {
    const want = this.#names.get(name)
    if (want === undefined) return
    want.busy = true
    const work = this.#work(name, want).finally(() => {
      this.#working.delete(work)
      this.#pump()
    })
    this.#working.add(work)
  }

  async #work(name: string, want: Want): Promise<void> {
    try {
      await this.#get(name, this.#abort.signal, () => want.priority)
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

type Wanted = Pick<Want, 'priority' | 'until'>

function fresh(wanted: Wanted): Want {
  return { ...wanted, retryMs: RETRY_MS_MIN, at: 0, busy: false }
}

function merged(before: Wanted, priority: Priority, until: number | undefined): Wanted {
  const forEver = before.until === undefined || until === undefined
  return {
    priority: moreUrgent(before.priority, priority),
    until: forEver ? undefined : Math.max(before.until!, until),
  }
}

function rowOf(wanted: Wanted): Uint8Array {
  return Buffer.from(JSON.stringify(wanted))
}

/** Rows of earlier versions have no content. */
function readRow(bytes: Uint8Array): Wanted {
  try {
    const { priority, until } = JSON.parse(Buffer.from(bytes).toString('utf8')) as Partial<Wanted>
    const known = PRIORITIES.find((each) => each === priority) ?? 'allocated'
    return { priority: known, until: typeof until === 'number' ? until : undefined }
  } catch {
    return { priority: 'allocated', until: undefined }
  }
}

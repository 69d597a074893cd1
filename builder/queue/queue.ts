/** The build queue: carries out what machine.ts decides, on disk, with the maker and the node. */
import { mkdir, readdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { formatBytes } from '../../node/cli/format.ts'
import { asHotblockError, HotblockError } from '../../protocols/errors.ts'
import type { Log } from '../../protocols/ports.ts'
import type { ImageConfig } from '../config/image-config.ts'
import type { BuildProgress, ImageMaker } from '../make/maker.ts'
import type { Entry } from '../repository/entry.ts'
import type { Repository } from '../repository/repository.ts'
import type { Requests } from '../requests.ts'
import { attemptBuild, type Publish } from './attempt.ts'
import { type Build, hasEnded, isRunning, isWaiting, type LiveBuild, type Requester, summaryOf } from './build.ts'
import { type BuildLog, type LogLine, openBuildLog, readBuildLog } from './build-log.ts'
import type { FarmEvents } from './events.ts'
import { openBuildFiles } from './files.ts'
import { emptyDirectory, removeDirectory } from './job-directory.ts'
import { type BuildEvent, type QueueLimits, shared, step, turn } from './machine.ts'

/** Builds that have ended and are still told of. */
export const HISTORY_MAX = 500
/** How soon a queue that waits for room on the disk looks again. */
const DISK_RETRY_MS = 5000

export interface QueueInit {
  /** Builds are kept here. */
  readonly directory: string
  /** Builds work here. */
  readonly work: string
  readonly limits: QueueLimits
  readonly requests: Pick<Requests, 'restore' | 'toXml' | 'key' | 'name'>
  readonly maker: ImageMaker
  readonly repository: Repository
  readonly publish: Publish
  readonly events: FarmEvents
  readonly log: Log
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Bytes that a build may still write; default: what the file system of `work` says. */
  readonly freeBytes?: () => Promise<number>
}

/** What a request came to: an image that was there, or a build, perhaps one that somebody else asked for before. */
export type Submitted =
  | { readonly kind: 'image'; readonly entry: Entry }
  | { readonly kind: 'build'; readonly build: LiveBuild; readonly joined: boolean }

export interface Queue {
  /** The build is on disk when this resolves. @throws QUEUE_FULL, NO_SPACE */
  submit(config: ImageConfig, by: Requester): Promise<Submitted>
  /** Newest first. */
  list(): LiveBuild[]
  /** @throws NO_BUILD */
  get(id: number): LiveBuild
  /** Resolves when the build has ended. @throws NO_BUILD, CANCELLED where `signal` aborts before */
  wait(id: number, signal: AbortSignal): Promise<Build>
  /** @throws NO_BUILD, BUILD_OVER */
  cancel(id: number, who: string): Promise<LiveBuild>
  /** The newest lines of a build's log after one. @throws NO_BUILD */
  tail(id: number, after: number): Promise<LogLine[]>
  /** The same, and those that follow until the build has ended. @throws NO_BUILD */
  follow(id: number, after: number, signal: AbortSignal): AsyncGenerator<LogLine[]>
  onChange(listener: (build: LiveBuild) => void): () => void
  /** Begins with what waits; before this nothing is built. */
  start(): void
  /** Ends what runs; it goes on at the next start. */
  close(): Promise<void>
}

/** Opens the queue of a directory; what a crash has interrupted waits again. */
export async function openQueue(init: QueueInit): Promise<Queue> {
  const { limits, requests, repository, events, log, now, work } = init
  const { files, builds: found } = await openBuildFiles(init.directory, log)
  const builds = new Map<number, Build>(found.map((build) => [build.id, build]))
  const progresses = new Map<number, BuildProgress>()
  const logs = new Map<number, BuildLog>()
  /** Builds that are not on disk yet: they are told of and shared, but not begun. */
  const creating = new Map<number, Promise<void>>()
  const running = new Map<number, { readonly abort: AbortController; readonly ended: Promise<void> }>()
  const listeners = new Set<(build: LiveBuild) => void>()
  let lastId = Math.max(0, ...builds.keys())
  let waitsFor: 'turn' | 'disk' | undefined
  let closed = false
  let started = false
  let retry: NodeJS.Timeout | undefined
  const jobs = join(work, 'jobs')

  const live = (build: Build): LiveBuild => ({
    ...build,
    progress: progresses.get(build.id),
    ...(isWaiting(build) ? { waitsFor } : {}),
  })
  const known = (id: number): Build => {
    const build = builds.get(id)
    if (build === undefined) throw new HotblockError('NO_BUILD', `there is no build ${id}`, { build: id })
    return build
  }
  const tell = (build: Build): void => {
    for (const listener of listeners) listener(live(build))
  }
  /** In memory at once; on disk when the promise resolves. */
  const apply = (id: number, event: BuildEvent): Promise<void> => {
    const build = step(known(id), event, limits)
    builds.set(id, build)
    if (hasEnded(build)) progresses.delete(id)
    const saved = files.save(build).catch((error: unknown) => {
      log.error({ build: id, error: String(error) }, 'the state of a build could not be written')
    })
    tell(build)
    return saved
  }
  const note = (build: Build, kind: Parameters<FarmEvents['add']>[0]['kind'], text: string, more: object = {}): void =>
    events.add({ kind, text, build: build.id, key: build.key, name: build.name, who: build.by.who, ...more })

  await mkdir(jobs, { recursive: true })
  for (const name of await readdir(jobs)) {
    await removeDirectory(join(jobs, name)).catch((error: unknown) =>
      log.warn({ error: String(error) }, 'work is left'),
    )
  }
  for (const build of found) {
    if (hasEnded(build)) continue
    const wasRunning = isRunning(build)
    await apply(build.id, { kind: 'restart', at: now() })
    const after = known(build.id)
    if (!wasRunning) continue
    const again = hasEnded(after) ? 'it is not tried again' : 'it runs again'
    note(after, 'interrupted', `the farm ended during the build; ${again}`)
    const buildLog = await openBuildLog(files.logPath(build.id))
    buildLog.write(`the farm ended during the build; ${again}`)
    await buildLog.close()
  }

  const freeBytes =
    init.freeBytes ??
    (async () => {
      const { bavail, bsize } = await statfs(work)
      return bavail * bsize
    })

  async function run(id: number, abort: AbortController): Promise<void> {
    const directory = join(jobs, String(id))
    const startedAt = now()
    const buildLog = await openBuildLog(files.logPath(id)).catch((error: unknown) => asHotblockError(error))
    if (buildLog instanceof HotblockError) {
      const { code, message } = buildLog
      return apply(id, { kind: 'fail', at: now(), error: { code, message } })
    }
    logs.set(id, buildLog)
    const outcome = await attempt(id, directory, buildLog, abort.signal)
    // Nothing of the work is left when the end is told.
    await removeDirectory(directory).catch((error: unknown) => {
      log.warn({ build: id, error: String(error) }, 'what a build worked with was not removed')
    })
    const event = outcome instanceof HotblockError ? failed(outcome) : ({ kind: 'ready', at: now() } as const)
    const ended = step(known(id), event, limits)
    const text = outcome instanceof HotblockError ? `${outcome.code}: ${outcome.message}` : formatBytes(outcome.bytes)
    buildLog.write(event.kind === 'stop' ? 'the farm stops; the build goes on when it is back' : endText(ended, text))
    const saved = apply(id, event)
    const { state } = ended
    if (state === 'ready' || state === 'failed' || state === 'cancelled') {
      note(ended, state, text, { seconds: (now() - startedAt) / 1000 })
    }
    await saved
    await buildLog.close()
    logs.delete(id)
  }

  /** @returns the image, or what it failed with */
  async function attempt(
    id: number,
    directory: string,
    buildLog: BuildLog,
    signal: AbortSignal,
  ): Promise<Entry | HotblockError> {
    try {
      const build = known(id)
      buildLog.write(`build ${id}, attempt ${build.attempts}: ${build.name}`)
      note(build, 'started', `attempt ${build.attempts}`)
      const xml = await files.config(id)
      const config = requests.restore(xml)
      if (requests.key(config) !== build.key) {
        throw new HotblockError('BAD_CONFIG', 'the configuration means something else since the farm was started anew')
      }
      await emptyDirectory(directory)
      signal.throwIfAborted()
      return await attemptBuild({
        ...init,
        build,
        config,
        xml,
        directory,
        log: buildLog,
        signal,
        progress(progress) {
          progresses.set(id, progress)
          tell(known(id))
        },
        onMade({ stages }) {
          void apply(id, { kind: 'publish', at: now(), stages })
          for (const { stage, hit, reason, seconds } of stages) {
            note(build, 'stage', `${stage}: ${hit ? 'hit' : 'miss'}, ${reason}`, { hit, seconds })
          }
        },
      })
    } catch (thrown) {
      const failure = asHotblockError(thrown)
      if (failure.code === 'INTERNAL') log.error({ build: id, err: thrown }, 'a build failed unexpectedly')
      return failure
    }
  }

  function failed({ code, message }: HotblockError): BuildEvent {
    return closed ? { kind: 'stop', at: now() } : { kind: 'fail', at: now(), error: { code, message } }
  }

  function begin(build: Build): void {
    const abort = new AbortController()
    void apply(build.id, { kind: 'start', at: now() })
    const ended = run(build.id, abort)
      .catch((error: unknown) => log.error({ build: build.id, err: error }, 'a build did not end in order'))
      .finally(() => {
        running.delete(build.id)
        void pump()
      })
    running.set(build.id, { abort, ended })
  }

  /** Begins what may begin. */
  async function pump(): Promise<void> {
    if (closed || !started) return
    const free = await freeBytes().catch(() => 0)
    if (closed) return
    clearTimeout(retry)
    // A build whose state has ended may still be tidying up; its place is free only after that.
    const leaving = [...running.keys()].filter((id) => !isRunning(known(id))).length
    const there = [...builds.values()].filter(({ id }) => !creating.has(id))
    const next = turn(there, { ...limits, parallel: limits.parallel - leaving }, free)
    waitsFor = next.waitsFor
    for (const build of next.start) begin(build)
    if (waitsFor === 'disk') retry = setTimeout(() => void pump(), DISK_RETRY_MS)
    await forget()
  }

  /** Builds that ended long ago go. */
  async function forget(): Promise<void> {
    const ended = [...builds.values()].filter(hasEnded).sort((a, b) => b.id - a.id)
    for (const { id } of ended.slice(HISTORY_MAX)) {
      builds.delete(id)
      await files.remove(id)
    }
  }

  return {
    async submit(config, by) {
      if (closed) throw new HotblockError('CANCELLED', 'the farm is stopping')
      const key = requests.key(config)
      const entry = repository.ready(key)
      if (entry !== undefined) {
        events.add({ kind: 'existing', text: `via ${by.via}`, key, name: entry.name, who: by.who })
        return { kind: 'image', entry }
      }
      const before = shared(builds.values(), key, limits)
      if (before !== undefined) {
        note(before, 'shared', `via ${by.via}`, { who: by.who })
        await creating.get(before.id)
        await apply(before.id, { kind: 'share', at: now() })
        return { kind: 'build', build: live(known(before.id)), joined: true }
      }
      lastId += 1
      const build: Build = {
        id: lastId,
        key,
        name: requests.name(config),
        state: 'queued',
        cancelling: false,
        attempts: 0,
        requests: 1,
        by,
        config: summaryOf(config),
        queuedAt: now(),
        stages: [],
      }
      builds.set(build.id, build)
      const created = files.create(build, requests.toXml(config))
      creating.set(build.id, created)
      try {
        await created
      } catch (error) {
        builds.delete(build.id)
        throw asHotblockError(error)
      } finally {
        creating.delete(build.id)
      }
      note(build, 'requested', `via ${by.via}`)
      tell(known(build.id))
      await pump()
      return { kind: 'build', build: live(known(build.id)), joined: false }
    },
    list: () => [...builds.values()].sort((a, b) => b.id - a.id).map(live),
    get: (id) => live(known(id)),
    async wait(id, signal) {
      known(id)
      const { promise, resolve, reject } = Promise.withResolvers<Build>()
      const look = (): void => {
        const build = builds.get(id)
        if (build === undefined) reject(new HotblockError('NO_BUILD', `there is no build ${id}`, { build: id }))
        else if (hasEnded(build)) resolve(build)
      }
      const gone = (): void => reject(new HotblockError('CANCELLED', 'nobody waits for the build any more'))
      listeners.add(look)
      signal.addEventListener('abort', gone, { once: true })
      try {
        if (signal.aborted) gone()
        look()
        return await promise
      } finally {
        listeners.delete(look)
        signal.removeEventListener('abort', gone)
      }
    },
    async cancel(id, who) {
      await apply(id, { kind: 'cancel', at: now() })
      const build = known(id)
      if (build.state === 'cancelled') note(build, 'cancelled', 'before it began', { who })
      logs.get(id)?.write(`cancelled by ${who}`)
      running.get(id)?.abort.abort(new HotblockError('CANCELLED', 'the build was cancelled'))
      return live(build)
    },
    async tail(id, after) {
      known(id)
      const open = logs.get(id)
      if (open !== undefined) return open.tail(after)
      return (await readBuildLog(files.logPath(id))).filter(({ number }) => number > after)
    },
    async *follow(id, after, signal) {
      let at = after
      while (!signal.aborted) {
        const ended = hasEnded(known(id))
        const open = logs.get(id)
        if (open !== undefined) {
          for await (const lines of open.follow(at, signal)) {
            at = lines.at(-1)?.number ?? at
            yield lines
          }
          // It is closed, or nobody follows any more: what is on disk is the rest.
          await Promise.race([open.closed, aborted(signal)])
          await new Promise((resolve) => setImmediate(resolve))
          continue
        }
        const rest = (await readBuildLog(files.logPath(id))).filter(({ number }) => number > at)
        at = rest.at(-1)?.number ?? at
        if (rest.length > 0) yield rest
        if (ended) return
        await changed(id, signal)
      }
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    start() {
      started = true
      void pump()
    },
    async close() {
      closed = true
      clearTimeout(retry)
      for (const { abort } of running.values()) abort.abort(new HotblockError('CANCELLED', 'the farm is stopping'))
      await Promise.all([...running.values()].map(({ ended }) => ended))
      await events.flushed()
    },
  }

  async function changed(id: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const look = (build: Build): void => {
      if (build.id === id) resolve()
    }
    const gone = (): void => resolve()
    listeners.add(look)
    signal.addEventListener('abort', gone, { once: true })
    await promise
    listeners.delete(look)
    signal.removeEventListener('abort', gone)
  }
}

/** The last line of a log. */
function endText({ state }: Build, text: string): string {
  if (state === 'ready') return 'ready'
  return state === 'cancelled' ? 'cancelled' : `failed: ${text}`
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (signal.aborted) resolve()
  signal.addEventListener('abort', () => resolve(), { once: true })
  return promise
}

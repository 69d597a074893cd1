/**
 * What the queue decides: which requests share a build, which build runs next, and what an event makes of a build. Pure:
 * builds and events in, builds out; the queue carries it out.
 */
import { HotblockError } from '../../protocols/errors.ts'
import type { StageReport } from '../make/maker.ts'
import { type Build, type BuildState, hasEnded, isRunning, isWaiting } from './build.ts'

export interface QueueLimits {
  /** Builds that run at the same time. */
  readonly parallel: number
  /** Builds that wait. */
  readonly waitingMax: number
  /** How often a build is begun before it is given up. */
  readonly attemptsMax: number
  /** No build is begun with less room on the disk, bytes. */
  readonly floorBytes: number
}

/** `at`: milliseconds since the epoch. */
export type BuildEvent =
  | { readonly kind: 'start'; readonly at: number }
  | { readonly kind: 'publish'; readonly at: number; readonly stages: readonly StageReport[] }
  | { readonly kind: 'ready'; readonly at: number }
  | { readonly kind: 'fail'; readonly at: number; readonly error: { readonly code: string; readonly message: string } }
  | { readonly kind: 'cancel'; readonly at: number }
  | { readonly kind: 'share'; readonly at: number }
  /** The farm stops in good order; the build is to go on when it is back. */
  | { readonly kind: 'stop'; readonly at: number }
  /** The farm is back, and this is how the disk says that the build was left. */
  | { readonly kind: 'restart'; readonly at: number }

/** Where an event leads, by the state that it meets; what is not there cannot happen. */
const LEADS: Readonly<Record<BuildState, Partial<Record<BuildEvent['kind'], BuildState>>>> = {
  queued: {
    start: 'building',
    fail: 'failed',
    cancel: 'cancelled',
    share: 'queued',
    stop: 'queued',
    restart: 'queued',
  },
  interrupted: {
    start: 'building',
    fail: 'failed',
    cancel: 'cancelled',
    share: 'interrupted',
    stop: 'interrupted',
    restart: 'interrupted',
  },
  building: {
    publish: 'publishing',
    fail: 'failed',
    cancel: 'building',
    share: 'building',
    stop: 'interrupted',
    restart: 'interrupted',
  },
  publishing: { ready: 'ready', fail: 'failed', share: 'publishing', stop: 'interrupted', restart: 'interrupted' },
  ready: {},
  failed: {},
  cancelled: {},
}

/**
 * What an event makes of a build.
 * @throws BUILD_OVER where it cannot happen any more
 */
export function step(build: Build, event: BuildEvent, limits: Pick<QueueLimits, 'attemptsMax'>): Build {
  const state = LEADS[build.state][event.kind]
  // Who was asked to stop does not publish.
  if (state === undefined || (build.cancelling && event.kind === 'publish')) {
    const message = `build ${build.id} is ${build.state}: it is too late to ${event.kind} it`
    throw new HotblockError('BUILD_OVER', message, { build: build.id, state: build.state })
  }
  const next: Build = { ...build, state }
  switch (event.kind) {
    case 'start':
      return { ...next, attempts: build.attempts + 1, startedAt: event.at, stages: [] }
    case 'publish':
      return { ...next, stages: [...event.stages] }
    case 'ready':
      return { ...next, cancelling: false, endedAt: event.at }
    case 'fail':
      // Who asked for the end is not told of a failure.
      if (build.cancelling) return cancelled(next, event.at)
      return { ...next, endedAt: event.at, error: { ...event.error } }
    case 'cancel':
      return state === 'cancelled' ? cancelled(next, event.at) : { ...next, cancelling: true }
    case 'share':
      return { ...next, requests: build.requests + 1 }
    case 'stop':
      if (!isRunning(build)) return next
      if (build.cancelling) return cancelled(next, event.at)
      // It was no fault of the build's.
      return { ...next, attempts: Math.max(0, build.attempts - 1) }
    case 'restart':
      if (!isRunning(build)) return next
      if (build.cancelling) return cancelled(next, event.at)
      if (build.attempts < limits.attemptsMax) return next
      return { ...next, state: 'failed', endedAt: event.at, error: givenUp(build) }
  }
}

/**
 * The build that a request for a key joins, if there is one.
 * @throws QUEUE_FULL where it would be one more, and too many wait
 */
export function shared(
  builds: Iterable<Build>,
  key: string,
  limits: Pick<QueueLimits, 'waitingMax'>,
): Build | undefined {
  let waiting = 0
  for (const build of builds) {
    if (hasEnded(build)) continue
    if (build.key === key && !build.cancelling) return build
    if (isWaiting(build)) waiting += 1
  }
  if (waiting < limits.waitingMax) return undefined
  throw new HotblockError('QUEUE_FULL', `${waiting} builds are waiting already`, { waiting })
}

export interface Turn {
  /** Builds to begin now, in this order. */
  readonly start: readonly Build[]
  /** Why the first of the others waits. */
  readonly waitsFor: 'turn' | 'disk' | undefined
}

/**
 * Which builds begin: those that waited longest, as far as the limits let them. What was interrupted was queued before
 * what came later, so it goes first. Builds of one key never run together.
 */
export function turn(builds: Iterable<Build>, limits: QueueLimits, freeBytes: number): Turn {
  const all = [...builds].sort((a, b) => a.id - b.id)
  const running = new Set(all.filter(isRunning).map(({ key }) => key))
  const waiting = all.filter(isWaiting)
  let room = limits.parallel - all.filter(isRunning).length
  const start: Build[] = []
  if (waiting.length > 0 && room > 0 && freeBytes < limits.floorBytes) return { start, waitsFor: 'disk' }
  for (const build of waiting) {
    if (room <= 0) break
    if (running.has(build.key)) continue
    running.add(build.key)
    start.push(build)
    room -= 1
  }
  return { start, waitsFor: start.length < waiting.length ? 'turn' : undefined }
}

function cancelled(build: Build, at: number): Build {
  return {
    ...build,
    state: 'cancelled',
    cancelling: false,
    endedAt: at,
    error: { code: 'CANCELLED', message: 'cancelled on request' },
  }
}

function givenUp({ attempts }: Build): { code: string; message: string } {
  return { code: 'INTERRUPTED', message: `the farm ended during the build ${attempts} times; it is not tried again` }
}

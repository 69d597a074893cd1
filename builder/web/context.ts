/** What every part of the web server gets. */
import type { Farm } from '../farm.ts'
import type { Guard } from './auth/guard.ts'

/** So many may wait for builds, and so many may follow logs, at the same time. */
export const WAITERS_MAX = 64
/** Nobody waits longer for a build in one request. */
export const WAIT_MS_MAX = 3_600_000

export interface WebContext {
  readonly farm: Farm
  readonly guard: Guard
  /** Where the farm is reached, for links that are read elsewhere; without a slash at the end. */
  readonly base: (host: string | undefined) => string
  /** Aborts when the server closes. */
  readonly closing: AbortSignal
  /** Counts who waits or follows. */
  readonly waiters: Slots
}

/** A number of places. */
export interface Slots {
  /** Takes a place; give it back once. @throws BUSY */
  take(): () => void
}

/**
 * Whom to serve next. Pure: requests, completions and the time come in, frames to make come out.
 *
 * Sessions take turns, so that one eager peer does not hold up the others; the frames in the making are bounded, and with
 * them memory and disk reads; what a session may keep waiting is bounded, and what exceeds it is told to come back. Under an
 * upload limit frames start only as the limit allows.
 */
import { Bucket } from './bucket.ts'

/** Frames in the making at a time, for all sessions and for one. */
export const FRAMES_ACTIVE_MAX = 8
export const SESSION_FRAMES_ACTIVE_MAX = 4
/** Requests that wait in one session, and in all. */
export const SESSION_QUEUE_MAX = 32
export const QUEUE_MAX = 1024
export const SESSIONS_MAX = 512
/** When a refused peer may ask again, milliseconds. */
export const BUSY_MS = 100

interface Session {
  readonly queue: number[]
  readonly active: Set<number>
}

export interface Start {
  readonly session: string
  readonly request: number
}

export class ServeMachine {
  readonly #sessions = new Map<string, Session>()
  readonly #bucket: Bucket
  #queued = 0
  #active = 0

  constructor(rateUpBytes: number = Number.POSITIVE_INFINITY) {
    this.#bucket = new Bucket(rateUpBytes)
  }

  get sessions(): number {
    return this.#sessions.size
  }

  get active(): number {
    return this.#active
  }

  get queued(): number {
    return this.#queued
  }

  /** @returns false when the node serves as many sessions as it can */
  open(session: string): boolean {
    if (this.#sessions.size >= SESSIONS_MAX) return false
    this.#sessions.set(session, { queue: [], active: new Set() })
    return true
  }

  /** What waits is forgotten; what is in the making must still be `finished`. */
  closed(session: string): void {
    const state = this.#sessions.get(session)
    if (state === undefined) return
    this.#queued -= state.queue.length
    this.#active -= state.active.size
    this.#sessions.delete(session)
  }

  /** @returns true if it will be started by a later `next`; false: tell the peer that the node is busy */
  request(session: string, request: number): boolean {
    const state = this.#sessions.get(session)
    if (state === undefined || state.queue.length >= SESSION_QUEUE_MAX || this.#queued >= QUEUE_MAX) return false
    state.queue.push(request)
    this.#queued++
    return true
  }

  /** @returns true if it was still waiting */
  cancel(session: string, request: number): boolean {
    const state = this.#sessions.get(session)
    const at = state?.queue.indexOf(request) ?? -1
    if (state === undefined || at < 0) return false
    state.queue.splice(at, 1)
    this.#queued--
    return true
  }

  /** A started frame was sent, or given up. @param wireBytes what it took of the upload limit */
  finished(now: number, session: string, request: number, wireBytes: number): void {
    this.#bucket.spend(now, wireBytes)
    if (this.#sessions.get(session)?.active.delete(request)) this.#active--
  }

  /** The frames to make now. */
  next(now: number): Start[] {
    const starts: Start[] = []
    while (this.#queued > 0 && this.#active < FRAMES_ACTIVE_MAX && this.#bucket.waitMs(now) === 0) {
      const found = this.#turn()
      if (found === undefined) break
      const [session, state] = found
      const request = state.queue.shift()!
      this.#queued--
      state.active.add(request)
      this.#active++
      starts.push({ session, request })
      // To the end of the round: a Map keeps the order of insertion.
      this.#sessions.delete(session)
      this.#sessions.set(session, state)
    }
    return starts
  }

  /** Milliseconds until `next` may start something that waits for the upload limit; undefined if nothing does. */
  wakeMs(now: number): number | undefined {
    const wait = this.#bucket.waitMs(now)
    return this.#queued > 0 && wait > 0 ? wait : undefined
  }

  #turn(): [string, Session] | undefined {
    for (const entry of this.#sessions) {
      if (entry[1].queue.length > 0 && entry[1].active.size < SESSION_FRAMES_ACTIVE_MAX) return entry
    }
    return undefined
  }
}

/**
 * Whom to serve next. Pure: requests, completions and the time come in, frames to make come out.
 *
 * What this node has sent least goes first, as long as nobody waits for long; else, and among equals, sessions take turns, so
 * that one eager peer does not hold up the others. Frames in the making are bounded, and with
 * them disk reads and threads; so are frames that were made and that their peers have not taken yet, and with them
 * memory: a peer that reads slowly, or not at all, fills its own share and no other's. What a session may keep waiting is
 * bounded, and what exceeds it is told to come back. Under an upload limit frames start only as the limit allows.
 *
 * Requests for images that nobody waits for are low: they are taken only while no others wait, and as far as a limit of
 * their own allows. So nothing low is ever in the way of what is not, and who is told to come back knows that we live.
 */
import { Bucket } from './bucket.ts'
import { SendCounts, type Sends } from './sends.ts'

/** Frames in the making at a time. */
export const FRAMES_MAKING_MAX = 8
/** Frames in the making or on their way to a peer, for all sessions and for one. */
export const FRAMES_ACTIVE_MAX = 64
export const SESSION_FRAMES_ACTIVE_MAX = 4
/** Requests that wait in one session, and in all. */
export const SESSION_QUEUE_MAX = 32
export const QUEUE_MAX = 1024
export const SESSIONS_MAX = 512
/** When a refused peer may ask again, milliseconds. */
export const BUSY_MS = 100

/** A session is served so many frames in a row before the next one has its turn: the pieces that it asked for are soon
 * whole there, and others can have them from it. */
export const TURN_FRAMES = 2
/** Sessions that are served at a time, not counting those that are slow. */
export const SERVED_MAX = 16
/**
 * At first only so many, and one more for every so many frames: while little is in the swarm, what goes out one after the
 * other is passed on sooner than what goes out side by side.
 */
export const SERVED_FIRST = 2
export const FRAMES_PER_SERVED = 2
/**
 * Slow is who takes longer than this for a frame, and than so many times what frames take here; over a slow uplink all take
 * long, and more of them at a time would only take longer.
 */
export const SLOW_MS = 500
export const SLOW_FRAMES = 4
const FRAME_MS_WEIGHT = 0.1
/** What has waited for so long goes before what was sent least. */
export const LATE_MS = 300
/** A peer that waits hears so often that this node is at work, so that it does not take a long queue for silence; */
export const ALIVE_MS = 300
/** unless a frame has been in the making for so long: then something here stands still. */
export const STUCK_MS = 2_000

const LOW_RANK = Number.MAX_SAFE_INTEGER
const LATE_RANK = -1

interface Waiting {
  readonly request: number
  readonly low: boolean
  readonly at: number
  readonly sends: Sends
}

interface Active {
  /** The frame is in the making. */
  making: boolean
  readonly low: boolean
  readonly at: number
}

interface Session {
  readonly name: string
  readonly queue: Waiting[]
  /** Frames left of its turn. */
  turn: number
  /** Its place in the order of turns: who waits with the least is next. */
  turnAt: number
  /** When the oldest of its frames that are under way was started. */
  startedAt: number
  /** Counted among those that are served quickly. */
  quick: boolean
  /** Started requests. */
  readonly active: Map<number, Active>
}

export interface Start {
  readonly session: string
  readonly request: number
}

export class ServeMachine {
  readonly #sessions = new Map<string, Session>()
  /** Those with requests that wait, in the order of their turns. */
  readonly #waiting = new Map<string, Session>()
  /** Sessions that have ended and of which something is still in the making or on its way. */
  readonly #ended = new Map<string, Session>()
  /** Sessions with frames under way; of those, the ones that wait for more and may have more. */
  readonly #served = new Set<Session>()
  readonly #goingOn = new Set<Session>()
  /** Served sessions that were not slow when last looked at, and until when that holds. */
  #quick = 0
  #quickUntil = Number.POSITIVE_INFINITY
  #turns = 0
  /** Milliseconds from the start of a frame until its peer took it, smoothed. */
  #frameMs = 0
  readonly #sends = new SendCounts()
  readonly #bucket: Bucket
  readonly #lowBucket: Bucket
  readonly #framesPerServed: number
  #queued = 0
  /** Of those, how many are low. */
  #queuedLow = 0
  #making = 0
  /** Frames that peers took. */
  #finished = 0
  #active = 0

  /**
   * @param rateUpBytes bytes a second
   * @param lowRateUpBytes of that, for what is low
   * @param grain how many frames each stands for, in a simulation of coarse ones
   */
  constructor(
    rateUpBytes: number = Number.POSITIVE_INFINITY,
    lowRateUpBytes: number = Number.POSITIVE_INFINITY,
    grain: number = 1,
  ) {
    this.#framesPerServed = FRAMES_PER_SERVED / grain
    this.#bucket = new Bucket(rateUpBytes)
    this.#lowBucket = new Bucket(lowRateUpBytes)
  }

  get sessions(): number {
    return this.#sessions.size
  }

  get making(): number {
    return this.#making
  }

  get active(): number {
    return this.#active
  }

  get queued(): number {
    return this.#queued
  }

  /** @param session a name that was not used before. @returns false when the node serves as many as it can */
  open(session: string): boolean {
    if (this.#sessions.size >= SESSIONS_MAX) return false
    this.#sessions.set(session, {
      name: session,
      queue: [],
      active: new Map(),
      turn: TURN_FRAMES,
      turnAt: 0,
      startedAt: 0,
      quick: false,
    })
    return true
  }

  /** What waits is forgotten; what was started counts until it is `finished`. */
  closed(session: string): void {
    const state = this.#sessions.get(session)
    if (state === undefined) return
    for (const waiting of state.queue) this.#unqueued(waiting)
    state.queue.length = 0
    this.#waits(state)
    this.#sessions.delete(session)
    if (state.active.size > 0) this.#ended.set(session, state)
  }

  /**
   * @param frame a number that stands for what is asked for
   * @returns true if it will be started by a later `next`; false: tell the peer that the node is busy
   */
  request(now: number, session: string, request: number, frame: number, low: boolean = false): boolean {
    const state = this.#sessions.get(session)
    if (state === undefined || state.queue.length >= SESSION_QUEUE_MAX || this.#queued >= QUEUE_MAX) return false
    if (low && (this.#queued > this.#queuedLow || this.#lowBucket.waitMs(now) > 0)) return false
    state.queue.push({ request, low, at: now, sends: this.#sends.of(frame) })
    this.#waits(state)
    this.#queued++
    if (low) this.#queuedLow++
    return true
  }

  /** @returns true if it was still waiting */
  cancel(session: string, request: number): boolean {
    const state = this.#sessions.get(session)
    const at = state?.queue.findIndex((waiting) => waiting.request === request) ?? -1
    if (state === undefined || at < 0) return false
    for (const waiting of state.queue.splice(at, 1)) this.#unqueued(waiting)
    this.#waits(state)
    return true
  }

  /** A started frame is made, or could not be. @param wireBytes what it takes of the upload limit */
  made(now: number, session: string, request: number, wireBytes: number): void {
    const state = this.#sessions.get(session) ?? this.#ended.get(session)
    const active = state?.active.get(request)
    if (active?.making !== true) return
    active.making = false
    this.#making--
    this.#bucket.spend(now, wireBytes)
    if (active.low) this.#lowBucket.spend(now, wireBytes)
  }

  /** A started frame was taken by its peer, or given up. */
  finished(now: number, session: string, request: number): void {
    const state = this.#sessions.get(session) ?? this.#ended.get(session)
    const active = state?.active.get(request)
    if (state === undefined || active === undefined) return
    state.active.delete(request)
    this.#finished++
    this.#frameMs += (now - active.at - this.#frameMs) * FRAME_MS_WEIGHT
    this.#active--
    if (active.making) this.#making--
    if (state.active.size === 0) {
      this.#served.delete(state)
      if (state.quick) this.#quick--
      state.quick = false
      this.#ended.delete(session)
    }
    this.#waits(state)
  }

  /** The frames to make now. */
  next(now: number): Start[] {
    const starts: Start[] = []
    while (this.#mayStart(now)) {
      const state = this.#turn(now)
      if (state === undefined) break
      const waiting = state.queue.splice(nextOf(state, now), 1)[0]!
      const { request, low } = waiting
      this.#unqueued(waiting)
      waiting.sends.count++
      if (state.active.size === 0) {
        state.startedAt = now
        state.quick = true
        this.#quick++
        this.#quickUntil = Math.min(this.#quickUntil, now + this.#slowMs)
        this.#served.add(state)
      }
      state.active.set(request, { making: true, low, at: now })
      this.#making++
      this.#active++
      starts.push({ session: state.name, request })
      if (--state.turn === 0 || state.queue.length === 0) {
        state.turn = TURN_FRAMES
        // To the end of the round.
        this.#waiting.delete(state.name)
      }
      this.#waits(state)
    }
    return starts
  }

  /** Whether who waits here can expect an answer: what is in the making gets done. */
  isWorking(now: number): boolean {
    if (this.#making === 0) return true
    for (const { active } of this.#served) {
      for (const { making, at } of active.values()) if (making && now - at >= STUCK_MS) return false
    }
    return true
  }

  /** Milliseconds until `next` may start something that waits for the upload limit; undefined if nothing does. */
  wakeMs(now: number): number | undefined {
    const wait = this.#bucket.waitMs(now)
    return this.#queued > 0 && wait > 0 ? wait : undefined
  }

  #mayStart(now: number): boolean {
    const room = this.#making < FRAMES_MAKING_MAX && this.#active < FRAMES_ACTIVE_MAX
    return this.#queued > 0 && room && this.#bucket.waitMs(now) === 0
  }

  #turn(now: number): Session | undefined {
    const isFull = this.#servedQuickly(now) >= this.#servedMax()
    let next: Session | undefined
    let nextRank = Number.POSITIVE_INFINITY
    for (const state of isFull ? this.#goingOn : this.#waiting.values()) {
      if (state.active.size >= SESSION_FRAMES_ACTIVE_MAX) continue
      const rank = rankOf(state.queue[nextOf(state, now)]!, now)
      if (rank > nextRank || (rank === nextRank && next !== undefined && next.turnAt < state.turnAt)) continue
      next = state
      nextRank = rank
    }
    return next
  }

  /** Keeps the lists: whether the session waits, and whether it may go on. A Map keeps the order of insertion. */
  #waits(state: Session): void {
    const { name, queue, active } = state
    if (queue.length === 0) this.#waiting.delete(name)
    else if (!this.#waiting.has(name)) {
      state.turnAt = this.#turns++
      this.#waiting.set(name, state)
    }
    if (queue.length > 0 && active.size > 0 && active.size < SESSION_FRAMES_ACTIVE_MAX) this.#goingOn.add(state)
    else this.#goingOn.delete(state)
  }

  #servedQuickly(now: number): number {
    if (now <= this.#quickUntil) return this.#quick
    this.#quick = 0
    this.#quickUntil = Number.POSITIVE_INFINITY
    for (const state of this.#served) {
      state.quick = now - state.startedAt <= this.#slowMs
      if (!state.quick) continue
      this.#quick++
      this.#quickUntil = Math.min(this.#quickUntil, state.startedAt + this.#slowMs)
    }
    return this.#quick
  }

  get #slowMs(): number {
    return Math.max(SLOW_MS, SLOW_FRAMES * this.#frameMs)
  }

  #servedMax(): number {
    return Math.min(SERVED_MAX, SERVED_FIRST + Math.floor(this.#finished / this.#framesPerServed))
  }

  #unqueued({ low }: Waiting): void {
    this.#queued--
    if (low) this.#queuedLow--
  }
}

/** Which of a session's requests is its next: the one of the least rank, of those the first that came. */
function nextOf({ queue }: Session, now: number): number {
  // They stand in the order in which they came.
  if (queue.length === 1 || rankOf(queue[0]!, now) === LATE_RANK) return 0
  let next = 0
  let nextRank = Number.POSITIVE_INFINITY
  for (let at = 0; at < queue.length; at++) {
    const rank = rankOf(queue[at]!, now)
    if (rank >= nextRank) continue
    next = at
    nextRank = rank
  }
  return next
}

/** The less the sooner: what has waited for long, what was sent least, and last what is low. */
function rankOf({ low, at, sends }: Waiting, now: number): number {
  if (low) return LOW_RANK
  return now - at >= LATE_MS ? LATE_RANK : sends.count
}

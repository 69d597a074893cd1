/**
 * The small interfaces behind which the world outside the decisions lies. Each has a real and a virtual
 * implementation: the daemon uses the machine's, the simulator and the tests their own.
 */

/** Time, in milliseconds that only go forward. */
export interface Clock {
  now(): number
}

/** Randomness: a number in [0, 1). */
export type Random = () => number

export const systemClock: Clock = { now: () => performance.now() }

/** A small seeded generator (mulberry32), so that a run can be played again from its seed. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** Where something is noted for the operator; pino's loggers are such. Data first, then one sentence. */
export interface Log {
  debug(data: object, message: string): void
  info(data: object, message: string): void
  warn(data: object, message: string): void
  error(data: object, message: string): void
}

/** Notes nothing. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }

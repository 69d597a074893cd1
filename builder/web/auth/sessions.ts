/** Who is logged in with a browser. In memory: a restart of the farm logs everybody out. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

export const SESSION_MS = 12 * 3600 * 1000
export const SESSIONS_MAX = 256
const ID = /^[A-Za-z0-9_-]{43}$/

export interface Session {
  readonly who: string
  /** Stands in every form that changes something: a page of somebody else's cannot know it. */
  readonly csrf: string
  readonly until: number
}

export interface Sessions {
  /** @returns the value of the cookie */
  open(who: string): string
  find(cookie: string | undefined): Session | undefined
  close(cookie: string | undefined): void
}

/** @param now milliseconds that only go forward */
export function createSessions(now: () => number): Sessions {
  const sessions = new Map<string, Session>()
  const keyOf = (cookie: string): string => createHash('sha256').update(cookie).digest('base64')
  return {
    open(who) {
      for (const [key, { until }] of sessions) {
        // They were put in by age: the first ones are the oldest.
        if (until > now() && sessions.size < SESSIONS_MAX) break
        sessions.delete(key)
      }
      const cookie = randomBytes(32).toString('base64url')
      sessions.set(keyOf(cookie), { who, csrf: randomBytes(32).toString('base64url'), until: now() + SESSION_MS })
      return cookie
    },
    find(cookie) {
      if (cookie === undefined || !ID.test(cookie)) return undefined
      const session = sessions.get(keyOf(cookie))
      return session !== undefined && session.until > now() ? session : undefined
    },
    close(cookie) {
      if (cookie !== undefined) sessions.delete(keyOf(cookie))
    },
  }
}

/** Equal texts, told in a time that does not depend on where they differ. */
export function sameText(a: string, b: string): boolean {
  const [x, y] = [a, b].map((text) => createHash('sha256').update(text).digest())
  return timingSafeEqual(x!, y!)
}

/** How often a node tells its sessions what it has come to hold. Pure. */

export const NEWS_MS_MIN = 25
export const NEWS_MS_MAX = 125
/** Sessions up to which news goes out at the shortest interval. */
const SESSIONS_QUICK = 8

/** A burst of news is one message, also when the last one went out long ago. */
export const NEWS_MS_FIRST = 5

/**
 * When news goes out: at once after a pause, else gathered for a moment; for longer with many sessions, since each message
 * goes to all of them.
 * @param sinceMs how long ago news went out last
 */
export function newsDelayMs(sessions: number, sinceMs: number): number {
  const interval = Math.min(NEWS_MS_MAX, Math.max(NEWS_MS_MIN, (NEWS_MS_MIN * sessions) / SESSIONS_QUICK))
  return Math.max(NEWS_MS_FIRST, interval - sinceMs)
}

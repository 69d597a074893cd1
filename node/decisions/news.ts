/** How often a node tells its sessions what it has come to hold. Pure. */

export const NEWS_MS_MIN = +(process.env.N1 ?? 50)
export const NEWS_MS_MAX = +(process.env.N2 ?? 250)
/** Sessions up to which news goes out at the shortest interval. */
const SESSIONS_QUICK = 8

/** With many sessions news is gathered for longer, since each message goes to all of them. */
export function newsIntervalMs(sessions: number): number {
  return Math.min(NEWS_MS_MAX, Math.max(NEWS_MS_MIN, (NEWS_MS_MIN * sessions) / SESSIONS_QUICK))
}

/** Wrong tokens are counted by address: who gave too many has to wait. */
import { HotblockError } from '../../../protocols/errors.ts'

export const WRONG_MAX = 10
export const WINDOW_MS = 60_000
const ADDRESSES_MAX = 4096

export interface Attempts {
  /** @throws TOO_MANY where the address has to wait */
  check(address: string): void
  wrong(address: string): void
}

/** @param now milliseconds that only go forward */
export function createAttempts(now: () => number): Attempts {
  const counts = new Map<string, { count: number; until: number }>()
  const current = (address: string) => {
    const entry = counts.get(address)
    return entry !== undefined && entry.until > now() ? entry : undefined
  }
  return {
    check(address) {
      if ((current(address)?.count ?? 0) < WRONG_MAX) return
      throw new HotblockError('TOO_MANY', 'too many wrong tokens', {})
    },
    wrong(address) {
      const entry = current(address) ?? { count: 0, until: now() + WINDOW_MS }
      entry.count += 1
      counts.delete(address)
      counts.set(address, entry)
      const [oldest] = counts.keys()
      if (counts.size > ADDRESSES_MAX && oldest !== undefined) counts.delete(oldest)
    },
  }
}

/** `hotblock wait`: until the image is here, however often it takes, or until there is no point in waiting. */
import { type FailureCode, HotblockError } from '../protocols/errors.ts'

/** A name that nobody has published for so long is taken for a mistake. */
export const UNKNOWN_MS_MAX = 30_000
const AGAIN_MS_MIN = 250
const AGAIN_MS_MAX = 2_000
/** Failures that time may mend. */
const LATER: ReadonlySet<FailureCode> = new Set(['NOT_FOUND', 'NO_PEERS', 'STALLED', 'BUSY'])

/**
 * Calls `obtain` until it succeeds, fails for good, or the signal aborts.
 *
 * @throws NOT_FOUND where that is what it failed with for UNKNOWN_MS_MAX, and failures that time does not mend
 */
export async function persist<T>(obtain: () => Promise<T>, signal: AbortSignal, now: () => number): Promise<T> {
  const startedAt = now()
  for (let ms = AGAIN_MS_MIN; ; ms = Math.min(AGAIN_MS_MAX, 2 * ms)) {
    try {
      return await obtain()
    } catch (error) {
      if (signal.aborted || !(error instanceof HotblockError) || !LATER.has(error.code)) throw error
      if (error.code === 'NOT_FOUND' && now() - startedAt >= UNKNOWN_MS_MAX) throw error
    }
    await pause(ms, signal)
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  signal.addEventListener('abort', () => resolve(), { once: true })
  await promise
  clearTimeout(timer)
  signal.throwIfAborted()
}

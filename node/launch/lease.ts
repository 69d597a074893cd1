import { setTimeout as sleep } from 'node:timers/promises'
import { type FailureCode, HotblockError } from '../../protocols/errors.ts'
import type { FetchProgress, HeldImage, HoldOptions, HoldProgress } from '../api.ts'

/** A daemon that has gone is asked again so often whether it is back. */
const RENEW_MS = 2000
const ASK_AGAIN_MS = 1000
/** Failures that time may mend: who gave a time waits it out. */
const LATER: ReadonlySet<FailureCode> = new Set(['NOT_FOUND', 'NO_PEERS', 'STALLED'])

/** The part of the control client that leases need. */
export interface Holder {
  hold(name: string, options: HoldOptions, progress: (p: HoldProgress) => void, signal: AbortSignal): Promise<never>
}

export interface Lease {
  readonly image: HeldImage
  /** Lets go of the image. */
  end(): void
}

export interface LeaseOptions {
  readonly timeoutSeconds?: number | undefined
  readonly progress?: ((p: FetchProgress) => void) | undefined
  /** Ends the waiting; afterwards the lease goes on until its end(). */
  readonly signal: AbortSignal
}

/**
 * Waits until an image is here, and keeps it here: by a call that stays open. The daemon lets go when the connection
 * ends, so a process that dies keeps nothing. When the daemon is started anew meanwhile, the lease is renewed.
 *
 * With a time, a name that is not published yet, or whose holders are away, is asked for until the time is over.
 *
 * @throws TIMEOUT, CANCELLED, and what a fetch fails with
 */
export async function takeLease(daemon: Holder, name: string, options: LeaseOptions): Promise<Lease> {
  const { timeoutSeconds, progress, signal } = options
  const until = timeoutSeconds === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeoutSeconds * 1000
  const left = (): number => (until - performance.now()) / 1000
  for (;;) {
    const ending = new AbortController()
    const waiting = AbortSignal.any([signal, ending.signal])
    const given = timeoutSeconds === undefined ? undefined : Math.max(0.001, left())
    try {
      const { image, ended } = await begin(daemon, name, { timeoutSeconds: given }, progress, waiting, ending)
      keep(daemon, image, ended, ending.signal)
      return { image, end: () => ending.abort() }
    } catch (error) {
      const later = error instanceof HotblockError && LATER.has(error.code) && timeoutSeconds !== undefined
      if (!later) throw error
      if (left() <= 0)
        throw new HotblockError('TIMEOUT', `${name} is not here after ${timeoutSeconds} seconds`, { name }, error)
      await pause(Math.min(ASK_AGAIN_MS, Math.max(0, left() * 1000)), signal)
    }
  }
}

/** @returns once the image is held; `ended` resolves when the call has ended, for whatever reason */
async function begin(
  daemon: Holder,
  name: string,
  options: HoldOptions,
  progress: ((p: FetchProgress) => void) | undefined,
  waiting: AbortSignal,
  ending: AbortController,
): Promise<{ image: HeldImage; ended: Promise<void> }> {
  const { promise, resolve, reject } = Promise.withResolvers<HeldImage>()
  // A user who stops the waiting ends the call; once the image is held, only end() does.
  let held = false
  const stop = (): void => {
    if (!held) ending.abort()
  }
  waiting.addEventListener('abort', stop, { once: true })
  if (waiting.aborted) stop()
  const call = daemon.hold(
    name,
    options,
    ({ fetch, held: image }) => {
      if (fetch !== undefined) progress?.(fetch)
      if (image === undefined) return
      held = true
      resolve(image)
    },
    ending.signal,
  )
  call.catch(reject)
  const ended = call.then(
    () => {},
    () => {},
  )
  return { image: await promise, ended }
}

/** Takes the same image again whenever the call has ended and the lease has not. */
function keep(daemon: Holder, image: HeldImage, ended: Promise<void>, ending: AbortSignal): void {
  const renew = async (): Promise<void> => {
    await ended
    while (!ending.aborted) {
      await pause(RENEW_MS, ending)
      await daemon.hold(image.name, { root: image.root }, () => {}, ending).catch(() => {})
    }
  }
  // Ends by the abort of its pause.
  renew().catch(() => {})
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {
    throw new HotblockError('CANCELLED', 'stopped on request')
  })
}

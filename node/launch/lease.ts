import { setTimeout as sleep } from 'node:timers/promises'
import { HotblockError } from '../../protocols/errors.ts'
import type { FetchProgress, HeldImage, HoldOptions, HoldProgress } from '../api.ts'

/** A daemon that has gone is asked again so often whether it is back. */
const RENEW_MS = 2000

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
 * @throws TIMEOUT, CANCELLED, and what NodeApi.wait fails with
 */
export async function takeLease(daemon: Holder, name: string, options: LeaseOptions): Promise<Lease> {
  const ending = new AbortController()
  const { image, ended } = await begin(daemon, name, options, ending)
  keep(daemon, image, ended, ending.signal)
  return { image, end: () => ending.abort() }
}

/** @returns once the image is held; `ended` resolves when the call has ended, for whatever reason */
async function begin(
  daemon: Holder,
  name: string,
  { timeoutSeconds, progress, signal }: LeaseOptions,
  ending: AbortController,
): Promise<{ image: HeldImage; ended: Promise<void> }> {
  const { promise, resolve, reject } = Promise.withResolvers<HeldImage>()
  // A user who stops the waiting ends the call; once the image is held, only end() does.
  let held = false
  const stop = (): void => {
    if (!held) ending.abort()
  }
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  const call = daemon.hold(
    name,
    { timeoutSeconds },
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

import { HotblockError } from '../protocols/errors.ts'
import type { FetchProgress, HeldImage, HoldOptions, HoldProgress } from './api.ts'
import type { Store, StoredImage } from './store/store.ts'

/** Between the end of a fetch and the hold an eviction may take the image; then it is fetched again, so often. */
const ATTEMPTS = 3

export interface HoldInit {
  readonly store: Pick<Store, 'hold' | 'touch'>
  /** An image on this node, by name or root. @throws NOT_FOUND */
  readonly local: (name: string) => StoredImage
  /** Waits until the image is here. @returns its root */
  readonly wait: (options: HoldOptions, progress: (p: FetchProgress) => void) => Promise<string>
}

/** NodeApi.hold. */
export async function holdImage(
  { store, local, wait }: HoldInit,
  name: string,
  options: HoldOptions,
  progress: (p: HoldProgress) => void,
  signal: AbortSignal,
): Promise<never> {
  const [image, letGo] = await take()
  try {
    store.touch(image.root)
    progress({ held: heldImage(name, image) })
    await aborted(signal)
    throw signal.reason instanceof HotblockError ? signal.reason : new HotblockError('CANCELLED', 'stopped on request')
  } finally {
    letGo()
  }

  async function take(): Promise<[StoredImage, () => void]> {
    for (let attempt = 1; ; attempt++) {
      const root = options.root ?? (await wait(options, (p) => progress({ fetch: p })))
      try {
        const letGo = await store.hold(local(root).root)
        return [local(root), letGo]
      } catch (error) {
        const gone = error instanceof HotblockError && error.code === 'NOT_FOUND'
        if (!gone || options.root !== undefined || attempt === ATTEMPTS) throw error
      }
    }
  }
}

function heldImage(name: string, { root, path, format, imageBytes }: StoredImage): HeldImage {
  return { name, root: root.toString(), path, format, imageBytes }
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (signal.aborted) resolve()
  signal.addEventListener('abort', () => resolve(), { once: true })
  return promise
}

import { HotblockError } from '../../protocols/errors.ts'

/**
 * Images that somebody uses at this moment: neither evicted nor removed until the last of them lets go. In memory only:
 * who uses an image takes it anew when the daemon has started again, and who has died is no reason to keep it.
 */
export interface Holds {
  /** Takes an image by its number. @returns lets go of it again; idempotent */
  take(image: number): () => void
  has(image: number): boolean
  /** @throws IN_USE where the image is taken */
  check(image: { readonly number: number; readonly root: string } | undefined): void
}

export function createHolds(): Holds {
  const counts = new Map<number, number>()
  return {
    take(image) {
      counts.set(image, (counts.get(image) ?? 0) + 1)
      let taken = true
      return () => {
        if (!taken) return
        taken = false
        const left = (counts.get(image) ?? 1) - 1
        if (left > 0) counts.set(image, left)
        else counts.delete(image)
      }
    },
    has: (image) => counts.has(image),
    check(image) {
      if (image === undefined || !counts.has(image.number)) return
      throw new HotblockError('IN_USE', `image ${image.root} is in use`, { root: image.root })
    },
  }
}

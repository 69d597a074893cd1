/** What of an image matters for whether it may make room for another one. */
export interface EvictionCandidate {
  readonly root: string
  /** Bytes that it takes on disk, and, while it is being fetched, those that it will still take. */
  readonly bytes: number
  readonly pinned: boolean
  /** Being fetched or imported at this moment. */
  readonly fetching: boolean
  /** Some name points at it; an older release has none. */
  readonly named: boolean
  /** When it was last used, milliseconds since the epoch. */
  readonly usedAt: number
}

/** The bounds that images have to stay within. */
export interface EvictionBounds {
  /** Most bytes that all images together may take; undefined for no bound. */
  readonly quotaBytes: number | undefined
  /** Bytes that are free on the disk and promised to nobody. */
  readonly freeBytes: number
  /** Bytes of the disk that have to stay free. */
  readonly floorBytes: number
}

export interface Eviction {
  readonly fits: boolean
  /** Roots, in order of eviction; empty where it cannot fit, since then nothing should go in vain. */
  readonly evict: string[]
}

/**
 * Images that may go, in order: the least recently used first; among equals those without a name, then by root, so that
 * the answer depends on nothing but the question. Pinned images and those being fetched are not among them.
 */
export function evictionOrder(images: readonly EvictionCandidate[]): EvictionCandidate[] {
  return images
    .filter((image) => !image.pinned && !image.fetching)
    .sort((a, b) => a.usedAt - b.usedAt || Number(a.named) - Number(b.named) || (a.root < b.root ? -1 : 1))
}

/**
 * Which images have to go so that `needBytes` more fit under the quota and above the floor. The answer is the shortest
 * beginning of evictionOrder that is enough.
 */
export function chooseEvictions(
  images: readonly EvictionCandidate[],
  needBytes: number,
  { quotaBytes, freeBytes, floorBytes }: EvictionBounds,
): Eviction {
  const takenBytes = images.reduce((sum, image) => sum + image.bytes, 0)
  const overQuota = quotaBytes === undefined ? 0 : takenBytes + needBytes - quotaBytes
  const belowFloor = floorBytes + needBytes - freeBytes
  let missingBytes = Math.max(overQuota, belowFloor)
  const evict: string[] = []
  for (const image of evictionOrder(images)) {
    if (missingBytes <= 0) break
    evict.push(image.root)
    missingBytes -= image.bytes
  }
  return missingBytes <= 0 ? { fits: true, evict } : { fits: false, evict: [] }
}

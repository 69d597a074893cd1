/** What a node says on the DHT that it holds. Pure. */

/** Keys that one node advertises at most; beyond it hook hashes are left out, roots never. */
export const ADVERTISED_KEYS_MAX = 50_000

export interface AdvertisedImage {
  /** Under which holders of the image are found: the digest of its root, or the key of those in this node's rack. */
  readonly key: Uint8Array
  /** Being fetched, or complete: either can serve. */
  readonly serves: boolean
}

export interface AdvertiseChange {
  readonly advertise: Uint8Array[]
  readonly withdraw: Uint8Array[]
}

/** The roots of the images that the node can serve, then the hook hashes of its blocks, up to the limit. */
export function keysToAdvertise(
  images: Iterable<AdvertisedImage>,
  hooks: Iterable<Uint8Array>,
): Map<string, Uint8Array> {
  const keys = new Map<string, Uint8Array>()
  for (const { key, serves } of images) if (serves) keys.set(keyText(key), key)
  for (const hook of hooks) {
    if (keys.size >= ADVERTISED_KEYS_MAX) break
    keys.set(keyText(hook), hook)
  }
  return keys
}

/** From what is advertised to what should be. */
export function advertiseChange(
  now: ReadonlyMap<string, Uint8Array>,
  wanted: ReadonlyMap<string, Uint8Array>,
): AdvertiseChange {
  const advertise = [...wanted].filter(([text]) => !now.has(text)).map(([, key]) => key)
  const withdraw = [...now].filter(([text]) => !wanted.has(text)).map(([, key]) => key)
  return { advertise, withdraw }
}

function keyText(key: Uint8Array): string {
  return Buffer.from(key).toString('base64')
}

import { HASH_BYTES } from '../../protocols/table/constants.ts'

/** The hashes with these indexes, one after the other, 32 bytes each. */
export function gather(hashes: Uint8Array, indexes: ArrayLike<number>): Uint8Array {
  const out = new Uint8Array(indexes.length * HASH_BYTES)
  for (let i = 0; i < indexes.length; i++) {
    const at = indexes[i]! * HASH_BYTES
    out.set(hashes.subarray(at, at + HASH_BYTES), i * HASH_BYTES)
  }
  return out
}

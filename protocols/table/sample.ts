/**
 * Hook hashes: block hashes sampled by their own value, so that every node samples the same ones, and two images that
 * share a run of blocks share its hooks. After sparse indexing (Lillibridge et al., FAST '09).
 */
import { HASH_BYTES, HOOK_BITS, HOOK_KEY_BYTES } from './constants.ts'
import { hashAt, type Table } from './table.ts'

/** Are the hash's first `bits` (0 to 32) bits zero? */
export function isHook(hash: Uint8Array, bits: number = HOOK_BITS): boolean {
  if (bits <= 0) return true
  const first = ((hash[0]! << 24) | (hash[1]! << 16) | (hash[2]! << 8) | hash[3]!) >>> 0
  return first < 2 ** (32 - bits)
}

/** The hooks of a table: the first 12 bytes of each different hook hash, in image order. */
export function hookKeys(table: Pick<Table, 'hashes' | 'zero'>, bits: number = HOOK_BITS): Uint8Array[] {
  const keys = new Map<string, Uint8Array>()
  for (let row = 0; row * HASH_BYTES < table.hashes.length; row++) {
    const hash = hashAt(table, row)
    if (table.zero[row] === 1 || !isHook(hash, bits)) continue
    const key = hash.slice(0, HOOK_KEY_BYTES)
    const name = key.join()
    if (!keys.has(name)) keys.set(name, key)
  }
  return [...keys.values()]
}

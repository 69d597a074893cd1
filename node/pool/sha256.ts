import { hash } from 'node:crypto'
import { HASH_BYTES } from '../../protocols/table/constants.ts'

/** SHA-256 of some bytes; the one-shot call is the quickest there is in Node for blocks. */
export function sha256(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer')
}

/** Do the bytes have the hash that stands at place `i` of `hashes`? */
export function isBlock(bytes: Uint8Array, hashes: Uint8Array, i: number): boolean {
  return sha256(bytes).compare(hashes, i * HASH_BYTES, (i + 1) * HASH_BYTES) === 0
}

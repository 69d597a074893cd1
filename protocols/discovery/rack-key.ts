import { createHash } from 'node:crypto'

const PREFIX = 'hotblock/rack\0'

/**
 * The key under which those peers of an image are found that stand in one rack.
 *
 * @param root digest of the image's root
 * @param rack label of the rack
 * @returns 32 bytes: SHA-256 of a fixed prefix, the digest and the label
 */
export function rackKey(root: Uint8Array, rack: string): Uint8Array {
  return createHash('sha256').update(PREFIX).update(root).update(rack).digest()
}

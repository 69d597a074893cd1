/** The header of a gzip member (RFC 1952, section 2.3). */

const FIXED_BYTES = 10
const METHOD_DEFLATE = 8
const FLAG_HEADER_CRC = 0x02
const FLAG_EXTRA = 0x04
const FLAG_NAME = 0x08
const FLAG_COMMENT = 0x10
const FLAGS_RESERVED = 0xe0

/** A header is at most this long here: an extra field of 64 KiB, and a name and a comment of some KiB. */
export const GZIP_HEADER_BYTES_MAX = 72 * 1024

/**
 * @param bytes what lies at the start of a member
 * @returns length of its header; undefined where there is none, or it does not end within `bytes`
 */
export function gzipHeaderBytes(bytes: Uint8Array): number | undefined {
  if (bytes.length < FIXED_BYTES) return undefined
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b || bytes[2] !== METHOD_DEFLATE) return undefined
  const flags = bytes[3]!
  if (flags & FLAGS_RESERVED) return undefined
  let at = FIXED_BYTES
  if (flags & FLAG_EXTRA) {
    if (at + 2 > bytes.length) return undefined
    at += 2 + bytes[at]! + bytes[at + 1]! * 256
  }
  for (const flag of [FLAG_NAME, FLAG_COMMENT]) {
    if ((flags & flag) === 0) continue
    const end = bytes.indexOf(0, at)
    if (end < 0) return undefined
    at = end + 1
  }
  if (flags & FLAG_HEADER_CRC) at += 2
  return at <= bytes.length ? at : undefined
}

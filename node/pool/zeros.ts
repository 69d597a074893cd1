import { GRID_BYTES } from '../../protocols/table/constants.ts'

const ZEROS = Buffer.alloc(64 * 1024)

/** Are bytes [start, end) of the buffer all zero? */
export function isZero(buffer: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += ZEROS.length) {
    const bytes = Math.min(ZEROS.length, end - at)
    if (buffer.compare(ZEROS, 0, bytes, at, at + bytes) !== 0) return false
  }
  return true
}

/**
 * Calls `visit` with each stretch of the first `bytes` bytes of a buffer that is to be written so that pages of zeros
 * stay holes. Pages are those of the file.
 *
 * @param offset where in the file the buffer's first byte lies
 */
export function forEachDataStretch(
  buffer: Buffer,
  bytes: number,
  offset: number,
  visit: (start: number, end: number) => void,
): void {
  let start = -1
  let at = 0
  while (at < bytes) {
    const next = Math.min(bytes, at + GRID_BYTES - ((offset + at) % GRID_BYTES))
    if (isZero(buffer, at, next)) {
      if (start >= 0) visit(start, at)
      start = -1
    } else if (start < 0) {
      start = at
    }
    at = next
  }
  if (start >= 0) visit(start, bytes)
}

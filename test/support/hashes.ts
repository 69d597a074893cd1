import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'

const PIECE_BYTES = 4 * 1024 * 1024

/** SHA-256 of a file of any size, hex. */
export function sha256Of(path: string): string {
  const hash = createHash('sha256')
  const piece = Buffer.alloc(PIECE_BYTES)
  const file = openSync(path, 'r')
  try {
    for (let bytes = readSync(file, piece); bytes > 0; bytes = readSync(file, piece))
      hash.update(piece.subarray(0, bytes))
  } finally {
    closeSync(file)
  }
  return hash.digest('hex')
}

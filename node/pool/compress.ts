import { Scratch } from './scratch.ts'
import { type Zstd, zstdOfFunctions, zstdOfStreams } from './zstd.ts'

const scratch = new Scratch()
let zstd: Zstd | undefined

/** The bytes as one zstd frame, if that is shorter than they are. It is good until the next call of this file's functions. */
export function compress(bytes: Uint8Array, level: number): Buffer | undefined {
  // Somewhere the frame has to be shorter; what fills all of it is not.
  const out = scratch.atLeast(bytes.length).subarray(0, bytes.length)
  const length = current().pack(bytes, level, out)
  return length === undefined ? undefined : out.subarray(0, length)
}

/**
 * What a zstd frame holds, if it is exactly `bytes` bytes; else undefined, whatever the frame claims. It is good until the
 * next call of this file's functions.
 */
export function decompress(packed: Uint8Array, bytes: number): Buffer | undefined {
  // With room for one byte more, a frame that holds more shows.
  const out = scratch.atLeast(bytes + 1).subarray(0, bytes + 1)
  return current().unpack(packed, out) === bytes ? out.subarray(0, bytes) : undefined
}

function current(): Zstd {
  zstd ??= zstdOfStreams() ?? zstdOfFunctions
  return zstd
}

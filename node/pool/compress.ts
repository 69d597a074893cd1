import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'

/** Frames need no larger window; what asks for one is not ours, and would cost memory. */
const WINDOW_LOG_MAX = 23
/** Node takes no smaller output chunk. */
const CHUNK_BYTES_MIN = 64

/** The bytes as one zstd frame, if that is shorter than they are. */
export function compress(bytes: Uint8Array, level: number): Buffer | undefined {
  const packed = zstdCompressSync(bytes, {
    // One chunk holds the result in all cases that matter, so that Node need not join pieces.
    chunkSize: Math.max(CHUNK_BYTES_MIN, bytes.length),
    params: { [constants.ZSTD_c_compressionLevel]: level },
    pledgedSrcSize: bytes.length,
  })
  return packed.length < bytes.length ? packed : undefined
}

/** What a zstd frame holds, if it is exactly `bytes` bytes; else undefined, whatever the frame claims. */
export function decompress(packed: Uint8Array, bytes: number): Buffer | undefined {
  try {
    const unpacked = zstdDecompressSync(packed, {
      chunkSize: Math.max(CHUNK_BYTES_MIN, bytes),
      maxOutputLength: bytes,
      params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG_MAX },
    })
    return unpacked.length === bytes ? unpacked : undefined
  } catch {
    return undefined
  }
}

import { constants, createZstdCompress, createZstdDecompress, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { leftBehind, letGo } from '../garbage.ts'

/** Frames need no larger window; what asks for one is not ours, and would cost memory. */
const WINDOW_LOG_MAX = 23
/** Node takes no smaller output chunk. */
const CHUNK_BYTES_MIN = 64
/** What the functions of zlib leave behind of a frame, their buffers aside. */
const CONTEXT_BYTES = 256 * 1024
const UNPACK = { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG_MAX }

/** zstd from one buffer into another. */
export interface Zstd {
  /** @returns how many bytes of `out` were written; undefined if they do not fit in */
  pack(bytes: Uint8Array, level: number, out: Uint8Array): number | undefined
  /** @returns how many bytes of `out` were written; undefined if `packed` is no zstd frame, or holds more */
  unpack(packed: Uint8Array, out: Uint8Array): number | undefined
}

/** What Node's own zlib streams work with. */
interface Handle {
  reset(): void
  writeSync(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputBytes: number,
    out: Uint8Array,
    outAt: number,
    outBytes: number,
  ): void
  onerror: (message: string, errno: number, code: string) => void
}

/**
 * The contexts of Node's streams, driven directly: zlib's functions make a context and a buffer for each frame, which costs
 * as much as decompressing, and all of it is garbage that V8 finds late. Node does not document them, so this returns
 * undefined where they are not as expected.
 */
export function zstdOfStreams(): Zstd | undefined {
  const contexts = new Map<number, Context>()
  const run = (level: number | undefined, input: Uint8Array, out: Uint8Array): number | undefined => {
    const key = level ?? -1
    const context = contexts.get(key) ?? Context.open(level)
    if (context === undefined) throw new Error('zlib streams are not as expected')
    contexts.set(key, context)
    const written = context.run(input, out)
    // After a failure a context answers nothing right any more.
    if (context.failed) contexts.delete(key)
    return written
  }
  const zstd: Zstd = {
    pack: (bytes, level, out) => run(level, bytes, out),
    unpack: (packed, out) => run(undefined, packed, out),
  }
  return works(zstd) ? zstd : undefined
}

/** The same by zlib's functions, which are documented. */
export const zstdOfFunctions: Zstd = {
  pack(bytes, level, out) {
    const packed = zstdCompressSync(bytes, {
      // One chunk holds the result in all cases that matter, so that Node need not join pieces.
      chunkSize: Math.max(CHUNK_BYTES_MIN, bytes.length),
      params: { [constants.ZSTD_c_compressionLevel]: level },
      pledgedSrcSize: bytes.length,
    })
    return taken(packed, out)
  },
  unpack(packed, out) {
    try {
      const unpacked = zstdDecompressSync(packed, {
        chunkSize: Math.max(CHUNK_BYTES_MIN, out.length),
        maxOutputLength: Math.max(1, out.length),
        params: UNPACK,
      })
      return taken(unpacked, out)
    } catch {
      return undefined
    }
  },
}

class Context {
  readonly #handle: Handle
  /** Bytes of the output, and of the input, that were not used. */
  readonly #left: Uint32Array
  failed = false

  private constructor(handle: Handle, left: Uint32Array) {
    this.#handle = handle
    this.#left = left
    handle.onerror = () => {
      this.failed = true
    }
  }

  /** @param level undefined: it unpacks */
  static open(level: number | undefined): Context | undefined {
    const stream =
      level === undefined
        ? createZstdDecompress({ params: UNPACK })
        : createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: level } })
    const { _handle: handle, _writeState: left } = stream as unknown as { _handle?: Handle; _writeState?: Uint32Array }
    if (typeof handle?.writeSync !== 'function' || typeof handle.reset !== 'function') return undefined
    if (!(left instanceof Uint32Array) || left.length !== 2) return undefined
    return new Context(handle, left)
  }

  run(input: Uint8Array, out: Uint8Array): number | undefined {
    this.#handle.reset()
    this.#handle.writeSync(constants.ZSTD_e_end, input, 0, input.length, out, 0, out.length)
    const [outLeft, inputLeft] = this.#left
    // A full output says that there may have been more.
    if (this.failed || inputLeft !== 0 || outLeft === 0) return undefined
    return out.length - outLeft!
  }
}

function taken(bytes: Buffer, out: Uint8Array): number | undefined {
  const { length } = bytes
  const fits = length < out.length
  if (fits) out.set(bytes)
  letGo(bytes)
  leftBehind(CONTEXT_BYTES, 'major')
  return fits ? length : undefined
}

/** Whether something comes back as it was, also after a failure. */
function works(zstd: Zstd): boolean {
  try {
    const bytes = Buffer.alloc(10_000, 'hotblock')
    const packed = Buffer.alloc(bytes.length)
    const unpacked = Buffer.alloc(bytes.length + 1)
    for (let i = 0; i < 2; i++) {
      if (zstd.unpack(bytes, unpacked) !== undefined) return false
      const length = zstd.pack(bytes, 1, packed)
      if (length === undefined || zstd.unpack(packed.subarray(0, length), unpacked) !== bytes.length) return false
      if (!unpacked.subarray(0, bytes.length).equals(bytes)) return false
    }
    return true
  } catch {
    return false
  }
}

import { createInflateRaw, inflateRawSync } from 'node:zlib'
import type { ImageReader } from './cutter.ts'
import { GZIP_HEADER_BYTES_MAX, gzipHeaderBytes } from './gzip-header.ts'
import { viewOf } from './reading.ts'

/**
 * Finds where a gzip member ends. Nothing in a member says how long it is, so that it has to be inflated. A boundary is
 * trusted when the deflate stream ends in it and the length that the trailer gives is that of what came out; the CRC is
 * not worth computing, since a wrong boundary costs reuse only.
 */

/** CRC-32 and length of what was compressed, modulo 2^32. */
const TRAILER_BYTES = 8
/** A member is first tried in one synchronous call, which takes some 15 µs where a stream takes ten times as long. */
const SYNC_INPUT_BYTES = 128 * 1024
/** Bounds what a synchronous call may cost (a millisecond or two) and hold. */
const SYNC_OUTPUT_BYTES_MAX = 1024 * 1024
const STREAM_INPUT_BYTES = 256 * 1024

/** What one member may cost before it is given up: bytes taken in, and bytes that come out. */
export interface InflateLimits {
  readonly inputBytesMax: number
  readonly outputBytesMax: number
}

export interface GzipMember {
  /** First byte after the member. */
  readonly end: number
  /** Bytes that came out. */
  readonly outputBytes: number
}

/** Where the deflate stream ended. */
interface Inflated {
  readonly inputBytes: number
  readonly outputBytes: number
}

/** @returns the member at `start`; undefined where there is no sound one, or it passes the limits */
export async function readGzipMember(
  reader: ImageReader,
  start: number,
  limits: InflateLimits,
): Promise<GzipMember | undefined> {
  const bytes = await reader.read(start, GZIP_HEADER_BYTES_MAX + SYNC_INPUT_BYTES)
  const header = gzipHeaderBytes(bytes)
  if (header === undefined) return undefined
  const inflated =
    inflateSmall(bytes.subarray(header, header + SYNC_INPUT_BYTES), limits) ??
    (await inflateLarge(reader, start + header, limits))
  if (inflated === undefined) return undefined
  const trailerAt = start + header + inflated.inputBytes
  const trailer = await reader.read(trailerAt, TRAILER_BYTES)
  if (trailer.length < TRAILER_BYTES) return undefined
  if (viewOf(trailer).getUint32(4, true) !== inflated.outputBytes % 2 ** 32) return undefined
  return { end: trailerAt + TRAILER_BYTES, outputBytes: inflated.outputBytes }
}

/** Inflates a stream that is short and all there. @returns undefined where it is not (or is no deflate stream) */
function inflateSmall(bytes: Uint8Array, limits: InflateLimits): Inflated | undefined {
  try {
    const maxOutputLength = Math.min(SYNC_OUTPUT_BYTES_MAX, limits.outputBytesMax)
    // With `info` the answer is the output and the engine, whose bytesWritten is what it took in; @types/node says
    // nothing of it.
    const answer = inflateRawSync(bytes, { info: true, maxOutputLength, chunkSize: 64 * 1024 }) as unknown as {
      buffer: Uint8Array
      engine: { bytesWritten: number }
    }
    return { inputBytes: answer.engine.bytesWritten, outputBytes: answer.buffer.length }
  } catch {
    return undefined
  }
}

/** Inflates a stream of any length, holding no more than a piece of it and of what comes out. */
async function inflateLarge(reader: ImageReader, start: number, limits: InflateLimits): Promise<Inflated | undefined> {
  const inflate = createInflateRaw({ chunkSize: STREAM_INPUT_BYTES })
  let outputBytes = 0
  let state: 'running' | 'ended' | 'failed' = 'running'
  let wake = () => {}
  const settle = (to: 'ended' | 'failed') => {
    if (state === 'running') state = to
    wake()
  }
  inflate.on('data', (piece: Uint8Array) => {
    outputBytes += piece.length
    if (outputBytes > limits.outputBytesMax) settle('failed')
  })
  inflate.on('end', () => settle('ended'))
  inflate.on('error', () => settle('failed'))
  try {
    let at = start
    while (state === 'running') {
      if (at - start >= limits.inputBytesMax) return undefined
      const piece = await reader.read(at, STREAM_INPUT_BYTES)
      if (piece.length === 0) return undefined
      at += piece.length
      if (state !== 'running') break
      // The stream says that it ended when it is given bytes that it does not need; then it answers no write.
      await new Promise<void>((resolve) => {
        wake = resolve
        inflate.write(piece, () => resolve())
      })
    }
    // The check of a variable that callbacks change: the compiler believes that it is still 'running'.
    return (state as string) === 'ended' ? { inputBytes: inflate.bytesWritten, outputBytes } : undefined
  } finally {
    inflate.destroy()
  }
}

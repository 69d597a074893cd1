import { hash } from 'node:crypto'
import type { ServedFrame } from '../../protocols/blocks/server.ts'

/** Bytes of packed frames that are kept: what a swarm asks for in the same moments. */
export const FRAME_CACHE_BYTES = 16 * 1024 * 1024

/**
 * Packed frames by what was asked for. Workers that lack the same blocks ask for the same frames, within moments of each
 * other: one of them costs a compression, and what a worker has just received it passes on as it came.
 */
export class FrameCache {
  readonly #frames = new Map<string, ServedFrame>()
  #bytes = 0

  static key(hashes: Uint8Array): string {
    return hash('sha256', hashes, 'base64')
  }

  get(key: string): ServedFrame | undefined {
    const frame = this.#frames.get(key)
    if (frame === undefined) return undefined
    this.#frames.delete(key)
    this.#frames.set(key, frame)
    return frame
  }

  /** Only frames in which no block is missing, and all were verified. */
  put(key: string, frame: ServedFrame): void {
    if (frame.missing !== undefined || this.#frames.has(key)) return
    this.#frames.set(key, frame)
    this.#bytes += frame.payload.byteLength
    for (const [oldest, { payload }] of this.#frames) {
      if (this.#bytes <= FRAME_CACHE_BYTES) break
      this.#frames.delete(oldest)
      this.#bytes -= payload.byteLength
    }
  }
}

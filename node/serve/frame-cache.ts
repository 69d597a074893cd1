import type { ServedFrame } from '../../protocols/blocks/server.ts'

/** Packed frames in memory by what was asked for, up to so many bytes: what was used longest ago goes first. */
export class FrameCache {
  readonly #frames = new Map<string, ServedFrame>()
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
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
      if (this.#bytes <= this.#bytesMax) break
      this.#frames.delete(oldest)
      this.#bytes -= payload.byteLength
    }
  }
}

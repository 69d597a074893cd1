import { createHash } from 'node:crypto'
import type { ServedFrame } from '../../protocols/blocks/server.ts'
import { letGo } from '../garbage.ts'
import { FrameCache } from './frame-cache.ts'
import type { FrameFile, ReservedFrame } from './frame-file.ts'

/** Bytes of frames that are kept in memory: with a file, those that found no room there; without, all there is. */
export const RECENT_BYTES = 4 * 1024 * 1024
export const RECENT_ALONE_BYTES = 16 * 1024 * 1024

/** What a peer asks for: 32 bytes a block, and the length of each. */
export interface Asked {
  readonly hashes: Uint8Array
  readonly lengths: Uint32Array
}

interface Making {
  readonly frame: Promise<ServedFrame>
  /** Who waits for it or has it. When all of them are done with it, its memory is given back. */
  users: number
}

/**
 * Packed frames by what was asked for. Workers that lack the same blocks ask for the same frames, within moments of each
 * other: all of them cost one compression, and what a worker has received it passes on as it came.
 */
export class Frames {
  readonly #recent: FrameCache
  readonly #file: FrameFile | undefined
  readonly #making = new Map<string, Making>()
  readonly counters = { kept: 0, made: 0 }

  constructor(file?: FrameFile) {
    this.#file = file
    this.#recent = new FrameCache(file === undefined ? RECENT_ALONE_BYTES : RECENT_BYTES)
  }

  /** Bytes that lie in the file; 0 without one. */
  get bytes(): number {
    return this.#file?.bytes ?? 0
  }

  get bytesMax(): number {
    return this.#file?.bytesMax ?? 0
  }

  /** The frame with these blocks, made if it is not here. Others may have it too, until all have released it. */
  async frame(asked: Asked, make: () => Promise<ServedFrame>): Promise<ServedFrame> {
    const key = keyOf(asked)
    const recent = this.#recent.get(key)
    const kept = recent ?? (await this.#file?.get(key))
    if (kept !== undefined) {
      this.counters.kept++
      return kept === recent ? kept : { ...kept, release: () => letGo(kept.payload) }
    }
    const making = this.#make(key, make)
    const frame = await making.frame
    const release = releaseOf(making, frame)
    making.users++
    this.#file?.put(key, frame, release)
    if (this.#file?.has(key)) return { ...frame, release }
    // It stays with one user more than will release it.
    this.#recent.put(key, frame)
    return frame
  }

  /** Room in the file for a frame that comes from a peer, if it turns out to be right; no block of it may be missing. */
  reserve(asked: Asked, encoding: number, bytes: number): ReservedFrame | undefined {
    return this.#file?.reserve(keyOf(asked), encoding, bytes)
  }

  /** A frame that came from a peer, verified; no block of it is missing. The caller may not look at it any more. */
  keep(asked: Asked, frame: ServedFrame): void {
    const key = keyOf(asked)
    if (this.#file === undefined) this.#recent.put(key, frame)
    else this.#file.put(key, frame, () => letGo(frame.payload))
  }

  /** Makes a frame before anybody asks for it, where there is a file to keep it in. @returns bytes that this took */
  async prepare(asked: Asked, make: () => Promise<ServedFrame>): Promise<number> {
    const key = keyOf(asked)
    if (this.#file === undefined || this.#file.has(key)) return 0
    const making = this.#make(key, make)
    const frame = await making.frame
    const { byteLength } = frame.payload
    this.#file.put(key, frame, releaseOf(making, frame))
    return byteLength
  }

  /** Whoever asks for a frame that is in the making gets that one. */
  #make(key: string, make: () => Promise<ServedFrame>): Making {
    const others = this.#making.get(key)
    if (others !== undefined) {
      others.users++
      return others
    }
    const frame = make().finally(() => this.#making.delete(key))
    const making = { frame, users: 1 }
    this.#making.set(key, making)
    this.counters.made++
    return making
  }
}

function releaseOf(making: Making, { payload }: ServedFrame): () => void {
  return () => {
    making.users--
    if (making.users === 0) letGo(payload)
  }
}

/** Lengths count: who asks with wrong ones gets a frame without those blocks, and nobody else shall. */
function keyOf({ hashes, lengths }: Asked): string {
  return createHash('sha256').update(hashes).update(lengths).digest('base64')
}

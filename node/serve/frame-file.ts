import type { FileHandle } from 'node:fs/promises'
import { open, unlink } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import type { ServedFrame } from '../../protocols/blocks/server.ts'
import type { Log } from '../../protocols/ports.ts'
import type { Kept } from '../pool/jobs.ts'

/** No more frames than this are known at a time, however small they are. */
export const FRAMES_MAX = 32_768
/** Frames on their way to the file: what comes while the disk is that far behind is not kept. */
const WRITING_BYTES_MAX = 16 * 1024 * 1024

interface Lying {
  readonly offset: number
  readonly bytes: number
  readonly encoding: number
  /**
   * Of the payload; undefined until it is there. What the disk has changed must not leave the node: whoever got it would take
   * this node for a liar.
   */
  crc: number | undefined
  /** Settles when it can be read. */
  written: Promise<void> | undefined
}

/** Room for a frame that somebody else writes. */
export interface ReservedFrame {
  readonly fd: number
  readonly offset: number
  /** To be called once, when it is written or will not be. */
  done(kept: Kept): void
}

/**
 * Packed frames on the disk, by what was asked for: a ring in which the newest take the place of the oldest. The system's
 * cache of files holds what is in use, so that it takes none of the daemon's own memory. The file has no name, and
 * ends with the process.
 */
export class FrameFile {
  readonly #file: FileHandle
  readonly #bytesMax: number
  readonly #log: Log
  /** Oldest first, which is the order in which they lie from the head on. */
  readonly #frames = new Map<string, Lying>()
  #head = 0
  #bytes = 0
  #writingBytes = 0
  #broken = false
  #lastWrite: Promise<void> = Promise.resolve()
  readonly #reserved = new Set<Promise<void>>()

  private constructor(file: FileHandle, bytesMax: number, log: Log) {
    this.#file = file
    this.#bytesMax = bytesMax
    this.#log = log
  }

  /** @returns undefined where no such file can be made: the node does without */
  static async open(path: string, bytesMax: number, log: Log): Promise<FrameFile | undefined> {
    if (bytesMax === 0) return undefined
    try {
      const file = await open(path, 'w+', 0o600)
      await unlink(path)
      return new FrameFile(file, bytesMax, log)
    } catch (error) {
      log.warn({ path, error: String(error) }, 'packed frames are not kept on the disk')
      return undefined
    }
  }

  /** Bytes of the frames that lie there, and how many they may become. */
  get bytes(): number {
    return this.#bytes
  }

  get bytesMax(): number {
    return this.#bytesMax
  }

  has(key: string): boolean {
    return this.#frames.has(key)
  }

  async get(key: string): Promise<ServedFrame | undefined> {
    const lying = this.#frames.get(key)
    if (lying === undefined) return undefined
    await lying.written
    const payload = Buffer.allocUnsafeSlow(lying.bytes)
    const read = this.#broken
      ? undefined
      : await this.#file.read(payload, 0, lying.bytes, lying.offset).catch(() => undefined)
    // Another may have taken its place while it was read.
    if (read?.bytesRead === lying.bytes && crc32(payload) === lying.crc) {
      return { encoding: lying.encoding, payload, missing: undefined }
    }
    if (this.#frames.get(key) === lying) this.#forget(key, lying)
    return undefined
  }

  /**
   * Only frames in which no block is missing, and all were verified. The payload must not change any more.
   * @param done called when the payload is not needed here any more
   */
  put(key: string, { encoding, payload, missing }: ServedFrame, done: () => void = () => {}): void {
    const bytes = payload.byteLength
    const isKept = missing === undefined && bytes > 0 && bytes <= this.#bytesMax && !this.#broken
    if (!isKept || this.#frames.has(key) || this.#writingBytes + bytes > WRITING_BYTES_MAX) {
      done()
      return
    }
    const offset = this.#makeRoom(bytes)
    const lying: Lying = { offset, bytes, encoding, crc: crc32(payload), written: undefined }
    this.#frames.set(key, lying)
    this.#bytes += bytes
    this.#writingBytes += bytes
    // One after the other: two that lie over each other must not be written in the wrong order.
    this.#lastWrite = this.#lastWrite.then(async () => {
      await this.#write(payload, offset)
      lying.written = undefined
      this.#writingBytes -= bytes
      done()
    })
    lying.written = this.#lastWrite
  }

  /**
   * Room for a frame of so many bytes; whoever asks for it waits until it is there. Two that lie over each other may be written
   * in the wrong order; then the checksum finds neither.
   *
   * @returns undefined where it is not kept
   */
  reserve(key: string, encoding: number, bytes: number): ReservedFrame | undefined {
    if (bytes === 0 || bytes > this.#bytesMax || this.#broken || this.#frames.has(key)) return undefined
    const offset = this.#makeRoom(bytes)
    const { promise, resolve } = Promise.withResolvers<void>()
    const lying: Lying = { offset, bytes, encoding, crc: undefined, written: promise }
    this.#frames.set(key, lying)
    this.#bytes += bytes
    this.#reserved.add(promise)
    return {
      fd: this.#file.fd,
      offset,
      done: (kept) => {
        lying.written = undefined
        if (typeof kept === 'number') lying.crc = kept
        else if (this.#frames.get(key) === lying) this.#forget(key, lying)
        if (kept === 'failed') void this.#fail(new Error('a frame could not be written'))
        this.#reserved.delete(promise)
        resolve()
      },
    }
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#giveUp()
    await this.#lastWrite
    // Until then the file must stay what its number stands for.
    await Promise.all(this.#reserved)
    await this.#file.close()
  }

  /** @returns where so many bytes may lie */
  #makeRoom(bytes: number): number {
    if (this.#head + bytes > this.#bytesMax) {
      this.#forgetOldest(({ offset }) => offset >= this.#head)
      this.#head = 0
    }
    const start = this.#head
    this.#head += bytes
    this.#forgetOldest(
      (old) => (old.offset < this.#head && old.offset + old.bytes > start) || this.#frames.size >= FRAMES_MAX,
    )
    return start
  }

  #forgetOldest(goes: (old: Lying) => boolean): void {
    for (const [key, old] of this.#frames) {
      if (!goes(old)) return
      this.#forget(key, old)
    }
  }

  #forget(key: string, { bytes }: Lying): void {
    this.#frames.delete(key)
    this.#bytes -= bytes
  }

  async #write(payload: Uint8Array, offset: number): Promise<void> {
    if (this.#broken) return
    try {
      for (let done = 0; done < payload.byteLength; ) {
        const { bytesWritten } = await this.#file.write(payload, done, payload.byteLength - done, offset + done)
        done += bytesWritten
      }
    } catch (error) {
      await this.#fail(error)
    }
  }

  async #fail(error: unknown): Promise<void> {
    if (this.#broken) return
    this.#log.warn({ error: String(error) }, 'packed frames are kept on the disk no longer')
    this.#giveUp()
    // A full disk gets its space back.
    await this.#file.truncate(0).catch(() => {})
  }

  #giveUp(): void {
    this.#broken = true
    this.#frames.clear()
    this.#bytes = 0
  }
}

import type { FileHandle } from 'node:fs/promises'
import type { ImageReader } from './cutter.ts'

/**
 * Reads an open file. The caller keeps the handle and closes it.
 * @param size bytes of the file that belong to the image
 */
export function fileReader(handle: FileHandle, size: number): ImageReader {
  return {
    size,
    async read(offset, length) {
      const wanted = Math.max(0, Math.min(length, size - offset))
      // Not Buffer.allocUnsafe: pieces of its shared pool would be kept alive by whoever keeps one of them.
      const bytes = new Uint8Array(new ArrayBuffer(wanted))
      let done = 0
      while (done < wanted) {
        const { bytesRead } = await handle.read(bytes, done, wanted - done, offset + done)
        if (bytesRead === 0) break
        done += bytesRead
      }
      return bytes.subarray(0, done)
    },
  }
}

/**
 * Keeps the windows that were read last, so that many small reads of one neighbourhood are few reads of the file.
 * A read that spans two windows, or is longer than one, goes to the file.
 */
export function cachedReader(reader: ImageReader, windowBytes: number, windowsMax: number): ImageReader {
  const windows = new Map<number, Uint8Array>()
  return {
    size: reader.size,
    async read(offset, length) {
      const index = Math.floor(offset / windowBytes)
      const start = index * windowBytes
      if (offset + length > start + windowBytes) return reader.read(offset, length)
      let window = windows.get(index)
      if (window === undefined) {
        window = await reader.read(start, windowBytes)
        const oldest = windows.keys().next()
        if (windows.size >= windowsMax && !oldest.done) windows.delete(oldest.value)
      } else {
        windows.delete(index)
      }
      windows.set(index, window)
      return window.subarray(offset - start, offset - start + length)
    },
  }
}

/** Keeps one window, which begins where a read last went past it: for reads that go forward and overlap. */
export function slidingReader(reader: ImageReader, windowBytes: number): ImageReader {
  let start = 0
  let window: Uint8Array = new Uint8Array(0)
  return {
    size: reader.size,
    async read(offset, length) {
      const wanted = Math.max(0, Math.min(length, reader.size - offset))
      if (wanted > windowBytes) return reader.read(offset, wanted)
      if (offset < start || offset + wanted > start + window.length) {
        window = await reader.read(offset, windowBytes)
        start = offset
      }
      return window.subarray(offset - start, offset - start + wanted)
    },
  }
}

/** Exactly `length` bytes, or undefined where the range does not lie in the image. */
export async function readWhole(reader: ImageReader, offset: number, length: number): Promise<Uint8Array | undefined> {
  if (!(offset >= 0) || !(length >= 0) || offset + length > reader.size) return undefined
  const bytes = await reader.read(offset, length)
  return bytes.length === length ? bytes : undefined
}

/** A view for numbers that are wider than a byte. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

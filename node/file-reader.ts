import { constants, type Stats } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { asHotblockError, HotblockError } from '../protocols/errors.ts'
import { IMAGE_BYTES_MAX } from '../protocols/table/constants.ts'
import type { ImageReader } from './cutters/cutter.ts'
import { cachedReader, fileReader } from './cutters/reading.ts'

/** Cutters read small pieces here and there: 16 MiB of what was read lately are kept. */
const WINDOW_BYTES = 256 * 1024
const WINDOWS_MAX = 64

export interface OpenImage extends ImageReader {
  close(): Promise<void>
}

/**
 * Opens an image file for reading pieces of it. Close it.
 *
 * @throws NO_SUCH_FILE; BAD_FILE for what is not a readable, regular, non-empty file
 */
export async function openImage(path: string): Promise<OpenImage> {
  const { handle, size } = await openChecked(path)
  const reader = cachedReader(fileReader(handle, size), WINDOW_BYTES, WINDOWS_MAX)
  return {
    size,
    async read(offset, length) {
      try {
        return await reader.read(offset, length)
      } catch (error) {
        // The file could be opened, so this is a bad sector, or a server that is gone.
        throw new HotblockError('BAD_FILE', `cannot be read (${(error as Error).message}): ${path}`, { path }, error)
      }
    },
    close: () => handle.close(),
  }
}

async function openChecked(path: string): Promise<{ handle: FileHandle; size: number }> {
  try {
    // Looked at before it is opened: opening a pipe waits for a writer, opening a device may do anything.
    checkImageFile(path, await stat(path))
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const stats = await handle.stat()
      checkImageFile(path, stats)
      return { handle, size: stats.size }
    } catch (error) {
      await handle.close()
      throw error
    }
  } catch (error) {
    throw asHotblockError(error)
  }
}

/** @throws BAD_FILE for what is not a regular, non-empty file */
export function checkImageFile(path: string, stats: Stats): void {
  const bad = (what: string): HotblockError => new HotblockError('BAD_FILE', `${what}: ${path}`, { path })
  if (stats.isDirectory()) throw bad('is a directory')
  if (!stats.isFile()) throw bad('is not a regular file')
  if (stats.size === 0) throw bad('is empty')
  if (stats.size > IMAGE_BYTES_MAX) throw bad('is too large')
}

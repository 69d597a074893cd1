import { readdir, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'

/** How much room a disk has; tests put a small one in its place. */
export interface Space {
  /** Bytes that this user can still write on the file system of a directory. */
  freeBytes(directory: string): Promise<number>
}

export const diskSpace: Space = {
  async freeBytes(directory) {
    const { bavail, bsize } = await statfs(directory)
    return bavail * bsize
  },
}

/** Bytes that a file takes on disk, holes left out; 0 where there is none. */
export async function diskBytes(path: string): Promise<number> {
  return (await diskBytesIfThere(path)) ?? 0
}

/** Bytes that the files of a directory take on disk. */
export async function directoryBytes(directory: string): Promise<number> {
  const names = await readdir(directory)
  const sizes = await Promise.all(names.map((name) => diskBytes(join(directory, name))))
  return sizes.reduce((sum, bytes) => sum + bytes, 0)
}

async function diskBytesIfThere(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).blocks * 512
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** An image as the reservations see it. */
interface Holder {
  readonly number: number
  readonly path: string
}

/** An image with what it takes and what is kept for it. */
export interface Holding<I extends Holder> {
  readonly image: I
  /** Bytes on disk now. */
  readonly diskBytes: number
  /** Being fetched or imported: bytes that it will still take. undefined for all others. */
  readonly outstandingBytes: number | undefined
}

export interface Survey<I extends Holder> {
  readonly holdings: Holding<I>[]
  /** Bytes that files being imported take, or will take where that is more. */
  readonly importBytes: number
  /** Bytes of the disk that are free and promised to nobody. */
  readonly freeBytes: number
}

/**
 * What is promised to images and imports that are being written, so that two of them do not count on the same free bytes.
 * A promise is the size that the file will have on disk; it melts as the file grows.
 */
export class Reservations {
  readonly #goals = new Map<number, number>()
  /** Files that are being imported, by path; who gives one up removes the file, and the promise goes with it. */
  readonly #imports = new Map<string, number>()
  readonly #space: Space

  constructor(space: Space) {
    this.#space = space
  }

  reserve(image: number, bytes: number): void {
    this.#goals.set(image, bytes)
  }

  release(image: number): void {
    this.#goals.delete(image)
  }

  /** The size that was promised to an image; 0 where none was. */
  promised(image: number): number {
    return this.#goals.get(image) ?? 0
  }

  /** @param path of a file that is there already */
  reserveImport(path: string, bytes: number): void {
    this.#imports.set(path, bytes)
  }

  releaseImport(path: string): void {
    this.#imports.delete(path)
  }

  isImporting(path: string): boolean {
    return this.#imports.has(path)
  }

  /** What images and imports take now, and what is left of the disk. */
  async survey<I extends Holder>(images: readonly I[], directory: string): Promise<Survey<I>> {
    const holdings = await Promise.all(
      images.map(async (image) => {
        const bytes = await diskBytes(image.path)
        const goal = this.#goals.get(image.number)
        return { image, diskBytes: bytes, outstandingBytes: goal && Math.max(0, goal - bytes) }
      }),
    )
    let promised = holdings.reduce((sum, { outstandingBytes }) => sum + (outstandingBytes ?? 0), 0)
    let importBytes = 0
    for (const [path, goal] of [...this.#imports]) {
      const bytes = await diskBytesIfThere(path)
      if (bytes === undefined) {
        this.#imports.delete(path)
        continue
      }
      promised += Math.max(0, goal - bytes)
      importBytes += Math.max(goal, bytes)
    }
    return { holdings, importBytes, freeBytes: (await this.#space.freeBytes(directory)) - promised }
  }

  freeBytes(directory: string): Promise<number> {
    return this.#space.freeBytes(directory)
  }
}

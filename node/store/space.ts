import { stat, statfs } from 'node:fs/promises'

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
  try {
    return (await stat(path)).blocks * 512
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
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

/**
 * What is promised to images that are being written, so that two of them do not count on the same free bytes. A promise
 * is the size that the image will have on disk; it melts as the file grows.
 */
export class Reservations {
  readonly #goals = new Map<number, number>()
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

  has(image: number): boolean {
    return this.#goals.has(image)
  }

  /** What images take now, and how many bytes of the disk are free and promised to none of them. */
  async survey<I extends Holder>(
    images: readonly I[],
    directory: string,
  ): Promise<{ holdings: Holding<I>[]; freeBytes: number }> {
    const holdings = await Promise.all(
      images.map(async (image) => {
        const bytes = await diskBytes(image.path)
        const goal = this.#goals.get(image.number)
        return { image, diskBytes: bytes, outstandingBytes: goal && Math.max(0, goal - bytes) }
      }),
    )
    const promised = holdings.reduce((sum, { outstandingBytes }) => sum + (outstandingBytes ?? 0), 0)
    return { holdings, freeBytes: (await this.#space.freeBytes(directory)) - promised }
  }

  freeBytes(directory: string): Promise<number> {
    return this.#space.freeBytes(directory)
  }
}

/** Images of any size, as full and as compressible as real ones. */
import { randomFillSync } from 'node:crypto'
import { open } from 'node:fs/promises'

/** As much of an image is in use as of the batch worker's, in blocks of its mean length. */
const USED = 0.35
/** How such an image is cut. */
export const SYNTHETIC_CUT = 'fixed:16384'
const STRETCH_BYTES = 16 * 1024 * 1024
const PAGE_BYTES = 4096

/** Stretches of data and holes in turn; half of each page is random, half is the same letter, so it can be compressed. */
export async function writeImage(path: string, size: number): Promise<void> {
  const handle = await open(path, 'w')
  try {
    await handle.truncate(size)
    const stretch = Buffer.allocUnsafe(Math.round((STRETCH_BYTES * USED) / PAGE_BYTES) * PAGE_BYTES)
    for (let at = 0; at < size; at += STRETCH_BYTES) {
      randomFillSync(stretch)
      for (let page = 0; page < stretch.length; page += PAGE_BYTES) stretch.fill('a', page, page + PAGE_BYTES / 2)
      await handle.write(stretch, 0, stretch.length, at)
    }
  } finally {
    await handle.close()
  }
}

import { chmod, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import type { CID } from 'multiformats/cid'
import { BLOCK_BYTES_DEFAULT } from '../protocols/table/constants.ts'
import type { Table } from '../protocols/table/table.ts'
import type { PublishOptions, PublishProgress } from './api.ts'
import { blockRows } from './fetch/hot.ts'
import { batches, columnsOf } from './fetch/items.ts'
import { checkImageFile } from './file-reader.ts'
import { hashImage } from './hashing.ts'
import type { Pool } from './pool/jobs.ts'
import { MODE_PARTIAL } from './store/local-store.ts'
import type { Store, StoredImage } from './store/store.ts'

/**
 * Takes an image file into the store: it is read once, and what is hashed is what is copied, so that a file that changes
 * meanwhile still gives an image that is what its table says. With `take` the file itself becomes the store's, if it lies
 * on the same disk: then nothing is copied, and nobody may write to it any more.
 * @throws NO_SUCH_FILE, BAD_FILE, NO_SPACE
 */
export async function importImage(
  store: Store,
  pool: Pool,
  file: string,
  options: PublishOptions,
  progress: (p: PublishProgress) => void,
): Promise<{ image: StoredImage; table: Table }> {
  const info = await stat(file)
  checkImageFile(file, info)
  const needed = Math.min(info.size, info.blocks * 512)
  const temporary = await store.temporaryPath(needed)
  let adopted: CID | undefined
  try {
    const { cut, blockBytes = BLOCK_BYTES_DEFAULT } = options
    const taken = options.take === true && (await move(file, temporary))
    if (!taken) {
      await writeFile(temporary, '')
      await truncate(temporary, info.size)
    }
    const from = taken ? temporary : file
    const hashing = { cut, blockBytes, to: taken ? undefined : temporary }
    const { table, blobs } = await hashImage(from, pool, hashing, (doneBytes, imageBytes) =>
      progress({ phase: 'import', doneBytes, imageBytes }),
    )
    await store.putTableBytes(blobs)
    const image = await store.adopt(table, temporary)
    adopted = table.root
    for (const batch of batches(table, blockRows(table), Number.POSITIVE_INFINITY, 16_384)) {
      const { offsets, hashes } = columnsOf(table, batch)
      await store.blocks.add(image.number, offsets, hashes)
    }
    return { image: await store.complete(table.root), table }
  } finally {
    // After complete() nothing is kept any more; what has stopped short may be evicted.
    if (adopted !== undefined) store.release(adopted)
    await rm(temporary, { force: true })
  }
}

/** @returns false where the file lies on another disk, and is where it was */
async function move(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EXDEV') return false
    throw error
  }
  await chmod(to, MODE_PARTIAL)
  return true
}

import { constants, copyFile, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { asHotblockError, HotblockError } from '../protocols/errors.ts'
import { inParallel } from './fetch/items.ts'
import type { Pool } from './pool/jobs.ts'

const JOB_BYTES = 32 * 1024 * 1024
const JOBS_MAX = 3

/**
 * Puts a copy of an image at a path: a reflink where the file system can, else a copy that keeps the holes. The file is
 * there whole or not at all; an existing regular file is replaced.
 * @returns how it was done
 * @throws NO_SUCH_FILE or BAD_FILE where the path cannot take a file, NO_SPACE
 */
export async function placeFile(pool: Pool, from: string, bytes: number, to: string): Promise<'reflink' | 'copy'> {
  await checkPlace(to)
  const temporary = join(dirname(to), `.${basename(to).slice(0, 200)}.${process.pid}.part`)
  try {
    const how = (await reflink(from, temporary)) ? 'reflink' : await copy(pool, from, bytes, temporary)
    const handle = await open(temporary, 'r+')
    try {
      await handle.chmod(0o644)
      await handle.datasync()
    } finally {
      await handle.close()
    }
    await rename(temporary, to)
    return how
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/**
 * Checks that a file could be put at a path, so that who waits for its bytes does not wait in vain.
 * @throws NO_SUCH_FILE where its directory is missing, BAD_FILE where something else than a file is in the way
 */
export async function checkPlace(to: string): Promise<void> {
  const directory = dirname(to)
  const around = await stat(directory).catch((error: unknown) => {
    throw asHotblockError(error)
  })
  if (!around.isDirectory()) throw new HotblockError('BAD_FILE', `not a directory: ${directory}`, { path: directory })
  const existing = await stat(to).catch(() => undefined)
  if (existing !== undefined && !existing.isFile()) {
    throw new HotblockError('BAD_FILE', `not a regular file: ${to}`, { path: to })
  }
}

async function reflink(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL)
    // The store's copy is read-only, and so is a clone of it.
    return true
  } catch (error) {
    await rm(to, { force: true })
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'EACCES' || code === 'EROFS') throw error
    return false
  }
}

async function copy(pool: Pool, from: string, bytes: number, to: string): Promise<'copy'> {
  const handle = await open(to, 'wx', 0o644)
  try {
    await handle.truncate(bytes)
  } finally {
    await handle.close()
  }
  const offsets: number[] = []
  for (let offset = 0; offset < bytes; offset += JOB_BYTES) offsets.push(offset)
  await inParallel(offsets, JOBS_MAX, async (offset) => {
    await pool.run<'place'>({ kind: 'place', from, to, offset, bytes: Math.min(JOB_BYTES, bytes - offset) })
  })
  return 'copy'
}

import { randomBytes } from 'node:crypto'
import { link, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { HotblockError } from '../../protocols/errors.ts'

/** Makes what was created, renamed or removed in a directory last over a crash of the machine. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * Writes a small file so that it is there whole or not at all, whatever happens on the way.
 *
 * @param replace false leaves a file that is there (perhaps since a moment) as it is
 */
export async function writeWhole(path: string, bytes: Uint8Array, mode: number, replace: boolean): Promise<void> {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`
  const handle = await open(temporary, 'wx', mode)
  try {
    try {
      await handle.writeFile(bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
    if (replace) await rename(temporary, path)
    else await link(temporary, path).catch(unlessThere)
  } finally {
    await rm(temporary, { force: true })
  }
  await syncDirectory(dirname(path))
}

function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error
}

/** Removes a file if it is there. A directory of that name is not ours, and stays. */
export async function unlinkFile(path: string): Promise<void> {
  await rm(path, { force: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_FS_EISDIR') throw error
  })
}

/** Lets a failure pass that a full disk is the cause of; throws others again. */
export function unlessFull(error: unknown): void {
  if (!(error instanceof HotblockError) || error.code !== 'NO_SPACE') throw error
}

/**
 * Directories of launches: each has one of its own, with its overlay, which lasts as long as somebody uses it.
 *
 *     DIRECTORY/new-XXXX/      being made
 *     DIRECTORY/XXXX/lock      locked by launch and by the command that it runs, and whatever that starts
 *     DIRECTORY/XXXX/overlay
 *
 * The lock (flock) belongs to the opened file, which the command inherits as descriptor 3: it is there until the last of
 * them has died, also where launch itself was killed. A directory that nobody locks was left behind by a crash; the next
 * launch removes it.
 */
import { randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { asHotblockError, HotblockError } from '../../protocols/errors.ts'
import { runTool } from './tool.ts'

const FINISHED = /^[0-9a-f]{16}$/
const UNFINISHED = /^new-[0-9a-f]{16}$/
/** Nobody needs so long to make a directory and a lock in it. */
const UNFINISHED_MS_MAX = 60 * 60 * 1000
/** What one launch looks at and removes of what others have left behind. */
const SWEEP_MAX = 1000
const LOCKED_BY_ANOTHER = 1

export interface Scratch {
  /** Absolute path of a directory that only this user can enter. */
  readonly path: string
  /** The open file that has the lock, for the command to inherit. */
  readonly lock: number
  /** Removes the directory with all that is in it. */
  remove(): Promise<void>
}

/**
 * Makes a directory for a launch, and removes those that crashed launches have left.
 * @param directory absolute path; made where it is missing
 * @throws BAD_FILE or NO_SUCH_FILE where it cannot be used, NO_SPACE, TOOL_MISSING
 */
export async function openScratch(directory: string): Promise<Scratch> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    await sweep(directory)
    const name = randomBytes(8).toString('hex')
    const making = join(directory, `new-${name}`)
    await mkdir(making, { mode: 0o700 })
    const handle = await open(join(making, 'lock'), 'wx', 0o600)
    try {
      if (!(await tryLock(handle))) throw new HotblockError('INTERNAL', `a fresh lock is taken: ${making}`)
      const path = join(directory, name)
      await rename(making, path)
      return { path, lock: handle.fd, remove: () => remove(path, handle) }
    } catch (error) {
      await remove(making, handle)
      throw error
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new HotblockError('BAD_FILE', `not a directory: ${directory}`, { path: directory }, error)
    }
    throw asHotblockError(error)
  }
}

async function remove(path: string, handle: FileHandle): Promise<void> {
  // The lock goes last, so that nobody else begins to remove the same.
  await rm(path, { recursive: true, force: true }).finally(() => handle.close())
}

/** Removes what nobody uses. What cannot be looked at or removed is another user's, and stays. @returns how many went */
export async function sweep(directory: string): Promise<number> {
  const names = (await readdir(directory)).slice(0, SWEEP_MAX)
  let removed = 0
  for (const name of names) {
    if (!FINISHED.test(name) && !UNFINISHED.test(name)) continue
    const gone = await removeStale(join(directory, name), UNFINISHED.test(name)).catch(ignoreOthers)
    if (gone) removed++
  }
  return removed
}

async function removeStale(path: string, unfinished: boolean): Promise<boolean> {
  if (unfinished) {
    if (Date.now() - (await stat(path)).mtimeMs < UNFINISHED_MS_MAX) return false
    await rm(path, { recursive: true, force: true })
    return true
  }
  const handle = await open(join(path, 'lock'), 'r')
  if (await tryLock(handle)) {
    await remove(path, handle)
    return true
  }
  await handle.close()
  return false
}

function ignoreOthers(error: unknown): false {
  if (error instanceof HotblockError && error.code === 'TOOL_MISSING') throw error
  return false
}

/** Node has no flock; the tool of that name locks what we have opened, and the lock stays when the tool has gone. */
async function tryLock(handle: FileHandle): Promise<boolean> {
  const args = ['--nonblock', '--exclusive', '3']
  const { status } = await runTool('flock', args, { descriptor: handle.fd, debianPackage: 'util-linux' })
  if (status !== 0 && status !== LOCKED_BY_ANOTHER) {
    throw new HotblockError('TOOL_FAILED', `flock ended with status ${status}`)
  }
  return status === 0
}

import { constants } from 'node:fs'
import { access, mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { asHotblockError, HotblockError } from '../../protocols/errors.ts'
import { writeWhole } from './durable.ts'

/** Format of the home that this version writes and reads. */
export const HOME_VERSION = 1
const DIRECTORIES = ['index', 'images']

/**
 * Makes the home if it is not there, and checks that it is one of hotblock's and that this process can write it.
 * Nothing that is there is changed.
 *
 * @throws BAD_HOME, HOME_TOO_NEW, NO_SPACE
 */
export async function checkHome(home: string): Promise<void> {
  try {
    await makeDirectory(home)
    await access(home, constants.R_OK | constants.W_OK | constants.X_OK)
    const version = await readVersion(home)
    if (version === undefined) await checkNoForeign(home)
    else if (version > HOME_VERSION) {
      const message = `the home has format ${version}, this version knows ${HOME_VERSION}: ${home}`
      throw new HotblockError('HOME_TOO_NEW', message, { home, version })
    }
  } catch (error) {
    throw homeFailure(home, error)
  }
}

/**
 * Gives a home that has none its version and directories. The version comes first, so that directories without one are
 * never ours.
 */
export async function furnishHome(home: string): Promise<void> {
  try {
    if ((await readVersion(home)) === undefined) {
      await writeWhole(join(home, 'version'), Buffer.from(`${HOME_VERSION}\n`), 0o644, true)
    }
    for (const name of DIRECTORIES) await makeDirectory(join(home, name))
  } catch (error) {
    throw homeFailure(home, error)
  }
}

/** Anything thrown while a home is opened: what the disk says is BAD_HOME, unless it is full. */
export function homeFailure(home: string, error: unknown): HotblockError {
  const failure = asHotblockError(error)
  if (error instanceof HotblockError || failure.code === 'NO_SPACE') return failure
  return new HotblockError('BAD_HOME', `the home cannot be used (${failure.message}): ${home}`, { home }, error)
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o755 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new HotblockError('BAD_HOME', `is not a directory: ${path}`, { path }, error)
  }
}

async function readVersion(home: string): Promise<number | undefined> {
  const path = join(home, 'version')
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const version = /^[1-9]\d{0,8}\n?$/.test(text) ? Number(text) : undefined
  if (version === undefined) {
    throw new HotblockError('BAD_HOME', `does not say the format of a home: ${path}`, { path })
  }
  return version
}

/** A directory that has no version yet may not have anything under the names that are ours. */
async function checkNoForeign(home: string): Promise<void> {
  const names = await readdir(home)
  for (const name of [...DIRECTORIES, 'lock']) {
    if (!names.includes(name)) continue
    // The lock alone is what is left of a start that was killed before it came to the version.
    const stats = await stat(join(home, name))
    if (name === 'lock' && stats.isFile() && stats.size === 0) continue
    const path = join(home, name)
    throw new HotblockError('BAD_HOME', `hotblock would need the name, and did not make what is there: ${path}`, {
      path,
    })
  }
}

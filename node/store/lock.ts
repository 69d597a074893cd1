import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { HotblockError } from '../../protocols/errors.ts'

const SQLITE_BUSY = 5
const SQLITE_LOCKED = 6

export interface HomeLock {
  release(): void
}

/**
 * Takes a home for this process alone, until it is released or the process ends, however it ends.
 *
 * Node has no file locks of its own, but SQLite takes real ones: an exclusive transaction on an empty database locks the
 * file for this process and this opening of it. The kernel lets go of it when the process dies, and unlike a file with
 * a process number it holds across containers that share the directory.
 *
 * @throws DAEMON_RUNNING where another process, or another store of this one, has the home; BAD_HOME where the file
 *   cannot be locked
 */
export function lockHome(home: string): HomeLock {
  const path = join(home, 'lock')
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, { timeout: 0 })
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    database?.close()
    const { errcode, message } = error as Error & { errcode?: number }
    if (errcode !== undefined && [SQLITE_BUSY, SQLITE_LOCKED].includes(errcode & 0xff)) {
      throw new HotblockError('DAEMON_RUNNING', `another process uses the home: ${home}`, { home }, error)
    }
    throw new HotblockError('BAD_HOME', `the home cannot be locked (${message}): ${path}`, { home }, error)
  }
  const locked = database
  return { release: () => void (locked.isOpen && locked.close()) }
}

/**
 * The rows of the index of blocks: bytes under bytes, in the order of the keys, in SQLite. LMDB answers three times as
 * quickly, but it maps its file: each page that was looked at counts as the daemon's memory until it ends, and a fetch
 * looks at all of them, as hashes lie anywhere. Here a cache of fixed size does, however many blocks a node has.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { HotblockError } from '../../protocols/errors.ts'
import { HASH_BYTES } from '../../protocols/table/constants.ts'
import { KEY_BYTES } from './place.ts'

/** KiB of pages that are kept; what is not there comes from the system's cache of files in a microsecond. */
const CACHE_KIB = 4096
/** Changed rows after which the log is taken over into the database: each is hardly more than a page, so 32 MiB. */
const LOG_ROWS_MAX = 8192
const PAGE_BYTES = 4096
/** A file beside the database that says that a page of it was found damaged. */
const DAMAGED_SUFFIX = '-damaged'
/** Endings of all files of the database. */
export const DATABASE_SUFFIXES = ['', '-wal', '-shm', DAMAGED_SUFFIX] as const
/** Primary result codes of SQLite. */
const [SQLITE_IOERR, SQLITE_CORRUPT, SQLITE_FULL, SQLITE_CANTOPEN, SQLITE_NOTADB] = [10, 11, 13, 14, 26]

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS blocks (key BLOB PRIMARY KEY, places BLOB NOT NULL) WITHOUT ROWID, STRICT;
  CREATE TABLE IF NOT EXISTS totals (entries INTEGER NOT NULL, whole INTEGER NOT NULL) STRICT;
  INSERT INTO totals SELECT 0, 0 WHERE NOT EXISTS (SELECT * FROM totals);
`

/** All keys of a batch in one statement: to call SQLite once for each key takes twice as long as finding it. */
const FIND_MANY = `
  WITH RECURSIVE wanted (i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM wanted WHERE i + 1 < ?2)
  SELECT i, places FROM wanted CROSS JOIN blocks ON key = substr(?1, i * ${HASH_BYTES} + 1, ${KEY_BYTES})
`

/** A row as SQLite gives it. */
type Cells = readonly Uint8Array[]

/** Takes the log of the database at this path over into it, somewhere where waiting for the disk hinders nobody. */
export type ShortenLog = (path: string) => Promise<unknown>

/** Which rows; keys from `start` on, before `end`. */
export interface RowRange {
  readonly start?: Uint8Array
  readonly end?: Uint8Array
  readonly limit?: number
}

export class BlockRows {
  readonly #path: string
  readonly #db: DatabaseSync
  readonly #get: StatementSync
  readonly #getMany: StatementSync
  readonly #put: StatementSync
  readonly #remove: StatementSync
  readonly #range: StatementSync
  readonly #setEntries: StatementSync
  #entries: number
  readonly #shortenLog: ShortenLog | undefined
  /** Rows that changed since the log was last taken over. */
  #changed = 0
  #checkpoint: Promise<void> | undefined

  /**
   * Opens the file, or makes it.
   *
   * @param shortenLog without it, commits do that now and then, and wait
   * @throws DAMAGED for a file that is not such a database; the index can be made anew from the tables
   */
  constructor(path: string, shortenLog?: ShortenLog) {
    this.#path = path
    if (existsSync(path + DAMAGED_SUFFIX)) throw damaged(path)
    const { db, shared } = openDatabase(path)
    this.#db = db
    this.#shortenLog = shared ? shortenLog : undefined
    this.#get = this.#prepare('SELECT places FROM blocks WHERE key = ?')
    this.#getMany = this.#prepare(FIND_MANY)
    this.#put = this.#prepare(
      'INSERT INTO blocks VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET places = excluded.places',
    )
    this.#remove = this.#prepare('DELETE FROM blocks WHERE key = ?')
    this.#range = this.#prepare('SELECT key, places FROM blocks WHERE key >= ? AND key < ? ORDER BY key LIMIT ?')
    this.#setEntries = this.#prepare('UPDATE totals SET entries = ?')
    this.#entries = this.#total('entries')
  }

  /** Rows, as of the last change. */
  get entries(): number {
    return this.#entries
  }

  /** false from when the file was made until it says of all images what they have. */
  get whole(): boolean {
    return this.#total('whole') === 1
  }

  setWhole(): void {
    this.#db.exec('UPDATE totals SET whole = 1')
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return (this.#read(() => this.#get.get(key)) as Cells | undefined)?.[0]
  }

  /** Of hashes that lie one after the other, 32 bytes each: values of those that are there, under their positions. */
  getMany(hashes: Uint8Array): Map<number, Uint8Array> {
    const count = hashes.length / HASH_BYTES
    if (count === 0) return new Map()
    const rows = this.#read(() => this.#getMany.all(hashes, count)) as unknown as (readonly [number, Uint8Array])[]
    return new Map(rows)
  }

  /** Only between begin() and commit(). */
  put(key: Uint8Array, places: Uint8Array): void {
    this.#put.run(key, places)
    this.#changed++
  }

  /** Only between begin() and commit(). */
  remove(key: Uint8Array): void {
    this.#remove.run(key)
    this.#changed++
  }

  range({ start, end, limit }: RowRange): { key: Uint8Array; places: Uint8Array }[] {
    const rows = this.#read(() => {
      return this.#range.all(start ?? FIRST_KEY, end ?? AFTER_LAST_KEY, limit ?? -1)
    }) as unknown as Cells[]
    return rows.map(([key, places]) => ({ key: key!, places: places! }))
  }

  /**
   * Begins a change, which may take many turns of the event loop, when the log of those before has been taken over: it
   * begins anew then, and does not grow without end.
   */
  async begin(): Promise<void> {
    await this.#checkpoint
    this.#db.exec('BEGIN')
  }

  /**
   * Ends a change. A process that is killed loses nothing of it from now on; a machine that stops may, unless flush()
   * came after.
   *
   * @param entries rows that there are now
   */
  commit(entries: number): void {
    this.#setEntries.run(entries)
    this.#db.exec('COMMIT')
    this.#entries = entries
    this.#checkpoint ??= this.#shorten()
  }

  /** Takes a change back, and gives its failure a code. */
  rollback(error: unknown): unknown {
    // SQLite itself has taken it back after some failures, as on a full disk.
    if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
    return rowsFailure(error, this.#path)
  }

  /** Resolves when everything that was committed before is on the disk. */
  async flush(): Promise<void> {
    const file = await open(`${this.#path}-wal`, 'r+').catch(() => undefined)
    if (file === undefined) return
    try {
      await file.sync()
    } finally {
      await file.close()
    }
  }

  async close(): Promise<void> {
    await this.#checkpoint
    if (this.#db.isOpen) this.#db.close()
  }

  /** What is found damaged now is made anew at the next start: half an index would be worse than a failure. */
  #read<T>(query: () => T): T {
    try {
      return query()
    } catch (error) {
      const failure = rowsFailure(error, this.#path)
      if (failure instanceof HotblockError && failure.code === 'DAMAGED') writeFileSync(this.#path + DAMAGED_SUFFIX, '')
      throw failure
    }
  }

  #prepare(sql: string): StatementSync {
    const statement = this.#db.prepare(sql)
    statement.setReturnArrays(true)
    return statement
  }

  #total(column: 'entries' | 'whole'): number {
    return (this.#prepare(`SELECT ${column} FROM totals`).get() as unknown as readonly number[])[0]!
  }

  #shorten(): Promise<void> | undefined {
    if (this.#changed < LOG_ROWS_MAX) return undefined
    this.#changed = 0
    if (this.#shortenLog === undefined) {
      this.#db.exec('PRAGMA wal_checkpoint(PASSIVE)')
      return undefined
    }
    // Where it cannot be done now, the next time does it.
    const done = (): void => {
      this.#checkpoint = undefined
    }
    return this.#shortenLog(this.#path).then(done, done)
  }
}

/**
 * On a disk without room for what several openings of the database share, it is opened for this one alone: what is
 * removed then can make room.
 */
function openDatabase(path: string): { db: DatabaseSync; shared: boolean } {
  try {
    return { db: openAs('NORMAL', path), shared: true }
  } catch (error) {
    if (![SQLITE_IOERR, SQLITE_CANTOPEN].includes(errorCode(error) ?? 0)) throw rowsFailure(error, path)
  }
  try {
    return { db: openAs('EXCLUSIVE', path), shared: false }
  } catch (error) {
    throw rowsFailure(error, path)
  }
}

function openAs(locking: 'NORMAL' | 'EXCLUSIVE', path: string): DatabaseSync {
  const db = new DatabaseSync(path)
  try {
    db.exec(`PRAGMA locking_mode = ${locking}; PRAGMA page_size = ${PAGE_BYTES}; PRAGMA cache_size = -${CACHE_KIB}`)
    // Commits wait for no disk: the log is written in order, and flush() sees to it that it is there.
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0')
    db.exec(SCHEMA)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/** SQLite's primary result code. */
function errorCode(error: unknown): number | undefined {
  const code = (error as { errcode?: number }).errcode
  return code === undefined ? undefined : code & 0xff
}

/** SQLite's failures with their codes. */
function rowsFailure(error: unknown, path: string): unknown {
  const code = errorCode(error)
  if (code === SQLITE_FULL) return new HotblockError('NO_SPACE', 'the disk that the index is on is full', {}, error)
  if (code !== SQLITE_CORRUPT && code !== SQLITE_NOTADB) return error
  return damaged(path, error)
}

function damaged(path: string, cause?: unknown): HotblockError {
  const message = `the index of blocks is damaged, a restart makes it anew: ${path}`
  return new HotblockError('DAMAGED', message, { path }, cause)
}

const FIRST_KEY = new Uint8Array(0)
/** Longer than any key, and after all of them. */
const AFTER_LAST_KEY = new Uint8Array(64).fill(0xff)

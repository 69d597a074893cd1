import { chmod, lstat, readdir, rename, rm, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { open } from 'lmdb'
import { HotblockError } from '../../protocols/errors.ts'
import { type Log, silentLog } from '../../protocols/ports.ts'
import { BlockRows, DATABASE_SUFFIXES, type ShortenLog } from './block-rows.ts'
import { DiskBlockIndex } from './blocks.ts'
import { RowDatastore } from './datastore.ts'
import { checkHome, furnishHome, homeFailure } from './home.ts'
import { IMAGES_DATABASE, ImageRows } from './images.ts'
import { checkIndex, indexRoom } from './index-file.ts'
import { indexFailure } from './lmdb.ts'
import { LocalStore, type LocalStoreParts, MODE_COMPLETE, MODE_PARTIAL } from './local-store.ts'
import { lockHome } from './lock.ts'
import { PART_SUFFIX, planRecovery, type RecoveryAction } from './recovery.ts'
import { indexImages } from './reindex.ts'
import { Rows } from './rows.ts'
import { diskSpace, Reservations, type Space } from './space.ts'
import type { Store } from './store.ts'
import { TABLES_DATABASE, Tables } from './tables.ts'

/** Free bytes that are left on the disk unless told otherwise. */
export const FLOOR_BYTES_DEFAULT = 1024 * 1024 * 1024

const ROWS_DATABASE = { name: 'rows', keyEncoding: 'binary', encoding: 'binary' } as const
/** What libp2p keeps, apart from hotblock's own rows. */
const LIBP2P_DATABASE = { name: 'libp2p', keyEncoding: 'binary', encoding: 'binary' } as const
const DATABASES_MAX = 8
/** Addresses that are set aside, no memory: where they end the file is mapped anew, and the map before it stays for a while. */
const MAP_BYTES = 1024 ** 3
/** Places of blocks, apart from all else: store/block-rows.ts has the reason. */
export const BLOCKS_FILE = 'blocks.db'

export interface OpenOptions {
  /** Most bytes that images may take on disk; none unless given. */
  readonly quotaBytes?: number
  readonly floorBytes?: number
  readonly log?: Log
  readonly space?: Space
  readonly shortenLog?: ShortenLog
  /** Milliseconds since the epoch. */
  readonly now?: () => number
  /** Called after each step that changes the disk; tests crash there. */
  readonly step?: (name: string) => void
}

/**
 * Opens the store of a home, makes it if it is not there, and puts right what a crash left half-made.
 *
 * @throws DAEMON_RUNNING, BAD_HOME, HOME_TOO_NEW, NO_SPACE
 */
export async function openStore(home: string, options: OpenOptions = {}): Promise<Store> {
  const { log = silentLog, step = () => {}, now = Date.now, space = diskSpace } = options
  await checkHome(home)
  const lock = lockHome(home)
  try {
    await furnishHome(home)
    await checkIndex(join(home, 'index'))
    const room = indexRoom(join(home, 'index'))
    const blockRows = await openBlockRows(join(home, 'index', BLOCKS_FILE), log, options.shortenLog)
    const index = open({ path: join(home, 'index'), maxDbs: DATABASES_MAX, noSubdir: false, mapSize: MAP_BYTES })
    try {
      const images = new ImageRows(index.openDB<Uint8Array, Uint8Array>(IMAGES_DATABASE), room)
      const rows = new Rows(index.openDB<Uint8Array, Uint8Array>(ROWS_DATABASE), room)
      const libp2p = new Rows(index.openDB<Uint8Array, Uint8Array>(LIBP2P_DATABASE), room)
      const parts: LocalStoreParts = {
        home,
        images,
        tables: new Tables(index.openDB<Uint8Array, Uint8Array>(TABLES_DATABASE), now, room),
        blocks: new DiskBlockIndex(blockRows, (number) => images.stateOf(number), step, room),
        rows,
        datastore: new RowDatastore(libp2p),
        reservations: new Reservations(space),
        quotaBytes: options.quotaBytes,
        floorBytes: options.floorBytes ?? FLOOR_BYTES_DEFAULT,
        now,
        step,
        close: async () => {
          try {
            await blockRows.close()
            await index.flushed
            await index.close()
          } finally {
            lock.release()
          }
        },
      }
      const store = new LocalStore(parts)
      await recover(parts, store, log)
      if (!blockRows.whole) {
        await indexImages(parts, log)
        blockRows.setWhole()
      }
      return store
    } catch (error) {
      await blockRows.close()
      await index.close()
      const failure = indexFailure(error)
      throw failure.code === 'NO_SPACE' ? failure : error
    }
  } catch (error) {
    lock.release()
    throw homeFailure(home, error)
  }
}

/** A damaged file is made anew: tables and images have all that it said. */
async function openBlockRows(path: string, log: Log, shortenLog: ShortenLog | undefined): Promise<BlockRows> {
  try {
    return new BlockRows(path, shortenLog)
  } catch (error) {
    if (!(error instanceof HotblockError) || error.code !== 'DAMAGED') throw error
    log.warn({ path }, 'the index of blocks is damaged and is made anew')
    for (const ending of DATABASE_SUFFIXES) await rm(path + ending, { force: true })
    return new BlockRows(path, shortenLog)
  }
}

async function recover({ home, images }: LocalStoreParts, store: LocalStore, log: Log): Promise<void> {
  const directory = join(home, 'images')
  const names = await readdir(directory)
  const files = await Promise.all(
    names.map(async (name) => {
      const path = join(directory, name)
      // A link that leads nowhere is there too.
      const stats = await stat(path).catch(() => lstat(path))
      return { name, bytes: stats.size, regular: stats.isFile() }
    }),
  )
  for (const action of planRecovery(images.all(), files)) {
    if (action.kind === 'foreign') log.warn({ name: action.name }, 'a file among the images is not of hotblock')
    else log.info({ action: action.kind, what: 'root' in action ? action.root : action.name }, 'put right at the start')
    await carryOut(action, directory, images, store)
  }
}

async function carryOut(
  action: RecoveryAction,
  directory: string,
  images: ImageRows,
  store: LocalStore,
): Promise<void> {
  switch (action.kind) {
    case 'finish':
      await chmod(join(directory, action.root), MODE_COMPLETE)
      await images.update(images.get(action.root)!.number, { state: 'complete' })
      return
    case 'demote': {
      const { number, imageBytes } = images.get(action.root)!
      const final = join(directory, action.root)
      const part = final + PART_SUFFIX
      if ((await stat(part).catch(() => undefined)) === undefined) await rename(final, part)
      else await rm(final, { force: true })
      await chmod(part, MODE_PARTIAL)
      await truncate(part, imageBytes)
      await images.update(number, { state: 'partial' })
      return
    }
    case 'remove':
      await store.removeNow(action.root)
      return
    case 'unlink':
      await rm(join(directory, action.name), { force: true })
      return
    case 'foreign':
  }
}

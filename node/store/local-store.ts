import { randomBytes } from 'node:crypto'
import { chmod, open, readdir, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Datastore } from 'interface-datastore'
import type { CID } from 'multiformats/cid'
import { asHotblockError, HotblockError } from '../../protocols/errors.ts'
import type { Table, TableHead } from '../../protocols/table/table.ts'
import type { DiskBlockIndex } from './blocks.ts'
import { syncDirectory, unlessFull, unlinkFile } from './durable.ts'
import { createHolds } from './holds.ts'
import type { ImageRow, ImageRows } from './images.ts'
import { IMPORT_NAME, PART_SUFFIX } from './recovery.ts'
import { type Need, Room } from './room.ts'
import type { Rows } from './rows.ts'
import { Serial } from './serial.ts'
import { directoryBytes, diskBytes, type Reservations } from './space.ts'
import type { BlockIndex, Store, StoredImage, Usage } from './store.ts'
import type { Tables } from './tables.ts'

export const MODE_COMPLETE = 0o444
export const MODE_PARTIAL = 0o644
/** A use is noted on disk when it is so much later than the one noted before. */
const TOUCH_MS = 60_000

/** What a store is made of; store/open.ts puts it together. */
export interface LocalStoreParts {
  readonly home: string
  readonly images: ImageRows
  readonly tables: Tables
  readonly blocks: DiskBlockIndex
  readonly rows: Rows
  readonly datastore: Datastore
  readonly reservations: Reservations
  readonly quotaBytes: number | undefined
  readonly floorBytes: number
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Called after each step that changes the disk; tests crash there. */
  readonly step: (name: string) => void
  /** Closes the index and lets go of the home. */
  readonly close: () => Promise<void>
}

/** The store of a node on its disk. Changes of images happen one after the other. */
export class LocalStore implements Store {
  readonly home: string
  readonly datastore: Datastore
  readonly #parts: LocalStoreParts
  readonly #directory: string
  readonly #room: Room
  readonly #serial = new Serial()
  readonly #holds = createHolds()
  #closing: Promise<void> | undefined

  constructor(parts: LocalStoreParts) {
    this.home = parts.home
    this.datastore = parts.datastore
    this.#parts = parts
    this.#directory = join(parts.home, 'images')
    this.#room = new Room({
      ...parts,
      rows: () => this.#rows(),
      pathOf: (row) => this.#pathOf(row),
      held: ({ number }) => this.#holds.has(number),
      directory: this.#directory,
    })
  }

  get blocks(): BlockIndex {
    return this.#parts.blocks
  }

  images(): StoredImage[] {
    return this.#rows().map((row) => this.#stored(row))
  }

  image(root: CID): StoredImage | undefined {
    return this.#visible(this.#parts.images.get(root))
  }

  imageByNumber(number: number): StoredImage | undefined {
    return this.#visible(this.#parts.images.byNumber(number))
  }

  tableBytes(cid: CID): Uint8Array | undefined {
    return this.#parts.tables.bytes(cid)
  }

  putTableBytes(entries: Iterable<{ cid: CID; bytes: Uint8Array }>): Promise<void> {
    return this.#parts.tables.put(entries)
  }

  table(root: CID): Table | undefined {
    return this.#parts.tables.table(root)
  }

  begin(head: TableHead, bytesNeeded: number): Promise<StoredImage> {
    return this.#change(async () => {
      const { images, reservations, tables, step } = this.#parts
      const before = await this.#before(head.root)
      if (before?.state === 'complete') return this.#stored(before)
      tables.claim(head.root)
      // What is there, or was promised before, need not be found again.
      const had = before && Math.max(await diskBytes(this.#pathOf(before)), reservations.promised(before.number))
      await this.#makeRoom({ bytes: Math.max(0, bytesNeeded - (had ?? 0)), except: before?.number })
      const row = before ?? (await images.create(head, this.#parts.now()))
      try {
        const path = this.#pathOf(row)
        const handle = await open(path, 'a', MODE_PARTIAL)
        await handle.close()
        if ((await stat(path)).size !== head.imageBytes) await truncate(path, head.imageBytes)
      } catch (error) {
        if (before === undefined) await this.removeNow(row.root, true)
        throw error
      }
      reservations.reserve(row.number, bytesNeeded)
      step('begun')
      return this.#stored(row)
    })
  }

  temporaryPath(bytesNeeded: number): Promise<string> {
    return this.#change(async () => {
      await this.#makeRoom({ bytes: bytesNeeded })
      const path = join(this.#directory, `import-${randomBytes(8).toString('hex')}.tmp`)
      await writeFile(path, '', { flag: 'wx', mode: MODE_PARTIAL })
      this.#parts.reservations.reserveImport(path, bytesNeeded)
      return path
    })
  }

  adopt(table: Table, temporaryPath: string): Promise<StoredImage> {
    return this.#change(async () => {
      const { images, reservations, tables, step } = this.#parts
      const before = await this.#before(table.root)
      if (before?.state === 'complete') {
        await rm(temporaryPath, { force: true })
        reservations.releaseImport(temporaryPath)
        return this.#stored(before)
      }
      tables.claim(table.root)
      await this.#makeRoomForImported(temporaryPath, before)
      const row = before ?? (await images.create(table, this.#parts.now()))
      try {
        await rename(temporaryPath, this.#pathOf(row))
      } catch (error) {
        if (before === undefined) await this.removeNow(row.root, true)
        throw error
      }
      reservations.releaseImport(temporaryPath)
      reservations.reserve(row.number, 0)
      step('adopted')
      return this.#stored(row)
    })
  }

  reopen(root: CID): Promise<StoredImage> {
    return this.#change(async () => {
      const row = this.#known(root)
      if (row.state === 'partial') return this.#stored(row)
      const final = this.#pathOf(row)
      await chmod(final, MODE_PARTIAL)
      await rename(final, final + PART_SUFFIX)
      this.#parts.step('reopened')
      try {
        await this.#parts.images.update(row.number, { state: 'partial' })
      } catch (error) {
        await rename(final + PART_SUFFIX, final)
        await chmod(final, MODE_COMPLETE)
        throw error
      }
      return this.#stored(this.#known(root))
    })
  }

  release(root: CID): void {
    const row = this.#parts.images.get(root)
    if (row !== undefined) this.#parts.reservations.release(row.number)
  }

  complete(root: CID): Promise<StoredImage> {
    return this.#change(async () => {
      const { blocks, images, now, reservations, step } = this.#parts
      const row = this.#known(root)
      if (row.state === 'complete') return this.#stored(row)
      const part = this.#pathOf(row)
      const final = part.slice(0, -PART_SUFFIX.length)
      const handle = await open(part, 'r+')
      try {
        await handle.sync()
      } finally {
        await handle.close()
      }
      step('synced')
      await blocks.flush()
      step('flushed')
      await rename(part, final)
      // Only now: a partial image that cannot be written could not be gone on with after a crash.
      await chmod(final, MODE_COMPLETE)
      await syncDirectory(this.#directory)
      step('renamed')
      try {
        await images.update(row.number, { state: 'complete', usedAt: now() })
      } catch (error) {
        await chmod(final, MODE_PARTIAL)
        await rename(final, part)
        throw error
      }
      reservations.release(row.number)
      return this.#stored(this.#known(root))
    })
  }

  remove(root: CID): Promise<number> {
    return this.#change(() => {
      this.#holds.check(this.#parts.images.get(root))
      return this.removeNow(root)
    })
  }

  hold(root: CID): Promise<() => void> {
    // In turn with evictions: one that has been decided on is carried out before.
    return this.#change(async () => {
      const { state, number } = this.#known(root)
      if (state === 'complete') return this.#holds.take(number)
      throw new HotblockError('NOT_FOUND', `image ${root} is not complete`, { root: root.toString() })
    })
  }

  touch(root: CID): void {
    const row = this.#parts.images.get(root)
    const now = this.#parts.now()
    if (row === undefined || now - row.usedAt < TOUCH_MS) return
    // A use that is not noted does no harm: the image is only evicted sooner.
    this.#parts.images.update(row.number, { usedAt: now }).catch(() => {})
  }

  setPinned(root: CID, pinned: boolean): Promise<void> {
    return this.#change(() => this.#parts.images.update(this.#known(root).number, { pinned }))
  }

  setNames(root: CID, names: readonly string[]): Promise<void> {
    return this.#change(() => this.#parts.images.update(this.#known(root).number, { names: [...names] }))
  }

  async room(bytesNeeded: number): Promise<{ fits: boolean; evict: CID[] }> {
    const { fits, evict } = await this.#room.ask(bytesNeeded)
    return { fits, evict: evict.flatMap((root) => this.#parts.images.get(root)?.cid ?? []) }
  }

  gc(): Promise<number> {
    return this.#change(async () => {
      const doomed = await this.#room.excess()
      let freed = 0
      // Removals that the disk or a failure has stopped.
      for (const { root, state } of this.#parts.images.all()) if (state === 'removing') doomed.push(root)
      for (const root of doomed) freed += await this.removeNow(root)
      for (const name of await readdir(this.#directory)) {
        const path = join(this.#directory, name)
        if (!IMPORT_NAME.test(name) || this.#parts.reservations.isImporting(path)) continue
        freed += await diskBytes(path)
        await rm(path, { force: true })
      }
      await this.#parts.tables.sweep(this.#rows().map(({ cid }) => cid))
      return freed
    })
  }

  async usage(): Promise<Usage> {
    const { quotaBytes, floorBytes, reservations, blocks } = this.#parts
    const sizes = await Promise.all(this.#rows().map((row) => diskBytes(this.#pathOf(row))))
    return {
      imageBytes: sizes.reduce((sum, bytes) => sum + bytes, 0),
      indexBytes: await directoryBytes(join(this.home, 'index')),
      quotaBytes,
      freeBytes: await reservations.freeBytes(this.#directory),
      floorBytes,
      indexedBlocks: blocks.size,
    }
  }

  get(key: string): Uint8Array | undefined {
    return this.#parts.rows.get(key)
  }

  put(key: string, value: Uint8Array): Promise<void> {
    return this.#parts.rows.put(key, value)
  }

  delete(key: string): Promise<void> {
    return this.#parts.rows.delete(key)
  }

  list(prefix: string): { key: string; value: Uint8Array }[] {
    return this.#parts.rows.list(prefix)
  }

  close(): Promise<void> {
    this.#closing ??= this.#serial
      .idle()
      .then(() => this.#parts.blocks.flush())
      .finally(() => this.#parts.close())
    return this.#closing
  }

  /**
   * Takes an image away; for who has the store to itself, as at the start.
   * @param keepTable its table bytes stay, for who is about to have the image again
   * @returns bytes freed
   * @throws NOT_FOUND
   */
  async removeNow(root: CID | string, keepTable = false): Promise<number> {
    const { images, blocks, tables, reservations, step } = this.#parts
    const row = images.get(root)
    if (row === undefined)
      throw new HotblockError('NOT_FOUND', `image ${root} is not on this node`, { root: root.toString() })
    const final = join(this.#directory, row.root)
    const bytes = (await diskBytes(final)) + (await diskBytes(final + PART_SUFFIX))
    // On a full disk the bytes go first, without a note: an image whose bytes are gone is removed at the next start.
    await images.update(row.number, { state: 'removing' }).catch(unlessFull)
    reservations.release(row.number)
    step('removing')
    await unlinkFile(final)
    await unlinkFile(final + PART_SUFFIX)
    step('unlinked')
    try {
      await blocks.dropImage(row.number, tables.hashes(row.cid))
    } catch (error) {
      if (!(error instanceof HotblockError) || error.code !== 'BAD_TABLE') throw error
      await blocks.dropImage(row.number)
    }
    step('dropped')
    const others = this.#rows().map(({ cid }) => cid)
    if (!keepTable) await tables.removeImage(row.cid, others)
    await images.delete(row.number)
    return bytes
  }

  /** Changes happen one after the other; what the disk throws gets its code. */
  #change<T>(work: () => Promise<T>): Promise<T> {
    return this.#serial.run(async () => {
      if (this.#closing !== undefined) throw new HotblockError('CANCELLED', 'the store is being closed')
      try {
        return await work()
      } catch (error) {
        throw asHotblockError(error)
      }
    })
  }

  /** For a file that lies on the disk already: only the quota may still ask for others to go. */
  async #makeRoomForImported(path: string, before: ImageRow | undefined): Promise<void> {
    const { reservations } = this.#parts
    const bytes = await diskBytes(path)
    // It takes the place of what is there of the image.
    const replaced = before === undefined ? 0 : await diskBytes(this.#pathOf(before))
    reservations.releaseImport(path)
    try {
      await this.#makeRoom({ bytes: 0, except: before?.number, uncountedBytes: bytes - replaced })
    } catch (error) {
      reservations.reserveImport(path, bytes)
      throw error
    }
  }

  /** The row of an image that may be begun; a removal of it that was stopped half-way is finished first. */
  async #before(root: CID): Promise<ImageRow | undefined> {
    if (this.#parts.images.get(root)?.state === 'removing') await this.removeNow(root, true)
    return this.#parts.images.get(root)
  }

  /** Evicts what has to go, or throws NO_SPACE and leaves everything. */
  async #makeRoom(need: Need): Promise<void> {
    for (const root of await this.#room.evictFor(need)) await this.removeNow(root)
  }

  #rows(): ImageRow[] {
    return this.#parts.images.all().filter(({ state }) => state !== 'removing')
  }

  #known(root: CID): ImageRow {
    const row = this.#parts.images.get(root)
    if (row !== undefined && row.state !== 'removing') return row
    throw new HotblockError('NOT_FOUND', `image ${root} is not on this node`, { root: root.toString() })
  }

  #visible(row: ImageRow | undefined): StoredImage | undefined {
    return row === undefined || row.state === 'removing' ? undefined : this.#stored(row)
  }

  #stored(row: ImageRow): StoredImage {
    const { number, cid: root, names, format, imageBytes, zeroBytes, pinned, usedAt } = row
    const [state, held] = [row.state === 'complete' ? 'complete' : 'partial', this.#holds.has(number)] as const
    return { number, root, names, state, format, imageBytes, zeroBytes, pinned, held, usedAt, path: this.#pathOf(row) }
  }

  #pathOf(row: ImageRow): string {
    return join(this.#directory, row.state === 'complete' ? row.root : row.root + PART_SUFFIX)
  }
}

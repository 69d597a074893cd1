import { randomBytes } from 'node:crypto'
import { chmod, open, readdir, rename, rm, stat, truncate } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Datastore } from 'interface-datastore'
import type { CID } from 'multiformats/cid'
import { asHotblockError, HotblockError } from '../../protocols/errors.ts'
import type { Table, TableHead } from '../../protocols/table/table.ts'
import { chooseEvictions, type EvictionBounds, type EvictionCandidate, evictionOrder } from '../decisions/evict.ts'
import type { LmdbBlockIndex } from './blocks.ts'
import { syncDirectory } from './durable.ts'
import type { ImageRow, ImageRows } from './images.ts'
import { IMPORT_NAME, PART_SUFFIX } from './recovery.ts'
import type { Rows } from './rows.ts'
import { Serial } from './serial.ts'
import { diskBytes, type Reservations } from './space.ts'
import type { BlockIndex, Store, StoredImage, Usage } from './store.ts'
import type { Tables } from './tables.ts'

const MODE_COMPLETE = 0o444
const MODE_PARTIAL = 0o644
/** A use is noted on disk when it is so much later than the one noted before. */
const TOUCH_MS = 60_000

/** What a store is made of; store/open.ts puts it together. */
export interface LocalStoreParts {
  readonly home: string
  readonly images: ImageRows
  readonly tables: Tables
  readonly blocks: LmdbBlockIndex
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
  readonly #serial = new Serial()
  /** Files that are being imported at this moment. */
  readonly #importing = new Set<string>()
  #closing: Promise<void> | undefined

  constructor(parts: LocalStoreParts) {
    this.home = parts.home
    this.datastore = parts.datastore
    this.#parts = parts
    this.#directory = join(parts.home, 'images')
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
      const before = this.#parts.images.get(head.root)
      if (before?.state === 'complete') return this.#stored(before)
      const present = before === undefined ? 0 : await diskBytes(this.#pathOf(before))
      await this.#makeRoom(Math.max(0, bytesNeeded - present), before?.number)
      const row = before ?? (await this.#parts.images.create(head, this.#parts.now()))
      this.#parts.reservations.reserve(row.number, bytesNeeded)
      try {
        const path = this.#pathOf(row)
        const handle = await open(path, 'a', MODE_PARTIAL)
        await handle.close()
        if ((await stat(path)).size !== head.imageBytes) await truncate(path, head.imageBytes)
      } catch (error) {
        this.#parts.reservations.release(row.number)
        throw error
      }
      this.#parts.step('begun')
      return this.#stored(row)
    })
  }

  temporaryPath(bytesNeeded: number): Promise<string> {
    return this.#change(async () => {
      await this.#makeRoom(bytesNeeded)
      const name = `import-${randomBytes(8).toString('hex')}.tmp`
      this.#importing.add(name)
      return join(this.#directory, name)
    })
  }

  adopt(table: Table, temporaryPath: string): Promise<StoredImage> {
    return this.#change(async () => {
      const before = this.#parts.images.get(table.root)
      if (before?.state === 'complete') {
        await rm(temporaryPath, { force: true })
        return this.#stored(before)
      }
      // The bytes lie on the disk already: only the quota may still ask for others to go.
      await this.#makeRoom(0, before?.number, await diskBytes(temporaryPath))
      const row = before ?? (await this.#parts.images.create(table, this.#parts.now()))
      this.#parts.reservations.reserve(row.number, 0)
      await rename(temporaryPath, this.#pathOf(row))
      this.#importing.delete(basename(temporaryPath))
      this.#parts.step('adopted')
      return this.#stored(row)
    })
  }

  reopen(root: CID): Promise<StoredImage> {
    return this.#change(async () => {
      const row = this.#known(root)
      if (row.state === 'partial') return this.#stored(row)
      const path = this.#pathOf(row)
      await this.#parts.images.update(row.number, { state: 'partial' })
      this.#parts.step('reopened')
      await chmod(path, MODE_PARTIAL)
      await rename(path, path + PART_SUFFIX)
      return this.#stored(this.#known(root))
    })
  }

  release(root: CID): void {
    const row = this.#parts.images.get(root)
    if (row !== undefined) this.#parts.reservations.release(row.number)
  }

  complete(root: CID): Promise<StoredImage> {
    return this.#change(async () => {
      const row = this.#known(root)
      if (row.state === 'complete') return this.#stored(row)
      const part = this.#pathOf(row)
      const handle = await open(part, 'r+')
      try {
        await handle.sync()
        await handle.chmod(MODE_COMPLETE)
      } finally {
        await handle.close()
      }
      this.#parts.step('synced')
      await this.#parts.blocks.flush()
      this.#parts.step('flushed')
      await rename(part, part.slice(0, -PART_SUFFIX.length))
      await syncDirectory(this.#directory)
      this.#parts.step('renamed')
      await this.#parts.images.update(row.number, { state: 'complete', usedAt: this.#parts.now() })
      this.#parts.reservations.release(row.number)
      return this.#stored(this.#known(root))
    })
  }

  remove(root: CID): Promise<number> {
    return this.#change(() => this.removeNow(root))
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
    const { candidates, bounds } = await this.#survey()
    const { fits, evict } = chooseEvictions(candidates, bytesNeeded, bounds)
    return { fits, evict: evict.flatMap((root) => this.#parts.images.get(root)?.cid ?? []) }
  }

  gc(): Promise<number> {
    return this.#change(async () => {
      const { candidates, bounds } = await this.#survey()
      const { fits, evict } = chooseEvictions(candidates, 0, bounds)
      const doomed = fits ? evict : evictionOrder(candidates).map(({ root }) => root)
      let freed = 0
      for (const root of doomed) freed += await this.removeNow(root)
      for (const name of await readdir(this.#directory)) {
        if (!IMPORT_NAME.test(name) || this.#importing.has(name)) continue
        const path = join(this.#directory, name)
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
      indexBytes: await diskBytes(join(this.home, 'index', 'data.mdb')),
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
    this.#closing ??= this.#serial.idle().then(() => this.#parts.close())
    return this.#closing
  }

  /** Takes an image away; for who has the store to itself, as at the start. @returns bytes freed. @throws NOT_FOUND */
  async removeNow(root: CID | string): Promise<number> {
    const { images, blocks, tables, reservations, step } = this.#parts
    const row = images.get(root)
    if (row === undefined)
      throw new HotblockError('NOT_FOUND', `image ${root} is not on this node`, { root: root.toString() })
    const path = this.#pathOf(row)
    const bytes = await diskBytes(path)
    await images.update(row.number, { state: 'removing' })
    reservations.release(row.number)
    step('removing')
    const final = join(this.#directory, row.root)
    await rm(final, { force: true })
    await rm(final + PART_SUFFIX, { force: true })
    step('unlinked')
    await blocks.dropImage(row.number, tables.hashes(row.cid))
    step('dropped')
    await tables.removeImage(
      row.cid,
      this.#rows().map(({ cid }) => cid),
    )
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

  /**
   * Evicts until `bytes` more fit, or throws NO_SPACE and leaves everything.
   * @param except number of an image that stays
   * @param uncountedBytes what lies on the disk already, but in none of the images
   */
  async #makeRoom(bytes: number, except?: number, uncountedBytes = 0): Promise<void> {
    const { candidates, bounds } = await this.#survey(except)
    const quotaBytes = bounds.quotaBytes === undefined ? undefined : bounds.quotaBytes - uncountedBytes
    const { fits, evict } = chooseEvictions(candidates, bytes, { ...bounds, quotaBytes })
    if (!fits) {
      const { freeBytes, floorBytes } = bounds
      const quota = this.#parts.quotaBytes === undefined ? 'no quota' : `a quota of ${this.#parts.quotaBytes}`
      const message = `${bytes + uncountedBytes} bytes do not fit: ${Math.max(0, freeBytes)} are free, ${floorBytes} of them to be left free, with ${quota}`
      throw new HotblockError('NO_SPACE', message, { neededBytes: bytes + uncountedBytes, freeBytes, floorBytes })
    }
    for (const root of evict) await this.removeNow(root)
  }

  async #survey(except?: number): Promise<{ candidates: EvictionCandidate[]; bounds: EvictionBounds }> {
    const { reservations, quotaBytes, floorBytes } = this.#parts
    const images = this.#rows().map((row) => ({ ...row, path: this.#pathOf(row) }))
    const { holdings, freeBytes } = await reservations.survey(images, this.#directory)
    const candidates = holdings.map(({ image, diskBytes: bytes, outstandingBytes }): EvictionCandidate => {
      const { root, pinned, names, usedAt, number } = image
      const fetching = outstandingBytes !== undefined || number === except
      return { root, bytes: bytes + (outstandingBytes ?? 0), pinned, fetching, named: names.length > 0, usedAt }
    })
    return { candidates, bounds: { quotaBytes, freeBytes, floorBytes } }
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
    const { number, cid, names, format, imageBytes, zeroBytes, pinned, usedAt } = row
    const state = row.state === 'complete' ? 'complete' : 'partial'
    return { number, root: cid, names, state, format, imageBytes, zeroBytes, pinned, usedAt, path: this.#pathOf(row) }
  }

  #pathOf(row: ImageRow): string {
    return join(this.#directory, row.state === 'complete' ? row.root : row.root + PART_SUFFIX)
  }
}

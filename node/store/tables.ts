import { CID } from 'multiformats/cid'
import { HotblockError } from '../../protocols/errors.ts'
import { assembleTable, verifyBlob } from '../../protocols/table/assemble.ts'
import { decodeRoot } from '../../protocols/table/root.ts'
import { decodeSegment } from '../../protocols/table/segment.ts'
import type { Table, TableHead } from '../../protocols/table/table.ts'
import { type IndexRoom, SMALL_ROOM_BYTES, WRITE_ROOM_BYTES } from './index-file.ts'
import { type BinaryDatabase, indexFailure } from './lmdb.ts'

/** Tables are kept in memory as long as they take no more than this together; the one used last always is. */
export const TABLE_CACHE_BYTES_MAX = 64 * 1024 * 1024
/** Table bytes that nothing refers to are left alone so long: a plan or a fetch may be about to use them. */
export const TABLE_GRACE_MS = 10 * 60 * 1000
/** What a row takes in memory, and about what a segment's reference does. */
const ROW_BYTES = 45
const SEGMENT_REF_BYTES = 400

/** Options of the LMDB database that roots and segments are kept in: their bytes under their CID's. */
export const TABLES_DATABASE = { name: 'tables', keyEncoding: 'binary', encoding: 'binary' } as const

/** Roots and segments by CID, and the tables made of them. */
export class Tables {
  readonly #db: BinaryDatabase
  readonly #room: IndexRoom
  readonly #now: () => number
  /** Least recently used first. */
  readonly #cache = new Map<string, Table>()
  #cacheBytes = 0
  /** When what nothing may refer to yet came in. */
  readonly #recent = new Map<string, number>()
  /** When tables were asked for or claimed: a fetch may be about to begin the image. */
  readonly #claims = new Map<string, { root: CID; at: number }>()
  /** Bytes that are on their way out. */
  #removal: Promise<unknown> = Promise.resolve()

  /** @param now milliseconds since the epoch */
  constructor(db: BinaryDatabase, now: () => number, room: IndexRoom = () => {}) {
    this.#db = db
    this.#room = room
    this.#now = now
  }

  bytes(cid: CID): Uint8Array | undefined {
    const found = this.#db.getBinary(cid.bytes)
    return found && new Uint8Array(found.buffer, found.byteOffset, found.length)
  }

  async put(entries: Iterable<{ cid: CID; bytes: Uint8Array }>): Promise<void> {
    // What is on its way out still seems to be there.
    await this.#removal
    this.#room(WRITE_ROOM_BYTES)
    const now = this.#now()
    for (const [cid, at] of this.#recent) {
      if (at > now - TABLE_GRACE_MS) break
      this.#recent.delete(cid)
    }
    const writes = []
    for (const { cid, bytes } of entries) {
      const key = cid.toString()
      this.#recent.delete(key)
      this.#recent.set(key, now)
      if (!this.#db.doesExist(cid.bytes)) writes.push(this.#db.put(cid.bytes, bytes))
    }
    try {
      await Promise.all(writes)
    } catch (error) {
      throw indexFailure(error)
    }
  }

  /** The segments of this table are needed, though no image of it may be here yet; for as long as recent bytes are. */
  claim(root: CID): void {
    const key = root.toString()
    const now = this.#now()
    for (const [other, { at }] of this.#claims) if (at <= now - TABLE_GRACE_MS) this.#claims.delete(other)
    this.#claims.set(key, { root, at: now })
  }

  /**
   * What a root says, if it is here.
   *
   * @returns undefined also for bytes that have come to harm; those are forgotten, so that they are fetched again
   */
  head(root: CID): TableHead | undefined {
    return this.#cache.get(root.toString()) ?? this.#checked(root, (bytes) => decodeRoot(bytes))
  }

  /** The table, if root and all segments are here and sound; they are claimed then. */
  table(root: CID): Table | undefined {
    const table = this.#table(root)
    if (table !== undefined) this.claim(root)
    return table
  }

  #table(root: CID): Table | undefined {
    const key = root.toString()
    const cached = this.#cache.get(key)
    if (cached !== undefined) {
      this.#cache.delete(key)
      this.#cache.set(key, cached)
      return cached
    }
    const head = this.head(root)
    if (head === undefined || head.segments.some(({ cid }) => !this.#db.doesExist(cid.bytes))) return undefined
    try {
      const table = assembleTable(head, (cid) => this.#checked(cid, (bytes) => bytes))
      this.#remember(key, table)
      return table
    } catch (error) {
      if (error instanceof HotblockError && error.code === 'BAD_TABLE') return undefined
      throw error
    }
  }

  /**
   * The hashes of an image's blocks, one segment after the other, without the whole table in memory.
   *
   * @returns undefined where the root or a segment is not here
   * @throws BAD_TABLE on the way, at a segment that has come to harm
   */
  hashes(root: CID): Iterable<Uint8Array> | undefined {
    const head = this.head(root)
    if (head === undefined) return undefined
    const distinct = new Map(head.segments.map(({ cid }) => [cid.toString(), cid]))
    for (const cid of distinct.values()) if (!this.#db.doesExist(cid.bytes)) return undefined
    const one = (cid: CID): Uint8Array => {
      const hashes = this.#checked(cid, (bytes) => decodeSegment(bytes).hashes)
      if (hashes === undefined) throw new HotblockError('BAD_TABLE', `segment ${cid} has come to harm`)
      return hashes
    }
    return Iterator.from(distinct.values()).map(one)
  }

  /** Removes an image's root, and those of its segments that no table of `others` has. */
  async removeImage(root: CID, others: readonly CID[]): Promise<void> {
    const head = this.head(root)
    this.#forget(root.toString())
    this.#claims.delete(root.toString())
    if (head === undefined) return
    const used = this.#referenced(others)
    const doomed = [root, ...head.segments.map(({ cid }) => cid)].filter((cid) => !used.has(cid.toString()))
    await this.#remove(doomed.map((cid) => cid.bytes))
  }

  /** Removes all bytes that belong to none of these images, and did not come in just now. */
  async sweep(images: readonly CID[]): Promise<void> {
    const used = this.#referenced(images)
    const since = this.#now() - TABLE_GRACE_MS
    const doomed: Uint8Array[] = []
    for (const key of this.#db.getKeys()) {
      const cid = CID.decode(key).toString()
      if (!used.has(cid) && (this.#recent.get(cid) ?? Number.NEGATIVE_INFINITY) <= since) doomed.push(key)
    }
    await this.#remove(doomed)
  }

  async #remove(keys: readonly Uint8Array[]): Promise<void> {
    this.#room(SMALL_ROOM_BYTES)
    const removal = Promise.all(keys.map((key) => this.#db.remove(key)))
    this.#removal = removal.catch(() => {})
    return removal.then(
      () => {},
      (error: unknown) => Promise.reject(indexFailure(error)),
    )
  }

  /** CIDs of the roots and of all segments of these images, and of what is claimed. */
  #referenced(images: readonly CID[]): Set<string> {
    const used = new Set<string>()
    const since = this.#now() - TABLE_GRACE_MS
    const claimed = [...this.#claims.values()].filter(({ at }) => at > since)
    for (const root of [...images, ...claimed.map(({ root }) => root)]) {
      used.add(root.toString())
      for (const { cid } of this.head(root)?.segments ?? []) used.add(cid.toString())
    }
    return used
  }

  #checked<T>(cid: CID, decode: (bytes: Uint8Array) => T): T | undefined {
    const bytes = this.bytes(cid)
    if (bytes === undefined) return undefined
    try {
      verifyBlob(cid, bytes)
      return decode(bytes)
    } catch (error) {
      if (!(error instanceof HotblockError)) throw error
      // Where it fails, the next reader tries again.
      this.#remove([cid.bytes]).catch(() => {})
      return undefined
    }
  }

  #remember(key: string, table: Table): void {
    this.#cache.set(key, table)
    this.#cacheBytes += memoryBytes(table)
    for (const oldest of this.#cache.keys()) {
      if (this.#cacheBytes <= TABLE_CACHE_BYTES_MAX || oldest === key) break
      this.#forget(oldest)
    }
  }

  #forget(key: string): void {
    const table = this.#cache.get(key)
    if (table === undefined) return
    this.#cache.delete(key)
    this.#cacheBytes -= memoryBytes(table)
  }
}

function memoryBytes(table: Table): number {
  return table.entries * ROW_BYTES + table.segments.length * SEGMENT_REF_BYTES
}

/**
 * What a node keeps, as the rest of the node sees it. One directory (the home), one process at a time:
 *
 *     HOME/version            format of the home, one line
 *     HOME/lock               locked by the process that has the home open
 *     HOME/identity.key       the node's libp2p private key (protobuf), mode 0600
 *     HOME/control.sock       the daemon's control socket, mode 0600
 *     HOME/index/data.mdb     LMDB: images, table bytes, records, wants, DHT
 *     HOME/index/blocks.db    SQLite: places of blocks
 *     HOME/images/ROOT        a complete image, read-only
 *     HOME/images/ROOT.part   an image that is being fetched or imported
 *
 * Order of every change that makes something visible: data on disk, then the index, then the name. Whatever a crash
 * leaves half-made is found at the next start and removed or gone on with.
 */
import type { Datastore } from 'interface-datastore'
import type { CID } from 'multiformats/cid'
import type { ImageFormat, Table, TableHead } from '../../protocols/table/table.ts'

/** Where a block lies. */
export interface Place {
  /** Number that the store gave the image; stable while the image is there. */
  readonly image: number
  readonly offset: number
}

export type ImageState = 'complete' | 'partial'

export interface StoredImage {
  readonly number: number
  readonly root: CID
  /** Names that point at it; an image without a name (an older release) stays until it is evicted. */
  readonly names: readonly string[]
  readonly state: ImageState
  readonly format: ImageFormat
  readonly imageBytes: number
  readonly zeroBytes: number
  readonly pinned: boolean
  /** Somebody held it when this was asked. */
  readonly held: boolean
  /** When it was last published, fetched, served locally or asked for: milliseconds since the epoch. */
  readonly usedAt: number
  /** Absolute path of its bytes, also while partial. */
  readonly path: string
}

export interface Usage {
  /** Bytes that images, complete and partial, take on disk. */
  readonly imageBytes: number
  readonly indexBytes: number
  readonly quotaBytes: number | undefined
  readonly freeBytes: number
  readonly floorBytes: number
  readonly indexedBlocks: number
}

/** The index of blocks. Answers are hints: who reads a block re-hashes it, and drops places that do not hold. */
export interface BlockIndex {
  /**
   * Places of many blocks at once.
   * @param hashes 32 bytes a block
   * @returns for each block its places, at most `most` (4), complete images first; empty where the node lacks it
   */
  find(hashes: Uint8Array, most?: number): Place[][]
  /** For each block 1 where the node has a place for it, else 0. */
  has(hashes: Uint8Array): Uint8Array
  /** The same for prefixes of hashes, 8 bytes each. */
  hasPrefix(prefixes: Uint8Array): Uint8Array
  /** Notes that rows of an image are on disk. Later duplicates of a block within one image are not noted. */
  add(image: number, offsets: Float64Array, hashes: Uint8Array): Promise<void>
  drop(hash: Uint8Array, place: Place): Promise<void>
  /** All indexed hashes' first 12 bytes whose first `bits` bits are zero, in order: one range of the index. */
  sampled(bits: number): Uint8Array[]
  readonly size: number
}

export interface Store {
  readonly home: string
  readonly blocks: BlockIndex
  /** For libp2p's peer store and DHT, so that what they know survives a restart. */
  readonly datastore: Datastore

  images(): StoredImage[]
  image(root: CID): StoredImage | undefined
  imageByNumber(number: number): StoredImage | undefined

  /** Table bytes (roots and segments) by CID. Bytes are verified against the CID by whoever puts them. */
  tableBytes(cid: CID): Uint8Array | undefined
  putTableBytes(entries: Iterable<{ cid: CID; bytes: Uint8Array }>): Promise<void>
  /** The table of an image, if the root and all segments are here. The last few are kept in memory. */
  table(root: CID): Table | undefined

  /**
   * Begins (or goes on with) an image: a sparse ROOT.part of the image's size, an image number, state partial.
   * Evicts least recently used unpinned images where quota or floor ask for it. What the image will still take is kept
   * for it, and it is not evicted, until complete() or release().
   * @param bytesNeeded bytes that the image will take on disk when it is complete; those that an earlier run has written
   *   count
   * @throws NO_SPACE when it cannot fit; nothing is changed then
   */
  begin(head: TableHead, bytesNeeded: number): Promise<StoredImage>
  /**
   * Evicts so that a file of `bytesNeeded` can be imported.
   * @returns path of an empty file in images/ for it. The bytes are kept for the import until it is adopted or the file
   *   removed; what a crash leaves there is removed at the next start
   * @throws NO_SPACE; nothing is changed then
   */
  temporaryPath(bytesNeeded: number): Promise<string>
  /**
   * Takes a file at a temporary path (all its blocks in place) as ROOT.part, in place of one that is there; the file is
   * removed if the image is complete already. Its blocks still have to be added to the index, and the image to be completed.
   */
  adopt(table: Table, temporaryPath: string): Promise<StoredImage>
  /** The fetch or import has stopped short: nothing is kept for the partial image any more, and it may be evicted. */
  release(root: CID): void
  /**
   * fsync, index flush, rename, state complete. Idempotent.
   * @throws NOT_FOUND when it was not begun
   */
  complete(root: CID): Promise<StoredImage>
  /**
   * Makes a complete image partial and writable again, so that broken blocks can be replaced; complete() ends it.
   * @throws NOT_FOUND
   */
  reopen(root: CID): Promise<StoredImage>
  /**
   * Removes bytes, index entries and table segments that no other image uses.
   * @returns bytes freed on disk
   * @throws NOT_FOUND; IN_USE while somebody holds it
   */
  remove(root: CID): Promise<number>
  /**
   * Keeps a complete image from eviction and removal while somebody uses it, at the longest until the store closes.
   * @returns lets go of it again; idempotent
   * @throws NOT_FOUND where it is not here, or not complete
   */
  hold(root: CID): Promise<() => void>
  /** The image was used now. */
  touch(root: CID): void
  /** @throws NOT_FOUND */
  setPinned(root: CID, pinned: boolean): Promise<void>
  /** The names that point at an image, in place of those that did. @throws NOT_FOUND */
  setNames(root: CID, names: readonly string[]): Promise<void>

  /** Would `bytesNeeded` fit, and which images would go for it (roots, in order of eviction)? Changes nothing. */
  room(bytesNeeded: number): Promise<{ fits: boolean; evict: CID[] }>
  /**
   * Evicts until quota and floor hold, or nothing is left that may go; also removes files and table bytes that nothing
   * refers to, except table bytes that came in the last minutes, since a plan or fetch may be about to use them.
   * @returns bytes freed
   */
  gc(): Promise<number>
  usage(): Promise<Usage>

  /**
   * Small durable key-value rows for others: records ('record/…'), wants ('want/…'), peers ('peer/…'). Keys have 1 to
   * 1,024 bytes.
   */
  get(key: string): Uint8Array | undefined
  put(key: string, value: Uint8Array): Promise<void>
  delete(key: string): Promise<void>
  list(prefix: string): { key: string; value: Uint8Array }[]

  close(): Promise<void>
}

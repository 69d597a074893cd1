/** Small images for tests of the store, and what must hold of a store whatever happened to it. */
import { createHash } from 'node:crypto'
import { type FileHandle, open, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { CID } from 'multiformats/cid'
import * as assert from 'uvu/assert'
import { openStore } from '../../node/store/open.ts'
import type { Store, StoredImage } from '../../node/store/store.ts'
import { type Random, seededRandom } from '../../protocols/ports.ts'
import { TableBuilder } from '../../protocols/table/builder.ts'
import type { Table } from '../../protocols/table/table.ts'
import { randomBytes } from './seeds.ts'

export const PAGE = 4096

export interface TestImage {
  readonly bytes: Uint8Array
  readonly table: Table
  readonly root: CID
  readonly blobs: { cid: CID; bytes: Uint8Array }[]
  /** Bytes that are no zeros, what the file takes on a disk with pages of 4 KiB. */
  readonly dataBytes: number
  /** Offsets and hashes of its blocks, as the index takes them. */
  readonly offsets: Float64Array
  readonly hashes: Uint8Array
}

/** An image of these blocks; undefined is a page of zeros. */
export function imageOf(blocks: readonly (Uint8Array | undefined)[]): TestImage {
  const builder = new TableBuilder('raw', 'test')
  const offsets: number[] = []
  const hashes: Uint8Array[] = []
  let at = 0
  for (const block of blocks) {
    const hash = block === undefined ? new Uint8Array(32) : createHash('sha256').update(block).digest()
    const length = block?.length ?? PAGE
    builder.push(Uint32Array.of(length), Uint8Array.of(block === undefined ? 1 : 0), hash)
    if (block !== undefined) {
      offsets.push(at)
      hashes.push(hash)
    }
    at += length
  }
  const { table, blobs } = builder.finish()
  return {
    bytes: Buffer.concat(blocks.map((block) => block ?? new Uint8Array(PAGE))),
    table,
    root: table.root,
    blobs,
    dataBytes: table.imageBytes - table.zeroBytes,
    offsets: Float64Array.from(offsets),
    hashes: Buffer.concat(hashes),
  }
}

export function randomBlocks(random: Random, count: number, length = PAGE): Uint8Array[] {
  return Array.from({ length: count }, () => randomBytes(random, length))
}

/** An image of random pages, the same for the same seed, with a hole after the first page. */
export function seededImage(seed: number, pages: number): TestImage {
  const [first, ...rest] = randomBlocks(seededRandom(seed), pages)
  return imageOf([first, undefined, ...rest])
}

/** The steps by which a builder takes an image in. */
export async function adoptImage(store: Store, image: TestImage): Promise<StoredImage> {
  const path = await store.temporaryPath(image.dataBytes)
  await writeImage(path, image)
  await store.putTableBytes(image.blobs)
  const adopted = await store.adopt(image.table, path)
  await store.blocks.add(adopted.number, image.offsets, image.hashes)
  return store.complete(image.root)
}

/** The steps by which a fetch takes an image in. */
export async function fetchImage(store: Store, image: TestImage): Promise<StoredImage> {
  await store.putTableBytes(image.blobs)
  const begun = await store.begin(image.table, image.dataBytes)
  await writeImage(begun.path, image)
  await store.blocks.add(begun.number, image.offsets, image.hashes)
  return store.complete(image.root)
}

/** Writes the blocks of an image into a file, and leaves its holes. */
export async function writeImage(path: string, { table, bytes }: TestImage): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.truncate(bytes.length)
    for (let row = 0; row < table.entries; row++) {
      const at = table.offsets[row]!
      if (table.zero[row] === 0) await file.write(bytes, at, table.lengths[row]!, at)
    }
  } finally {
    await file.close()
  }
}

/**
 * What must hold of a store that was just opened, whatever became of the process before: every complete image is right,
 * no file lies there that no row speaks of, no row speaks of a file that is not there, and the index leads to the blocks
 * of complete images and to no image that is not there.
 *
 * @param known all images that were ever given to it
 */
export async function checkStore(store: Store, known: readonly TestImage[]): Promise<void> {
  const images = store.images()
  assert.equal(
    (await readdir(join(store.home, 'images'))).sort(),
    images.map(({ root, state }) => (state === 'complete' ? `${root}` : `${root}.part`)).sort(),
    'files and rows',
  )
  assert.is(new Set(images.map(({ number }) => number)).size, images.length, 'numbers')
  for (const stored of images) {
    const { root, state, path } = stored
    const image = known.find((each) => each.root.equals(root))
    assert.ok(image, `${root} was never given`)
    const stats = await stat(path)
    assert.is(stats.size, image.bytes.length, 'size')
    if (state === 'complete') await checkComplete(store, image, stored)
    else assert.ok((stats.mode & 0o200) !== 0, 'a partial image can be written')
  }
  for (const { hashes } of known) {
    for (const place of store.blocks.find(hashes, 64).flat()) {
      assert.ok(store.imageByNumber(place.image), 'a place in an image that is there')
    }
  }
}

async function checkComplete(store: Store, image: TestImage, { number, path }: StoredImage): Promise<void> {
  assert.ok(Buffer.compare(await readFile(path), image.bytes) === 0, 'bytes of a complete image')
  assert.is((await stat(path)).mode & 0o777, 0o444, 'a complete image is read-only')
  assert.ok(store.table(image.root), 'the table of a complete image')
  const found = store.blocks.find(image.hashes, 64)
  image.offsets.forEach((_, i) => {
    const own = found[i]!.filter((place) => place.image === number)
    assert.is(own.length, 1, 'each block of a complete image is indexed')
    const block = image.bytes.subarray(own[0]!.offset, own[0]!.offset + PAGE)
    const hash = createHash('sha256').update(block).digest()
    assert.ok(hash.equals(image.hashes.subarray(i * 32, i * 32 + 32)), 'and lies where the index says')
  })
}

/** Removes everything, and checks that nothing is left of it. */
export async function checkNothingStays(home: string, known: readonly TestImage[]): Promise<void> {
  // So late that no table bytes are recent.
  const store = await openStore(home, { floorBytes: 0, now: () => Date.now() + 3_600_000 })
  try {
    for (const { root } of store.images()) await store.remove(root)
    await store.gc()
    assert.equal(await readdir(join(home, 'images')), [])
    assert.is(store.blocks.size, 0, 'index')
    assert.equal(store.blocks.sampled(0), [])
    for (const { blobs } of known) {
      for (const { cid } of blobs) assert.is(store.tableBytes(cid), undefined, 'table bytes')
    }
  } finally {
    await store.close()
  }
}

/** Runs `use` with an open store, and closes it whatever happens. */
export async function withStore<T>(
  home: string,
  options: Parameters<typeof openStore>[1],
  use: (store: Store) => Promise<T>,
): Promise<T> {
  const store = await openStore(home, { floorBytes: 0, ...options })
  try {
    return await use(store)
  } finally {
    await store.close()
  }
}

/** Flips a byte in the middle of a file. */
export async function damage(path: string, at: number): Promise<void> {
  const file: FileHandle = await open(path, 'r+')
  try {
    const byte = Buffer.alloc(1)
    await file.read(byte, 0, 1, at)
    byte[0]! ^= 0xff
    await file.write(byte, 0, 1, at)
  } finally {
    await file.close()
  }
}

import { readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { OpenOptions } from '../../../node/store/open.ts'
import type { Store } from '../../../node/store/store.ts'
import { seededRandom } from '../../../protocols/ports.ts'
import { rejectsCode } from '../../support/failures.ts'
import {
  adoptImage,
  checkStore,
  fetchImage,
  imageOf,
  PAGE,
  randomBlocks,
  seededImage,
  type TestImage,
  withStore,
  writeImage,
} from '../../support/stores.ts'
import { withDirectory } from '../../support/temporary.ts'

const PAGES = 16
const SIZE = PAGES * PAGE

function image(seed: number, pages = PAGES): TestImage {
  return imageOf(randomBlocks(seededRandom(seed), pages))
}

const [A, B, C, D] = [image(1), image(2), image(3), image(4)] as const

/** A store with a clock that every image moves on, and a disk that has `diskBytes` for images. */
function withSmallDisk(
  options: OpenOptions & { diskBytes?: number },
  use: (store: Store, home: string) => Promise<void>,
): Promise<void> {
  return withDirectory((home) => {
    const { diskBytes = 1e12, ...rest } = options
    const directory = join(home, 'images')
    const space = { freeBytes: async () => diskBytes - (await usedBytes(directory)) }
    let now = 0
    return withStore(home, { space, now: () => (now += 1_000_000), ...rest }, (store) => use(store, home))
  })
}

async function usedBytes(directory: string): Promise<number> {
  let sum = 0
  for (const name of await readdir(directory)) sum += (await stat(join(directory, name))).blocks * 512
  return sum
}

function held(store: Store): string[] {
  return [A, B, C, D].flatMap(({ root }, i) => (store.image(root) === undefined ? [] : ['ABCD'[i]!]))
}

function rootsOf(...images: TestImage[]): string[] {
  return images.map(({ root }) => root.toString())
}

for (const [bound, options] of [
  ['the quota', { quotaBytes: 3 * SIZE }],
  ['the floor', { diskBytes: 3 * SIZE + 1000, floorBytes: 1000 }],
] as const) {
  test(`${bound}: three images fit to the byte, for the fourth the least recently used goes`, () =>
    withSmallDisk(options, async (store) => {
      for (const each of [A, B, C]) await adoptImage(store, each)
      assert.equal(held(store), ['A', 'B', 'C'])
      store.touch(A.root)
      assert.equal((await store.room(SIZE)).evict.map(String), rootsOf(B))
      await fetchImage(store, D)
      assert.equal(held(store), ['A', 'C', 'D'])
      await checkStore(store, [A, C, D])
    }))

  test(`${bound}: pinned images and those being fetched stay, others go in their place`, () =>
    withSmallDisk(options, async (store) => {
      await adoptImage(store, A)
      await store.setPinned(A.root, true)
      await writeImage((await store.begin(B.table, SIZE)).path, B)
      await adoptImage(store, C)
      assert.equal(await store.room(SIZE), { fits: true, evict: [store.image(C.root)!.root] })
      assert.equal(await store.room(SIZE + 1), { fits: false, evict: [] })
      await adoptImage(store, D)
      assert.equal(held(store), ['A', 'B', 'D'])
      store.release(B.root)
      await store.begin(C.table, SIZE)
      assert.equal(held(store), ['A', 'C', 'D'], 'what was given up may go')
    }))

  test(`${bound}: what cannot fit is NO_SPACE and changes nothing`, () =>
    withSmallDisk(options, async (store, home) => {
      for (const each of [A, B]) await adoptImage(store, each)
      await store.setPinned(A.root, true)
      const before = store.images()
      const failure = await rejectsCode('NO_SPACE', store.begin(C.table, 2 * SIZE + 1))
      assert.is(failure.data.neededBytes, 2 * SIZE + 1)
      await rejectsCode('NO_SPACE', store.temporaryPath(2 * SIZE + 1))
      assert.equal(store.images(), before)
      assert.is((await readdir(join(home, 'images'))).length, 2)
      await checkStore(store, [A, B])
      await store.begin(C.table, 2 * SIZE)
      assert.equal(held(store), ['A', 'C'], 'one byte less fits')
    }))

  test(`${bound}: two fetches do not count on the same bytes`, () =>
    withSmallDisk(options, async (store) => {
      await store.begin(A.table, 2 * SIZE)
      await rejectsCode('NO_SPACE', store.begin(B.table, SIZE + 1))
      await rejectsCode('NO_SPACE', store.temporaryPath(SIZE + 1))
      assert.equal(held(store), ['A'])
      await store.begin(B.table, SIZE)
      await rejectsCode('NO_SPACE', store.begin(C.table, 1))
      store.release(A.root)
      await store.begin(C.table, 2 * SIZE)
    }))

  test(`${bound}: two imports, or an import and a fetch, do not count on the same bytes`, () =>
    withSmallDisk(options, async (store) => {
      const path = await store.temporaryPath(2 * SIZE)
      await rejectsCode('NO_SPACE', store.temporaryPath(SIZE + 1))
      await rejectsCode('NO_SPACE', store.begin(B.table, SIZE + 1))
      await store.begin(B.table, SIZE)
      await rm(path)
      await store.begin(C.table, 2 * SIZE)
    }))

  test(`${bound}: what is promised melts as the file grows, and ends with the image`, () =>
    withSmallDisk(options, async (store) => {
      const begun = await store.begin(A.table, SIZE)
      await writeImage(begun.path, A)
      assert.equal(await store.room(2 * SIZE), { fits: true, evict: [] })
      assert.equal(await store.room(2 * SIZE + 1), { fits: false, evict: [] })
      await store.putTableBytes(A.blobs)
      await store.complete(A.root)
      assert.equal((await store.room(3 * SIZE)).evict.map(String), rootsOf(A))
    }))

  test(`${bound}: beginning the same image twice needs its bytes once`, () =>
    withSmallDisk(options, async (store) => {
      await store.begin(A.table, 3 * SIZE)
      await store.begin(A.table, 3 * SIZE)
      await rejectsCode('NO_SPACE', store.begin(A.table, 3 * SIZE + 1))
      await rejectsCode('NO_SPACE', store.begin(B.table, 1))
    }))

  test(`${bound}: what an earlier run has written counts`, () =>
    withSmallDisk(options, async (store) => {
      await writeImage((await store.begin(A.table, SIZE)).path, A)
      store.release(A.root)
      await adoptImage(store, B)
      await store.setPinned(B.root, true)
      await store.begin(A.table, 2 * SIZE)
      assert.equal(held(store), ['A', 'B'])
      await rejectsCode('NO_SPACE', store.begin(C.table, 1))
    }))
}

test('a file that took more than was said is measured against the quota when it is adopted', () =>
  withSmallDisk({ quotaBytes: 2 * SIZE }, async (store) => {
    await adoptImage(store, A)
    await adoptImage(store, B)
    const big = image(5, 2 * PAGES + 1)
    await store.setPinned(B.root, true)
    const path = await store.temporaryPath(PAGE)
    assert.equal(held(store), ['B'])
    await writeImage(path, big)
    await rejectsCode('NO_SPACE', store.adopt(big.table, path))
    assert.equal(held(store), ['B'])
    assert.is(store.image(big.root), undefined)
    assert.ok(await stat(path), 'the file is left to who brought it')
    await rm(path)
    await adoptImage(store, A)
    assert.equal(held(store), ['A', 'B'])
  }))

test('gc evicts down to a quota that was lowered, and says what it freed', () =>
  withDirectory(async (home) => {
    let now = 0
    const clock = { now: () => (now += 1_000_000) }
    await withStore(home, clock, async (store) => {
      for (const each of [A, B, C, D]) await adoptImage(store, each)
      await store.setPinned(A.root, true)
      assert.is(await store.gc(), 0, 'nothing asks for it')
    })
    await withStore(home, { ...clock, quotaBytes: 2 * SIZE }, async (store) => {
      assert.is(await store.gc(), 2 * SIZE)
      assert.equal(held(store), ['A', 'D'])
      const usage = await store.usage()
      assert.equal([usage.imageBytes, usage.quotaBytes, usage.floorBytes], [2 * SIZE, 2 * SIZE, 0])
      assert.is(usage.indexedBlocks, 2 * PAGES)
      assert.ok(usage.freeBytes > 0 && usage.indexBytes > 0)
    })
    await withStore(home, { quotaBytes: 1 }, async (store) => {
      assert.is(await store.gc(), SIZE)
      assert.equal(held(store), ['A'], 'all that may go, though it is not enough')
    })
  }))

test('gc removes files that an import has left, but not one that is under way', () =>
  withSmallDisk({}, async (store, home) => {
    const path = await store.temporaryPath(SIZE)
    await writeImage(path, A)
    const stray = join(home, 'images', 'import-0123456789abcdef.tmp')
    await writeFile(stray, Buffer.alloc(PAGE, 1))
    assert.is(await store.gc(), PAGE)
    assert.equal(await readdir(join(home, 'images')), [path.split('/').at(-1)!])
    await store.putTableBytes(A.blobs)
    const { number } = await store.adopt(A.table, path)
    await store.blocks.add(number, A.offsets, A.hashes)
    await store.complete(A.root)
    await checkStore(store, [A])
  }))

test('images whose fetch was cut short by a restart may be evicted', () =>
  withDirectory(async (home) => {
    await withStore(home, {}, async (store) => void (await store.begin(A.table, SIZE)))
    await withStore(home, {}, async (store) => {
      await writeImage(store.image(A.root)!.path, A)
    })
    await withStore(home, { quotaBytes: SIZE }, async (store) => {
      await adoptImage(store, seededImage(9, 4))
      assert.equal(held(store), [])
    })
  }))

test.run()

import { readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openStore } from '../../../node/store/open.ts'
import { TABLE_GRACE_MS } from '../../../node/store/tables.ts'
import { seededRandom } from '../../../protocols/ports.ts'
import { rejectsCode } from '../../support/failures.ts'
import {
  adoptImage,
  checkNothingStays,
  checkStore,
  damage,
  imageOf,
  PAGE,
  randomBlocks,
  seededImage,
  type TestImage,
  withStore,
  writeImage,
} from '../../support/stores.ts'
import { withDirectory } from '../../support/temporary.ts'

const A = seededImage(1, 6)
const B = seededImage(2, 9)

test('an image that is begun, written and completed is there after a restart', () =>
  withDirectory(async (home) => {
    await withStore(home, { now: () => 1000 }, async (store) => {
      await store.putTableBytes(A.blobs)
      const begun = await store.begin(A.table, A.dataBytes)
      assert.is(begun.state, 'partial')
      const stats = await stat(begun.path)
      assert.is(stats.size, A.bytes.length)
      assert.ok(stats.blocks * 512 < A.bytes.length, 'sparse')
      await writeImage(begun.path, A)
      await store.blocks.add(begun.number, A.offsets, A.hashes)
      assert.is(store.image(A.root)!.state, 'partial')
      const complete = await store.complete(A.root)
      assert.is(complete.state, 'complete')
      assert.is(complete.number, begun.number)
      assert.equal(store.imageByNumber(begun.number), complete)
      assert.equal(await store.complete(A.root), complete, 'once more does no harm')
      assert.equal(await store.begin(A.table, A.dataBytes), complete, 'nor does beginning what is there')
      await checkStore(store, [A])
    })
    await withStore(home, {}, async (store) => {
      await checkStore(store, [A])
      const { format, imageBytes, zeroBytes, usedAt } = store.image(A.root)!
      assert.equal([format, imageBytes, zeroBytes, usedAt], ['raw', A.bytes.length, PAGE, 1000])
    })
    await checkNothingStays(home, [A])
  }))

test('a partial image is gone on with under its number, and keeps its bytes', () =>
  withDirectory(async (home) => {
    const begun = await withStore(home, {}, async (store) => {
      const image = await store.begin(A.table, A.dataBytes)
      await writeImage(image.path, A)
      assert.equal(await store.begin(A.table, A.dataBytes), image)
      return image
    })
    await withStore(home, {}, async (store) => {
      const again = await store.begin(A.table, A.dataBytes)
      assert.is(again.number, begun.number)
      assert.equal(new Uint8Array(await readFile(again.path)), new Uint8Array(A.bytes))
    })
  }))

test('an adopted file becomes the image; of an image that is there already it is removed', () =>
  withDirectory(async (home) => {
    await withStore(home, {}, async (store) => {
      const first = await adoptImage(store, A)
      const path = await store.temporaryPath(A.dataBytes)
      await writeImage(path, A)
      assert.equal(await store.adopt(A.table, path), first)
      await checkStore(store, [A])
    })
    await checkNothingStays(home, [A])
  }))

test('an adopted file takes the place of what a fetch has left of the image', () =>
  withDirectory((home) =>
    withStore(home, {}, async (store) => {
      const begun = await store.begin(A.table, A.dataBytes)
      store.release(A.root)
      const adopted = await adoptImage(store, A)
      assert.is(adopted.number, begun.number)
      await checkStore(store, [A])
    }),
  ))

test('adopting a file that is not there leaves no image behind', () =>
  withDirectory((home) =>
    withStore(home, {}, async (store) => {
      await rejectsCode('NO_SUCH_FILE', store.adopt(A.table, join(home, 'images', 'import-0123456789abcdef.tmp')))
      assert.equal(store.images(), [])
      assert.equal((await store.room(0)).evict, [])
    }),
  ))

test('a reopened image can be written and completed again', () =>
  withDirectory(async (home) => {
    await withStore(home, {}, async (store) => {
      const image = await adoptImage(store, A)
      const reopened = await store.reopen(A.root)
      assert.is(reopened.state, 'partial')
      assert.is(reopened.number, image.number)
      assert.equal(await store.reopen(A.root), reopened, 'once more does no harm')
      await damage(reopened.path, 10)
      await writeImage(reopened.path, A)
      await store.complete(A.root)
      await checkStore(store, [A])
      await store.reopen(A.root)
    })
    await withStore(home, {}, async (store) => {
      assert.is(store.image(A.root)!.state, 'partial', 'after a restart it still is what it was')
      await store.complete(A.root)
      await checkStore(store, [A])
    })
  }))

test('what is not there is NOT_FOUND, for every call that needs it', () =>
  withDirectory((home) =>
    withStore(home, {}, async (store) => {
      await rejectsCode('NOT_FOUND', store.complete(A.root))
      await rejectsCode('NOT_FOUND', store.reopen(A.root))
      await rejectsCode('NOT_FOUND', store.remove(A.root))
      await rejectsCode('NOT_FOUND', store.setPinned(A.root, true))
      await rejectsCode('NOT_FOUND', store.setNames(A.root, ['a']))
      store.touch(A.root)
      store.release(A.root)
      assert.is(store.image(A.root), undefined)
      assert.is(store.imageByNumber(1), undefined)
      assert.is(store.table(A.root), undefined)
    }),
  ))

test('names, pins and the time of use outlive a restart; a use soon after another is not noted', () =>
  withDirectory(async (home) => {
    let now = 1_000_000
    const options = { now: () => now }
    await withStore(home, options, async (store) => {
      await adoptImage(store, A)
      await adoptImage(store, B)
      await store.setNames(A.root, ['debian', 'web'])
      await store.setPinned(A.root, true)
      now += 59_000
      store.touch(A.root)
      assert.is(store.image(A.root)!.usedAt, 1_000_000)
      now += 1000
      store.touch(A.root)
      assert.is(store.image(A.root)!.usedAt, 1_060_000)
    })
    await withStore(home, options, async (store) => {
      const { names, pinned, usedAt } = store.image(A.root)!
      assert.equal([names, pinned, usedAt], [['debian', 'web'], true, 1_060_000])
      const other = store.image(B.root)!
      assert.equal([other.names, other.pinned, other.usedAt], [[], false, 1_000_000])
      await store.setNames(A.root, ['web'])
      await store.setPinned(A.root, false)
      assert.equal(store.image(A.root)!.names, ['web'])
      assert.is(store.image(A.root)!.pinned, false)
    })
  }))

test('remove tells what it frees and leaves nothing', () =>
  withDirectory(async (home) => {
    await withStore(home, {}, async (store) => {
      const { path } = await adoptImage(store, A)
      const bytes = (await stat(path)).blocks * 512
      assert.ok(bytes >= A.dataBytes)
      assert.is((await store.usage()).imageBytes, bytes)
      assert.is(await store.remove(A.root), bytes)
      assert.equal(store.images(), [])
      assert.equal(store.blocks.find(A.hashes).flat(), [])
      assert.is(store.blocks.size, 0)
      for (const { cid } of A.blobs) assert.is(store.tableBytes(cid), undefined)
      assert.is((await store.usage()).imageBytes, 0)
      assert.equal(await readdir(join(home, 'images')), [])
    })
  }))

test('a new image does not get the number of one that was just removed', () =>
  withDirectory(async (home) => {
    const first = await withStore(home, {}, async (store) => {
      const image = await adoptImage(store, A)
      await store.remove(A.root)
      return image.number
    })
    await withStore(home, {}, async (store) => assert.is((await adoptImage(store, A)).number, first + 1))
  }))

/** Two images with the same first segments. */
function relatedImages(): [TestImage, TestImage] {
  const shared = randomBlocks(seededRandom(5), 700, 64)
  const [one, two] = [6, 7].map((seed) => imageOf([...shared, ...randomBlocks(seededRandom(seed), 40, 64)]))
  const common = one!.blobs.filter(({ cid }) => two!.blobs.some((blob) => blob.cid.equals(cid)))
  assert.ok(common.length > 0, 'they share segments')
  return [one!, two!]
}

test('table bytes of two images outlive the removal of one, and go with the other', () =>
  withDirectory(async (home) => {
    const [one, two] = relatedImages()
    await withStore(home, {}, async (store) => {
      await adoptImage(store, one)
      await adoptImage(store, two)
      await store.remove(one.root)
      await store.gc()
    })
    await withStore(home, {}, async (store) => {
      assert.is(store.tableBytes(one.root), undefined)
      for (const { cid } of two.blobs) assert.ok(store.tableBytes(cid))
      assert.equal(store.table(two.root)?.hashes, two.table.hashes)
      assert.is(store.table(one.root), undefined)
      await store.remove(two.root)
      for (const { cid } of [...one.blobs, ...two.blobs]) assert.is(store.tableBytes(cid), undefined)
    })
  }))

test('an image that is evicted for another leaves the segments that the other shares', () =>
  withDirectory(async (home) => {
    const [one, two] = relatedImages()
    const quotaBytes = Math.ceil(one.bytes.length / PAGE) * PAGE + PAGE
    await withStore(home, { quotaBytes }, async (store) => {
      await adoptImage(store, one)
      // A fetch asks peers only for the segments that are not here.
      await store.putTableBytes(two.blobs.filter(({ cid }) => store.tableBytes(cid) === undefined))
      const begun = await store.begin(two.table, two.dataBytes)
      assert.is(store.image(one.root), undefined, 'it was evicted')
      await writeImage(begun.path, two)
      await store.blocks.add(begun.number, two.offsets, two.hashes)
      await store.complete(two.root)
    })
    await withStore(home, {}, async (store) => assert.ok(store.table(two.root), 'the table is whole after a restart'))
  }))

test('table bytes that just came stay in gc, and go when nobody has used them', () =>
  withDirectory((home) => {
    let now = 1_000_000
    return withStore(home, { now: () => now }, async (store) => {
      await store.putTableBytes(A.blobs)
      now += TABLE_GRACE_MS - 1
      await store.gc()
      for (const { cid } of A.blobs) assert.ok(store.tableBytes(cid))
      now += 1
      await store.gc()
      for (const { cid } of A.blobs) assert.is(store.tableBytes(cid), undefined)
    })
  }))

test('damaged table bytes do not keep an image from being removed whole', () =>
  withDirectory((home) =>
    withStore(home, {}, async (store) => {
      const broken = A.blobs[1]!
      const bytes = Uint8Array.from(broken.bytes)
      bytes[bytes.length - 1]! ^= 1
      await store.putTableBytes([{ cid: broken.cid, bytes }])
      await adoptImage(store, A)
      assert.is(store.blocks.size, 6)
      await store.remove(A.root)
      assert.is(store.blocks.size, 0)
      assert.is(store.tableBytes(broken.cid), undefined)
    }),
  ))

test('strays of ours go at a start, and what is not ours stays', () =>
  withDirectory(async (home) => {
    await withStore(home, {}, (store) => adoptImage(store, A))
    const images = join(home, 'images')
    const stray = 'import-0123456789abcdef.tmp'
    for (const name of [stray, `${B.root}`, `${B.root}.part`, 'notes.txt']) await writeFile(join(images, name), 'x')
    await symlink('/nowhere/at/all', join(images, 'link'))
    await withStore(home, {}, async () => {
      assert.equal((await readdir(images)).sort(), [`${A.root}`, 'link', 'notes.txt'].sort())
    })
  }))

test('calls after close are refused, and close may be called again', () =>
  withDirectory(async (home) => {
    const store = await openStore(home, { floorBytes: 0 })
    const adopting = adoptImage(store, A).catch(() => {})
    const adding = store.blocks.add(1, A.offsets, A.hashes)
    await store.close()
    await adding
    await adopting
    await store.close()
    await rejectsCode('CANCELLED', store.gc())
    await rejectsCode('CANCELLED', store.begin(A.table, 0))
    await withStore(home, {}, (again) => checkStore(again, [A]))
  }))

test('rows of others are kept, listed by prefix in order, and bounded in the length of their keys', () =>
  withDirectory(async (home) => {
    await withStore(home, {}, async (store) => {
      for (const key of ['want/b', 'want/a', 'record/ä', 'wanu', 'want', 'k'.repeat(1024)]) {
        await store.put(key, Buffer.from(key))
      }
      await store.put('want/a', Uint8Array.of(1))
      await store.delete('want/none')
      await rejectsCode('BAD_MESSAGE', store.put('', new Uint8Array(1)))
      await rejectsCode('BAD_MESSAGE', store.put('k'.repeat(1025), new Uint8Array(1)))
    })
    await withStore(home, {}, async (store) => {
      assert.equal(
        store.list('want/').map(({ key }) => key),
        ['want/a', 'want/b'],
      )
      assert.equal(store.get('want/a'), Uint8Array.of(1))
      assert.is(store.get('want/c'), undefined)
      assert.is(store.list('').length, 6)
      assert.equal(Buffer.from(store.get('record/ä')!).toString(), 'record/ä')
      await store.delete('want/a')
      assert.is(store.get('want/a'), undefined)
      assert.is(store.tableBytes(CID.parse(`${A.root}`)), undefined)
    })
  }))

test.run()

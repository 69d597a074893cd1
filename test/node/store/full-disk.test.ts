/** On a real file system that is really full: a small tmpfs, where this user may mount one. */
import { execFileSync } from 'node:child_process'
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openStore } from '../../../node/store/open.ts'
import { seededRandom } from '../../../protocols/ports.ts'
import { rejectsCode } from '../../support/failures.ts'
import { adoptImage, checkStore, imageOf, randomBlocks, seededImage, withStore } from '../../support/stores.ts'
import { withDirectory } from '../../support/temporary.ts'
import { testWhere } from '../../support/tools.ts'

const DISK = 'size=24m'
const [A, B] = [seededImage(1, 20), seededImage(2, 30)]
const BIG = imageOf(randomBlocks(seededRandom(3), 300))

function withDisk(use: (disk: string) => Promise<void>): Promise<void> {
  return withDirectory(async (directory) => {
    const disk = join(directory, 'disk')
    await mkdir(disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', DISK, 'tmpfs', disk], { stdio: 'ignore' })
    try {
      await use(disk)
    } finally {
      execFileSync('umount', [disk])
    }
  })
}

/** Leaves so many bytes of the disk. */
async function fill(disk: string, leftBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(disk)
  await writeFile(join(disk, 'filling'), Buffer.alloc(Math.max(0, bavail * bsize - leftBytes), 1))
}

const mountable = await withDisk(async () => {}).then(
  () => true,
  () => false,
)
const testOnDisk = testWhere(mountable ? undefined : 'missing here: the right to mount a disk')

for (const leftBytes of [0, 4096, 8192, 12_288, 20_480, 65_536, 400_000]) {
  testOnDisk(`a new home on a disk with ${leftBytes} bytes is NO_SPACE, and opens when there is room`, () =>
    withDisk(async (disk) => {
      await fill(disk, leftBytes)
      const home = join(disk, 'home')
      try {
        await (await openStore(home, { floorBytes: 0 })).close()
        assert.ok(leftBytes > 300_000, 'it has room enough')
      } catch (error) {
        if ((error as { code?: string }).code !== 'NO_SPACE') throw error
      }
      await rm(join(disk, 'filling'))
      await withStore(home, {}, (store) => adoptImage(store, A).then(() => checkStore(store, [A])))
    }),
  )
}

for (const leftBytes of [0, 4096, 65_536, 900_000]) {
  testOnDisk(`${leftBytes} bytes left: changes are NO_SPACE, what is complete stays, and all goes on with room`, () =>
    withDisk(async (disk) => {
      const home = join(disk, 'home')
      const store = await openStore(home, { floorBytes: 0 })
      try {
        await adoptImage(store, A)
        await fill(disk, leftBytes)
        await rejectsCode('NO_SPACE', store.put('want/a', new Uint8Array(100_000)))
        await rejectsCode('NO_SPACE', store.putTableBytes(B.blobs))
        await rejectsCode('NO_SPACE', store.blocks.add(1, B.offsets, B.hashes))
        await rejectsCode('NO_SPACE', store.begin(BIG.table, BIG.dataBytes))
        await rejectsCode('NO_SPACE', store.begin(B.table, 0))
        await rejectsCode('NO_SPACE', store.temporaryPath(BIG.dataBytes))
        await rejectsCode('NO_SPACE', store.setNames(A.root, ['a']))
        await rejectsCode('NO_SPACE', store.setPinned(A.root, true))
        await rejectsCode('NO_SPACE', store.reopen(A.root))
        const { names, pinned, state } = store.image(A.root)!
        assert.equal([names, pinned, state], [[], false, 'complete'])
        assert.is(store.images().length, 1)
        await checkStore(store, [A])
        await rm(join(disk, 'filling'))
        await adoptImage(store, B)
        await checkStore(store, [A, B])
      } finally {
        await store.close()
      }
      await withStore(home, {}, (again) => checkStore(again, [A, B]))
    }),
  )
}

testOnDisk('a store on a full disk opens, and what is removed there makes room', () =>
  withDisk(async (disk) => {
    const home = join(disk, 'home')
    await withStore(home, {}, async (store) => {
      await adoptImage(store, A)
      await adoptImage(store, BIG)
    })
    await fill(disk, 0)
    await withStore(home, {}, async (store) => {
      await checkStore(store, [A, BIG])
      assert.ok((await store.remove(BIG.root)) >= BIG.dataBytes)
      await checkStore(store, [A])
      assert.is(store.image(BIG.root), undefined)
      assert.is(store.blocks.find(BIG.hashes).flat().length, 0)
    })
    await withStore(home, {}, (store) => checkStore(store, [A, BIG]))
  }),
)

testOnDisk('files that an import has left on a full disk go at the start', () =>
  withDisk(async (disk) => {
    const home = join(disk, 'home')
    await withStore(home, {}, async (store) => {
      await store.begin(A.table, A.dataBytes)
      await writeFile(store.image(A.root)!.path, '')
    })
    const { bavail, bsize } = await statfs(disk)
    await writeFile(join(home, 'images', 'import-0123456789abcdef.tmp'), Buffer.alloc(bavail * bsize))
    await withStore(home, {}, (store) => adoptImage(store, B).then(() => checkStore(store, [A, B])))
  }),
)

test.run()

import { rename } from 'node:fs/promises'
import { open } from 'lmdb'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { TABLES_DATABASE, Tables } from '../../../node/store/tables.ts'
import { checkStore, seededImage, withStore, writeImage } from '../../support/stores.ts'
import { withDirectory } from '../../support/temporary.ts'

const A = seededImage(1, 6)

test('table bytes that are put while they are being removed are there afterwards', () =>
  withDirectory(async (path) => {
    const environment = open({ path, maxDbs: 1 })
    try {
      const tables = new Tables(environment.openDB<Uint8Array, Uint8Array>(TABLES_DATABASE), () => 0)
      await tables.put(A.blobs)
      await Promise.all([tables.removeImage(A.root, []), tables.put(A.blobs)])
      for (const { cid, bytes } of A.blobs) assert.equal(tables.bytes(cid), new Uint8Array(bytes))
    } finally {
      await environment.close()
    }
  }))

test('an image that had its final name when the process ended is complete and read-only', () =>
  withDirectory(async (home) => {
    await withStore(home, {}, async (store) => {
      await store.putTableBytes(A.blobs)
      const { path, number } = await store.begin(A.table, A.dataBytes)
      await writeImage(path, A)
      await store.blocks.add(number, A.offsets, A.hashes)
      await rename(path, path.replace('.part', ''))
    })
    await withStore(home, {}, async (store) => {
      assert.is(store.image(A.root)!.state, 'complete')
      await checkStore(store, [A])
    })
  }))

test.run()

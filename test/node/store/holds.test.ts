/** Images in use are neither evicted nor removed, until the last who uses one lets go. */
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../../protocols/ports.ts'
import { rejectsCode } from '../../support/failures.ts'
import { adoptImage, checkStore, imageOf, PAGE, randomBlocks, withStore } from '../../support/stores.ts'
import { withDirectory } from '../../support/temporary.ts'

const PAGES = 8
const SIZE = PAGES * PAGE
const image = (seed: number) => imageOf(randomBlocks(seededRandom(seed), PAGES))
const [A, B, C] = [image(1), image(2), image(3)] as const

function withTwo(use: Parameters<typeof withStore>[2]): Promise<void> {
  return withDirectory((home) => {
    let now = 0
    return withStore(home, { quotaBytes: 2 * SIZE, now: () => (now += 1_000_000) }, async (store) => {
      for (const each of [A, B]) await adoptImage(store, each)
      await use(store)
    })
  })
}

test('eviction takes another one, or nothing', () =>
  withTwo(async (store) => {
    const letGo = await store.hold(A.root)
    assert.equal((await store.room(SIZE)).evict.map(String), [B.root.toString()], 'A is the older one')
    const letGoB = await store.hold(B.root)
    await rejectsCode('NO_SPACE', store.begin(C.table, SIZE))
    assert.is(await store.gc(), 0)
    letGo()
    await adoptImage(store, C)
    assert.is(store.image(A.root), undefined)
    letGoB()
    await checkStore(store, [B, C])
  }))

test('removal is refused until the last has let go, each once', () =>
  withTwo(async (store) => {
    const first = await store.hold(A.root)
    const second = await store.hold(A.root)
    await rejectsCode('IN_USE', store.remove(A.root))
    first()
    first()
    await rejectsCode('IN_USE', store.remove(A.root))
    second()
    assert.ok((await store.remove(A.root)) > 0)
    first()
    await rejectsCode('NOT_FOUND', store.hold(A.root))
  }))

test('only what is complete can be held, and a hold ends with the store', () =>
  withDirectory(async (home) => {
    await withStore(home, {}, async (store) => {
      await store.begin(A.table, SIZE)
      await rejectsCode('NOT_FOUND', store.hold(A.root))
      await rejectsCode('NOT_FOUND', store.hold(B.root))
      await adoptImage(store, B)
      await store.hold(B.root)
    })
    await withStore(home, {}, async (store) => {
      assert.ok(store.image(B.root)?.path.startsWith(join(home, 'images')))
      await store.remove(B.root)
    })
  }))

test('of a hold and an eviction at the same moment, one wins', () =>
  withTwo(async (store) => {
    const [evicting, holding] = await Promise.allSettled([adoptImage(store, C), store.hold(A.root)])
    assert.is(evicting.status, 'fulfilled')
    const there = store.image(A.root) !== undefined
    assert.is(holding.status, there ? 'fulfilled' : 'rejected')
    await checkStore(store, [A, B, C])
  }))

test.run()

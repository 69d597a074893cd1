import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openStore } from '../../../node/store/open.ts'
import type { Store } from '../../../node/store/store.ts'
import { adoptImage, checkNothingStays, checkStore, fetchImage, seededImage, writeImage } from '../../support/stores.ts'
import { withDirectory } from '../../support/temporary.ts'

const STEPS = [
  'begun',
  'adopted',
  'reopened',
  'synced',
  'flushed',
  'renamed',
  'removing',
  'unlinked',
  'dropped',
  'index',
]
const [A, B, C] = [seededImage(1, 5), seededImage(2, 6), seededImage(3, 7)] as const
const KNOWN = [A, B, C]

/** A life of a store with every change that there is. It can be gone through again from wherever it stopped. */
async function life(store: Store): Promise<void> {
  await adoptImage(store, A)
  await fetchImage(store, B)
  const { path } = await store.reopen(A.root)
  await writeImage(path, A)
  await store.complete(A.root)
  await adoptImage(store, C)
  await store.remove(B.root)
  await store.begin(B.table, B.dataBytes)
  await store.remove(B.root)
  await fetchImage(store, B)
}

class Crash extends Error {}

/** Lives until the step with this index, and does not do anything more after it. @returns the steps that were done */
async function liveUntil(home: string, last: number): Promise<string[]> {
  const done: string[] = []
  const step = (name: string) => {
    if (done.length > last) throw new Crash(name)
    done.push(name)
    if (done.length > last) throw new Crash(name)
  }
  const store = await openStore(home, { floorBytes: 0, step })
  try {
    await life(store)
  } catch (error) {
    if (!(error instanceof Error) || !hasCause(error)) throw error
  } finally {
    // What was still in memory is written at the end, which is a step too.
    await store.close().catch((error: Error) => {
      if (!hasCause(error)) throw error
    })
  }
  return done
}

function hasCause(error: Error): boolean {
  return error instanceof Crash || (error.cause instanceof Error && hasCause(error.cause))
}

let steps: string[] = []

test('an undisturbed life goes through every step, and ends with everything in place', () =>
  withDirectory(async (home) => {
    steps = await liveUntil(home, Number.POSITIVE_INFINITY)
    assert.equal([...new Set(steps)].sort(), [...STEPS].sort())
    const store = await openStore(home, { floorBytes: 0 })
    await checkStore(store, KNOWN)
    assert.is(store.images().filter(({ state }) => state === 'complete').length, 3)
    await store.close()
    await checkNothingStays(home, KNOWN)
  }))

test('a crash at any step leaves a store that opens, is right, can be gone on with and emptied', async () => {
  assert.ok(steps.length > 20)
  for (let last = 0; last < steps.length; last++) {
    const at = `step ${last}, ${steps[last]}`
    await withDirectory(async (home) => {
      assert.equal(await liveUntil(home, last), steps.slice(0, last + 1), at)
      try {
        const store = await openStore(home, { floorBytes: 0 })
        try {
          await checkStore(store, KNOWN)
          // Two times of three it is emptied as the crash has left it.
          if (last % 3 === 0) {
            await life(store)
            await checkStore(store, KNOWN)
            assert.is(store.images().filter(({ state }) => state === 'complete').length, 3)
          }
        } finally {
          await store.close()
        }
        await checkNothingStays(home, KNOWN)
      } catch (error) {
        console.error(`after a crash at ${at}`)
        throw error
      }
    })
  }
})

test('a removal that a failure has stopped is out of sight, and the image can be had again', () =>
  withDirectory(async (home) => {
    let failing = false
    const step = (name: string) => {
      if (failing && name === 'unlinked') throw new Error('the disk has a bad day')
    }
    const store = await openStore(home, { floorBytes: 0, step })
    try {
      for (const image of KNOWN) await adoptImage(store, image)
      failing = true
      for (const { root } of KNOWN) await store.remove(root).catch(() => {})
      failing = false
      assert.equal(store.images(), [])
      assert.is(store.image(A.root), undefined)
      assert.equal(store.blocks.find(A.hashes).flat(), [])
      await fetchImage(store, A)
      await adoptImage(store, B)
      assert.is(store.images().length, 2)
      await store.gc()
      assert.is(store.blocks.size, 11, 'gc has ended the third removal')
      await checkStore(store, KNOWN)
    } finally {
      await store.close()
    }
    const again = await openStore(home, { floorBytes: 0 })
    await checkStore(again, KNOWN)
    assert.is(again.images().length, 2)
    await again.close()
  }))

test.run()

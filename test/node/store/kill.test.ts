import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../../protocols/ports.ts'
import { integer } from '../../support/seeds.ts'
import { ROOT } from '../../support/sources.ts'
import { childImages } from '../../support/store-child.ts'
import { checkNothingStays, checkStore, withStore } from '../../support/stores.ts'
import { withDirectory } from '../../support/temporary.ts'

const CHILD = join(ROOT, 'test', 'support', 'store-child.ts')
const ROUNDS = 8

test('kill -9 at any moment leaves a store that opens and is right', () =>
  withDirectory(async (directory) => {
    const home = join(directory, 'home')
    const seed = Number(process.env.HOTBLOCK_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
    const random = seededRandom(seed)
    const known = childImages()
    let images = 0
    for (let round = 0; round < ROUNDS; round++) {
      try {
        await liveAndDie(home, random)
        await withStore(home, {}, async (store) => {
          await checkStore(store, known)
          images += store.images().length
        })
      } catch (error) {
        // The moments are not the same again, but the changes are.
        console.error(`failed in round ${round} with seed ${seed}: run again with HOTBLOCK_TEST_SEED=${seed}`)
        throw error
      }
    }
    assert.ok(images > 0, `the process came to do something (seed ${seed})`)
    await checkNothingStays(home, known)
  }))

/** Starts a process on the home and kills it, some moments after it has opened the store; once in five while it opens. */
async function liveAndDie(home: string, random: () => number): Promise<void> {
  const child = spawn(process.execPath, [CHILD, home, String(integer(random, 0, 2 ** 31))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  const opened = once(createInterface({ input: child.stdout }), 'line')
  if (random() < 0.2) await Promise.race([sleep(integer(random, 150, 500)), opened])
  else {
    await Promise.race([opened, ended])
    await sleep(integer(random, 0, 300))
  }
  child.kill('SIGKILL')
  const [status, signal] = await ended
  assert.equal([status, signal], [null, 'SIGKILL'], 'it lived until it was killed')
}

test.run()

import { setTimeout } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { collectNowAndThen, letGo } from '../../node/garbage.ts'

test('a large buffer of its own is given back at once, also twice', () => {
  for (const bytes of [new Uint8Array(1024 * 1024), Buffer.allocUnsafe(2 * Buffer.poolSize).subarray(10)]) {
    letGo(bytes)
    letGo(bytes)
    assert.is(bytes.length, 0)
  }
})

test('what shares the pool of Node with others is left alone', () => {
  const neighbour = Buffer.from('neighbour')
  const pooled = Buffer.allocUnsafe(100)
  assert.is(pooled.buffer, neighbour.buffer)
  letGo(pooled)
  letGo(Buffer.alloc(Buffer.poolSize))
  assert.is(neighbour.toString(), 'neighbour')
  assert.is(Buffer.from('later').toString(), 'later')
})

test('what only the start needed is collected a moment later', async () => {
  const registry = new FinalizationRegistry(() => {
    collected = true
  })
  let collected = false
  registry.register({ of: 'the start' }, undefined)
  const end = collectNowAndThen(10)
  for (let i = 0; i < 100 && !collected; i++) await setTimeout(10)
  end()
  assert.ok(collected)
})

test.run()

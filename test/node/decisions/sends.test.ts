import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { COUNTED_MAX, SendCounts } from '../../../node/decisions/sends.ts'

test('a frame has one count, whoever asks for it', () => {
  const counts = new SendCounts()
  counts.of(1).count++
  counts.of(2)
  assert.is(counts.of(1).count, 1)
  assert.is(counts.of(2).count, 0)
})

test('what peers ask for does not fill the memory: beyond a bound all begin anew', () => {
  const counts = new SendCounts()
  for (let frame = 0; frame < COUNTED_MAX; frame++) counts.of(frame).count++
  const held = counts.of(0)
  assert.is(held.count, 1)
  counts.of(COUNTED_MAX)
  assert.is(counts.of(0).count, 0)
  // Whoever holds an old count may go on with it.
  held.count++
  assert.is(counts.of(0).count, 0)
})

test.run()

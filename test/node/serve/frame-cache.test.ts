import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FrameCache } from '../../../node/serve/frame-cache.ts'
import type { ServedFrame } from '../../../protocols/blocks/server.ts'

const BYTES = 1024

function frame(bytes: number, missing?: Uint8Array): ServedFrame {
  return { encoding: 0, payload: new Uint8Array(bytes), missing }
}

test('a frame comes back under its key, and only there', () => {
  const cache = new FrameCache(BYTES)
  const kept = frame(1)
  cache.put('a', kept)
  assert.is(cache.get('a'), kept)
  assert.is(cache.get('b'), undefined)
})

test('a frame that lacks blocks is not kept: they may be here the next time', () => {
  const cache = new FrameCache(BYTES)
  cache.put('a', frame(1, Uint8Array.of(1)))
  assert.is(cache.get('a'), undefined)
})

test('what was used longest ago goes when the bytes are too many', () => {
  const cache = new FrameCache(BYTES)
  for (const key of ['a', 'b', 'c', 'd']) cache.put(key, frame(BYTES / 4))
  cache.get('a')
  cache.put('e', frame(1))
  assert.ok(cache.get('a') && cache.get('c') && cache.get('d') && cache.get('e'))
  assert.is(cache.get('b'), undefined)
})

test('the same frame twice counts once, and one that is larger than all is not kept', () => {
  const cache = new FrameCache(BYTES)
  for (let i = 0; i < 10; i++) cache.put('a', frame(BYTES / 2))
  cache.put('b', frame(BYTES / 2))
  assert.ok(cache.get('a') && cache.get('b'))
  cache.put('c', frame(BYTES + 1))
  assert.is(cache.get('c'), undefined)
})

test.run()

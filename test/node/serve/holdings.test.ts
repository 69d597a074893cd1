import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { gather } from '../../../node/serve/gather.ts'
import { Holdings } from '../../../node/serve/holdings.ts'
import { unpackBits } from '../../../protocols/bits.ts'
import { rootOf } from '../../support/records.ts'

test('an image is held whole, in part or not at all', () => {
  const holdings = new Holdings((root) => root.equals(rootOf(1)))
  holdings.begin(rootOf(2), 5).note([0, 4], [2])
  assert.is(holdings.of(rootOf(1)).holds, 'all')
  const part = holdings.of(rootOf(2))
  assert.equal([part.holds, part.pieces], ['some', 5])
  assert.equal([...unpackBits(part.held, 5)], [1, 0, 0, 0, 1])
  assert.equal([...unpackBits(part.getting, 5)], [0, 0, 1, 0, 0])
  assert.is(holdings.of(rootOf(3)).holds, 'none')
  holdings.end(rootOf(2))
  assert.is(holdings.of(rootOf(2)).holds, 'none')
})

test('who subscribed hears of news once, also of a fetch that begins later, until it leaves', () => {
  const holdings = new Holdings(() => false)
  const heard: number[][] = []
  const leave = holdings.of(rootOf(1)).subscribe((held) => heard.push(held))
  const first = holdings.begin(rootOf(1), 3)
  first.note([1], [])
  holdings.end(rootOf(1))
  const second = holdings.begin(rootOf(1), 3)
  second.note([2], [])
  leave()
  second.note([0], [])
  assert.equal(heard, [[1], [2]])
  assert.is(second.listeners.size, 0)
})

test('hashes are gathered in the order of their indexes', () => {
  const hashes = Uint8Array.from({ length: 96 }, (_, i) => i >> 5)
  assert.equal([...gather(hashes, [2, 0]).filter((_, i) => i % 32 === 0)], [2, 0])
  assert.is(gather(hashes, []).length, 0)
})

test.run()

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { KEPT_PIECES_MAX, SPREAD_MS, Spread } from '../../../node/decisions/spread.ts'

test('a piece is given to one worker, and to it again', () => {
  const spread = new Spread()
  assert.is(spread.grant(0, 'a', [1, 2], []), undefined)
  assert.is(spread.grant(1, 'a', [1], []), undefined)
  assert.equal(spread.grant(1, 'b', [1], []), [])
  assert.equal(spread.grant(1, 'b', [2], []), [])
  assert.is(spread.grant(1, 'b', [3], []), undefined)
})

test('after a while, or when the worker went, another one can have it', () => {
  const spread = new Spread()
  spread.grant(0, 'a', [1], [])
  assert.equal(spread.grant(SPREAD_MS - 1, 'b', [1], []), [])
  assert.is(spread.grant(SPREAD_MS, 'b', [1], []), undefined)
  spread.left('b')
  assert.is(spread.grant(SPREAD_MS, 'c', [1], []), undefined)
})

test('who is sent away has a few of its wishes kept, those that nobody was given', () => {
  const spread = new Spread()
  spread.grant(0, 'a', [1, 2, 3], [])
  const kept = spread.grant(0, 'b', [1], [2, 9, 3, 8, 7])
  assert.equal(kept, [9, 8])
  assert.is(KEPT_PIECES_MAX, 2)
  assert.equal(spread.grant(0, 'c', [9], [8, 7]), [7], 'what is kept for one is not for others')
  assert.is(spread.grant(0, 'b', [9], []), undefined)
})

test('who asks for nothing is not sent away', () => {
  assert.is(new Spread().grant(0, 'a', [], [1]), undefined)
})

test.run()

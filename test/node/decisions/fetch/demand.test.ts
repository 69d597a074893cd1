import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Demand } from '../../../../node/decisions/fetch/demand.ts'
import { REQUEST_BLOCKS_MAX, REQUEST_BYTES_MAX, REQUEST_BYTES_MIN } from '../../../../node/decisions/fetch/limits.ts'
import { integer, withSeeds } from '../../../support/seeds.ts'
import { evenItems, itemsOf, randomItems } from './helpers.ts'

const any = (): boolean => true

function wantAll(demand: Demand): Demand {
  for (let item = 0; item < demand.items.lengths.length; item++) demand.want(item)
  return demand
}

test('an image without blocks wants nothing', () => {
  const demand = new Demand({ lengths: new Uint32Array(0), pieces: new Uint32Array(0), pieceCount: 0 })
  assert.equal([demand.wanted, demand.asked, demand.openCount], [0, 0, 0])
})

test('a request is at most a frame of bytes', () => {
  const blocks = REQUEST_BYTES_MAX / 65_536
  const demand = wantAll(new Demand(evenItems(3 * blocks, 3 * blocks)))
  assert.equal(demand.take(0, any, any), itemsOf(0, blocks))
  const odd = wantAll(new Demand(evenItems(3 * blocks, 3 * blocks, 65_537)))
  assert.is(odd.take(0, any, any).length, blocks - 1)
})

test('a request is at most so many blocks', () => {
  const demand = wantAll(new Demand(evenItems(REQUEST_BLOCKS_MAX + 1, REQUEST_BLOCKS_MAX + 1, 1)))
  assert.is(demand.take(0, any, any).length, REQUEST_BLOCKS_MAX)
})

test('a block as long as a frame is a request of its own', () => {
  const demand = wantAll(new Demand(evenItems(3, 3, REQUEST_BYTES_MAX)))
  assert.equal(demand.take(0, any, any), [0])
})

test('a small request goes on into the next pieces, one that is large enough does not', () => {
  const small = wantAll(new Demand(evenItems(8, 2, REQUEST_BYTES_MIN / 4)))
  assert.equal(small.take(0, any, any), [0, 1, 2, 3])
  assert.equal(
    small.take(0, any, (piece) => piece !== 1),
    [0, 1],
    'only where it may',
  )
  const large = wantAll(new Demand(evenItems(8, 2, REQUEST_BYTES_MIN / 2)))
  assert.equal(large.take(1, any, any), [2, 3])
})

test('whichever piece of a group is asked for, it is the same request: one frame serves all who lack the same', () => {
  const items = evenItems(40, 2, REQUEST_BYTES_MIN / 8)
  for (const piece of [0, 1, 2, 3]) {
    assert.equal(wantAll(new Demand(items)).take(piece, any, any), itemsOf(0, 8))
  }
  const sparse = new Demand(items)
  for (const item of [1, 9, 10, 38]) sparse.want(item)
  for (const piece of [0, 5, 19]) assert.equal(sparse.take(piece, any, any), [1, 9, 10, 38])
  assert.is(sparse.leader(19), 0)
})

test('groups are cut by what is wanted at first: what has come since does not move them', () => {
  const demand = wantAll(new Demand(evenItems(16, 2, REQUEST_BYTES_MIN / 8)))
  assert.equal(demand.take(5, any, any), itemsOf(8, 16))
  for (const item of itemsOf(0, 6)) demand.done(item)
  assert.equal(demand.take(5, any, any), itemsOf(8, 16))
  assert.equal(demand.take(3, any, any), [6, 7])
})

test('a request begins with the first wanted block of the piece, so that nodes ask for the same frames', () => {
  const demand = wantAll(new Demand(evenItems(8, 8)))
  demand.ask(0)
  demand.done(3)
  assert.equal(demand.take(0, any, any), [1, 2, 4, 5, 6, 7])
  assert.equal(
    demand.take(0, (item) => item % 2 === 0, any),
    [2, 4, 6],
  )
})

test('an item that two peers owe is wanted again only when neither will deliver', () => {
  const demand = wantAll(new Demand(evenItems(1, 1)))
  demand.ask(0)
  demand.ask(0)
  assert.is(demand.askers(0), 2)
  assert.not(demand.unask(0))
  assert.ok(demand.isAsked(0))
  assert.ok(demand.unask(0))
  assert.ok(demand.isWanted(0))
  assert.is(demand.openCount, 1)
})

test('an item that came and is wanted anew is not owed by those who were asked before', () => {
  const demand = wantAll(new Demand(evenItems(1, 1)))
  demand.ask(0)
  demand.done(0)
  demand.want(0)
  demand.ask(0)
  assert.ok(demand.unask(0), 'the one peer that was asked since will not deliver')
})

test('counts, open pieces and states agree, whatever happens', () => {
  withSeeds(100, (random) => {
    const items = randomItems(random)
    const demand = new Demand(items)
    const count = items.lengths.length
    const state = new Array<'idle' | 'wanted' | 'asked'>(count).fill('idle')
    const askers = new Array<number>(count).fill(0)
    for (let i = 0; i < 600 && count > 0; i++) {
      const item = integer(random, 0, count - 1)
      const dice = random()
      if (dice < 0.4) {
        demand.want(item)
        if (state[item] === 'idle') {
          state[item] = 'wanted'
          askers[item] = 0
        }
      } else if (dice < 0.65 && state[item] !== 'idle') {
        demand.ask(item)
        state[item] = 'asked'
        askers[item]!++
      } else if (dice < 0.8 && state[item] === 'asked') {
        if (--askers[item]! === 0) state[item] = 'wanted'
        assert.is(demand.unask(item), state[item] === 'wanted')
      } else if (dice > 0.9) {
        assert.is(demand.done(item), state[item] !== 'idle')
        state[item] = 'idle'
      }
    }
    const are = (what: string): number[] => itemsOf(0, count).filter((item) => state[item] === what)
    assert.is(demand.wanted, are('wanted').length)
    assert.is(demand.asked, are('asked').length)
    assert.is(
      demand.wantedBytes,
      are('wanted').reduce((sum, item) => sum + items.lengths[item]!, 0),
    )
    const open = new Set(are('wanted').map((item) => items.pieces[item]!))
    assert.equal(new Set(itemsOf(0, demand.openCount).map((at) => demand.openPiece(at))), open)
    for (const piece of open) {
      assert.ok(demand.isOpen(piece) && !demand.pieceDone(piece))
      const taken = demand.take(piece, any, any)
      assert.ok(taken.length > 0 && taken.length <= REQUEST_BLOCKS_MAX)
      assert.ok(taken.every((item) => state[item] === 'wanted'))
      assert.ok(taken.reduce((sum, item) => sum + items.lengths[item]!, 0) <= REQUEST_BYTES_MAX)
      assert.is(new Set(taken).size, taken.length)
    }
  })
})

test.run()

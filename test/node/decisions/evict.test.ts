import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  chooseEvictions,
  type EvictionBounds,
  type EvictionCandidate,
  evictionOrder,
} from '../../../node/decisions/evict.ts'
import { integer, withSeeds } from '../../support/seeds.ts'

function image(root: string, changes: Partial<EvictionCandidate> = {}): EvictionCandidate {
  return { root, bytes: 100, pinned: false, fetching: false, named: true, usedAt: 0, ...changes }
}

const NO_BOUNDS: EvictionBounds = { quotaBytes: undefined, freeBytes: 1e15, floorBytes: 0 }

test('the least recently used goes first, then what has no name, then by root', () => {
  const images = [
    image('d', { usedAt: 2 }),
    image('c', { usedAt: 1 }),
    image('b', { usedAt: 1, named: false }),
    image('a', { usedAt: 1 }),
  ]
  assert.equal(
    evictionOrder(images).map(({ root }) => root),
    ['b', 'a', 'c', 'd'],
  )
})

test('pinned images and those under way stay, whatever is asked', () => {
  const images = [image('a', { pinned: true }), image('b', { fetching: true }), image('c')]
  const bounds = { ...NO_BOUNDS, quotaBytes: 300 }
  assert.equal(chooseEvictions(images, 100, bounds), { fits: true, evict: ['c'] })
  assert.equal(chooseEvictions(images, 101, bounds), { fits: false, evict: [] })
})

test('what fits to the byte evicts nothing, one byte more evicts one', () => {
  const images = [image('a'), image('b', { usedAt: 1 })]
  assert.equal(chooseEvictions(images, 100, { ...NO_BOUNDS, quotaBytes: 300 }), { fits: true, evict: [] })
  assert.equal(chooseEvictions(images, 101, { ...NO_BOUNDS, quotaBytes: 300 }), { fits: true, evict: ['a'] })
  const disk = { quotaBytes: undefined, freeBytes: 150, floorBytes: 50 }
  assert.equal(chooseEvictions(images, 100, disk), { fits: true, evict: [] })
  assert.equal(chooseEvictions(images, 101, disk), { fits: true, evict: ['a'] })
  assert.equal(chooseEvictions(images, 201, disk), { fits: true, evict: ['a', 'b'] })
})

test('what cannot fit evicts nothing in vain', () => {
  assert.equal(chooseEvictions([image('a'), image('b')], 301, { ...NO_BOUNDS, quotaBytes: 300 }), {
    fits: false,
    evict: [],
  })
})

test('a quota that was lowered below what is there makes room even for nothing', () => {
  assert.equal(chooseEvictions([image('a'), image('b', { usedAt: 1 })], 0, { ...NO_BOUNDS, quotaBytes: 150 }), {
    fits: true,
    evict: ['a'],
  })
})

test('the answer is the shortest beginning of the order that is enough', () => {
  withSeeds(300, (random) => {
    const images = Array.from({ length: integer(random, 0, 12) }, (_, i) =>
      image(`r${i}`, {
        bytes: integer(random, 0, 500),
        pinned: random() < 0.2,
        fetching: random() < 0.2,
        named: random() < 0.5,
        usedAt: integer(random, 0, 4),
      }),
    )
    const need = integer(random, 0, 1500)
    const bounds = {
      quotaBytes: random() < 0.5 ? undefined : integer(random, 0, 3000),
      freeBytes: integer(random, 0, 1500),
      floorBytes: integer(random, 0, 300),
    }
    const taken = images.reduce((sum, { bytes }) => sum + bytes, 0)
    const holds = (freed: number): boolean =>
      (bounds.quotaBytes === undefined || taken - freed + need <= bounds.quotaBytes) &&
      bounds.freeBytes + freed - need >= bounds.floorBytes
    const order = evictionOrder(images)
    const { fits, evict } = chooseEvictions(images, need, bounds)
    const freedBy = (count: number): number => order.slice(0, count).reduce((sum, { bytes }) => sum + bytes, 0)
    assert.is(fits, holds(freedBy(order.length)))
    assert.equal(
      evict,
      order.slice(0, evict.length).map(({ root }) => root),
    )
    if (!fits) assert.is(evict.length, 0)
    else {
      assert.ok(holds(freedBy(evict.length)))
      if (evict.length > 0) assert.not(holds(freedBy(evict.length - 1)))
    }
  })
})

test.run()

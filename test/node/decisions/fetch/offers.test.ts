import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Offers } from '../../../../node/decisions/fetch/offers.ts'
import { seededRandom } from '../../../../protocols/ports.ts'
import { integer, withSeeds } from '../../../support/seeds.ts'

const INFINITY = Number.POSITIVE_INFINITY

test('nothing is offered, or nothing that will do', () => {
  const offers = new Offers()
  assert.is(
    offers.choose(
      4,
      5000,
      seededRandom(1),
      () => true,
      () => 1,
    ),
    undefined,
  )
  offers.add(7, () => true)
  assert.is(
    offers.choose(
      4,
      5000,
      seededRandom(1),
      () => true,
      () => INFINITY,
    ),
    undefined,
  )
  assert.is(
    offers.choose(
      4,
      5000,
      seededRandom(1),
      () => true,
      () => 1,
    ),
    7,
    'it is still there',
  )
})

test('what is not wanted any more is dropped on the way', () => {
  const offers = new Offers()
  for (let piece = 0; piece < 10; piece++) offers.add(piece, () => true)
  assert.is(
    offers.choose(
      1,
      5000,
      seededRandom(1),
      (piece) => piece === 3,
      () => 1,
    ),
    3,
  )
  assert.ok(offers.size < 10)
})

test('a sample that will not do is no reason to stop looking', () => {
  const offers = new Offers()
  for (let piece = 0; piece < 1000; piece++) offers.add(piece, () => true)
  for (let seed = 0; seed < 20; seed++) {
    const score = (piece: number): number => (piece === 777 ? 1 : INFINITY)
    assert.is(
      offers.choose(4, 5000, seededRandom(seed), () => true, score),
      777,
    )
  }
})

test('a sample as large as all that is offered finds the best, which is wanted; little is kept of what is not', () => {
  withSeeds(100, (random) => {
    const offers = new Offers()
    const open = new Set<number>()
    const isOpen = (piece: number): boolean => open.has(piece)
    const scores = Array.from({ length: 300 }, () => integer(random, 0, 50))
    for (let i = 0; i < 1000; i++) {
      const piece = integer(random, 0, 299)
      if (random() < 0.5 || open.size < 10) {
        if (!open.has(piece)) {
          open.add(piece)
          offers.add(piece, isOpen)
        }
        continue
      }
      const chosen = offers.choose(INFINITY, 5000, random, isOpen, (each) => scores[each]!)
      assert.is(scores[chosen!], Math.min(...[...open].map((each) => scores[each]!)))
      open.delete(chosen!)
    }
    assert.ok(offers.size <= 2 * 300 + 64, `${offers.size}`)
  })
})

test.run()

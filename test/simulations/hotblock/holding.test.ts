/** What a virtual node holds, and what it can pass on before it holds it. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Awaited } from '../../../simulations/hotblock/awaited.ts'
import { Holding } from '../../../simulations/hotblock/holding.ts'
import { clusterOf } from '../../support/scenarios.ts'

const { image } = clusterOf({ image: { size: '8 MiB' }, grain: 1 })
const ITEMS = [...image.pieces.keys()]
const FIRST = ITEMS.filter((item) => image.pieces[item] === 0)

test('a piece is told of once: when the last of it has begun, or is here', () => {
  const holding = new Holding(image, false, undefined)
  const [last, ...others] = [...FIRST].reverse()
  for (const item of others) assert.is(holding.begin(item), undefined)
  assert.equal(holding.pieces, [])
  assert.is(holding.begin(last!), 0)
  assert.equal(holding.pieces, [0])
  for (const item of FIRST) {
    assert.ok(holding.offers(item))
    assert.not.ok(holding.has(item))
    assert.is(holding.add(item), undefined)
    assert.ok(holding.has(item))
  }
  const whole = new Holding(image, false, undefined)
  assert.equal(
    FIRST.map((item) => whole.add(item)).filter((piece) => piece !== undefined),
    [0],
  )
})

test('what has begun is not here: the image is not whole for it', () => {
  const holding = new Holding(image, false, undefined)
  for (const item of ITEMS) holding.begin(item)
  assert.not.ok(holding.all)
  assert.not.ok(holding.hasPieces([0]))
  for (const item of ITEMS) holding.add(item)
  assert.ok(holding.all)
})

test('what waits for items runs once, when the last of them is here', () => {
  const awaited = new Awaited()
  const ran: string[] = []
  awaited.wait([1, 2], () => ran.push('both'))
  awaited.wait([2], () => ran.push('second'))
  awaited.here(1)
  assert.equal(ran, [])
  awaited.here(2)
  awaited.here(2)
  assert.equal(ran.sort(), ['both', 'second'])
})

test.run()

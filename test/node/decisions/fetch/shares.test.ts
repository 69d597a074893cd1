import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Shares } from '../../../../node/decisions/fetch/shares.ts'

const SEGMENTS = 4000

function swarm(names: readonly string[]): Shares[] {
  return names.map((self) => {
    const shares = new Shares(self)
    for (const other of names) if (other !== self) shares.join(other)
    return shares
  })
}

test('alone, everything is its own share', () => {
  const [shares] = swarm(['only'])
  for (let piece = 0; piece < SEGMENTS; piece++) assert.ok(shares!.isOwn(piece))
})

for (const count of [2, 4, 24]) {
  test(`each piece is the share of exactly one of ${count}, and the shares are about even`, () => {
    const all = swarm(Array.from({ length: count }, (_, i) => `12D3KooW-node-${i}`))
    const sizes = new Array<number>(count).fill(0)
    for (let piece = 0; piece < SEGMENTS; piece++) {
      const owners = all.flatMap((shares, i) => (shares.isOwn(piece) ? [i] : []))
      assert.is(owners.length, 1)
      sizes[owners[0]!]!++
    }
    const even = SEGMENTS / count
    for (const size of sizes) assert.ok(size > even * 0.6 && size < even * 1.5, sizes.join())
  })
}

test('whoever leaves gives its share to the others, and takes nothing of theirs along', () => {
  const [first] = swarm(['a', 'b', 'c'])
  const before = Array.from({ length: SEGMENTS }, (_, piece) => first!.isOwn(piece))
  first!.leave('c')
  const after = Array.from({ length: SEGMENTS }, (_, piece) => first!.isOwn(piece))
  for (let piece = 0; piece < SEGMENTS; piece++) assert.ok(!before[piece] || after[piece])
  assert.ok(after.filter(Boolean).length > before.filter(Boolean).length)
})

test.run()

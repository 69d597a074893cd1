import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { diffTable, HashSet, hashesOf } from '../../../protocols/table/diff.ts'
import { withSeeds } from '../../support/seeds.ts'
import { build, randomRows, slice, zeroRow } from '../../support/tables.ts'

test('hot, cold and zero bytes add up to the image', () => {
  withSeeds(10, (random) => {
    const rows = randomRows(random, 500, 0.2)
    const { table } = build(rows)
    const held = hashesOf(build(slice(rows, 100, 300)).table)
    const diff = diffTable(table, (row) => held.has(table, row))
    assert.is(diff.zeroBytes + diff.hotBytes + diff.coldBytes, diff.imageBytes)
    assert.is(diff.hotBlocks + diff.coldBlocks, diff.blocks)
    let hotBytes = 0
    for (let row = 100; row < 300; row++) if (rows.zero[row] === 0) hotBytes += rows.lengths[row]!
    assert.is(diff.hotBytes, hotBytes)
    assert.is(diff.hotFraction, hotBytes / (diff.imageBytes - diff.zeroBytes))
  })
})

test('all hot, all cold, all zero', () => {
  withSeeds(1, (random) => {
    const { table } = build(randomRows(random, 20))
    assert.is(diffTable(table, () => true).hotFraction, 1)
    assert.is(diffTable(table, () => true).coldBytes, 0)
    assert.is(diffTable(table, () => false).hotFraction, 0)
    assert.is(diffTable(table, () => false).coldBlocks, 20)
  })
  const zeros = build(zeroRow(4096)).table
  const diff = diffTable(zeros, () => assert.unreachable('zero runs are not asked about') as never)
  assert.is(diff.hotFraction, 1)
  assert.is(diff.blocks, 0)
})

test('a set of hashes compares by value', () => {
  withSeeds(3, (random) => {
    const { table } = build(randomRows(random, 50))
    const set = new HashSet()
    assert.ok(set.add(table, 3))
    assert.not(set.add({ hashes: table.hashes.slice() }, 3))
    assert.ok(set.has({ hashes: Buffer.from(table.hashes) }, 3))
    assert.not(set.has(table, 4))
    assert.is(set.size, 1)
    assert.is(hashesOf(table).size, 50)
  })
})

test.run()

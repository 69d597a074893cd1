/** Images made of real tables, and what they have in common. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { getBit } from '../../../protocols/bits.ts'
import { seededRandom } from '../../../protocols/ports.ts'
import { HASH_BYTES } from '../../../protocols/table/constants.ts'
import { diffTable, hashesOf } from '../../../protocols/table/diff.ts'
import type { Table } from '../../../protocols/table/table.ts'
import { distinctBytes, realImage } from '../../../simulations/scenario/real-image.ts'
import { withSeeds } from '../../support/seeds.ts'
import { build, type Rows, randomRows, slice } from '../../support/tables.ts'

const JOIN_BYTES = 512 * 1024

function sum(lengths: Iterable<number>): number {
  let bytes = 0
  for (const length of lengths) bytes += length
  return bytes
}

/** Bytes of the different blocks of `table` that `other` has, counted block by block. */
function hotBytes(table: Table, other: Table): number {
  const has = hashesOf(other)
  const seen = new Set<string>()
  let bytes = 0
  for (let row = 0; row < table.entries; row++) {
    const name = Buffer.from(table.hashes.subarray(row * HASH_BYTES, (row + 1) * HASH_BYTES)).toString('hex')
    if (table.zero[row] === 1 || seen.has(name)) continue
    seen.add(name)
    if (has.has(table, row)) bytes += table.lengths[row]!
  }
  return bytes
}

function tables(rows: Rows): [Table, Table] {
  const fresh = randomRows(seededRandom(99), 200)
  return [build(rows).table, build(slice(rows, 100, 900), fresh).table]
}

test('what two images share is hot to the byte, however blocks are joined', () => {
  withSeeds(5, (random) => {
    const [table, other] = tables(randomRows(random, 1500, 0.2))
    for (const joinBytes of [1, JOIN_BYTES]) {
      const { lengths, hot } = realImage(table, [other], joinBytes, 1)
      assert.is(sum(lengths.filter((_, item) => getBit(hot[0]!, item))), hotBytes(table, other))
      assert.is(sum(lengths), distinctBytes(table))
    }
    const diff = diffTable(table, (row) => hashesOf(other).has(table, row))
    assert.is(diff.hotBytes, hotBytes(table, other))
  })
})

test('zeros do not count, equal blocks once', () => {
  const rows = randomRows(seededRandom(1), 300, 0.3)
  const blocks = sum(rows.lengths.filter((_, row) => rows.zero[row] === 0))
  const image = realImage(build(rows, rows).table, [], JOIN_BYTES, 1)
  assert.is(image.blockBytes, blocks)
  assert.is(image.fileBytes, 2 * sum(rows.lengths))
})

test('items lie in the order of segments, which are numbered without gaps', () => {
  const { segments, segmentCount, lengths } = realImage(
    build(randomRows(seededRandom(2), 3000)).table,
    [],
    JOIN_BYTES,
    3,
  )
  assert.is(segments.length, lengths.length)
  assert.is(segments[0], 0)
  assert.is(segments.at(-1), segmentCount - 1)
  for (let item = 1; item < segments.length; item++) {
    const step = segments[item]! - segments[item - 1]!
    assert.ok(step === 0 || step === 1)
  }
})

test('items are no longer than wanted, and not joined where the same nodes do not have them', () => {
  const [table, other] = tables(randomRows(seededRandom(3), 1500))
  const image = realImage(table, [other], 100_000, 1)
  assert.ok(image.lengths.every((length) => length <= 100_000))
  assert.ok(image.lengths.length < table.blocks)
})

test('a coarse image has fewer segments, of the same length, and the same part hot', () => {
  const rows = randomRows(seededRandom(4), 20_000)
  const table = build(rows).table
  const other = build(slice(rows, 4000, 16_000)).table
  const fine = realImage(table, [other], JOIN_BYTES, 1)
  const coarse = realImage(table, [other], JOIN_BYTES, 4)
  const part = ({ lengths, hot, blockBytes }: typeof fine): number => {
    return sum(lengths.filter((_, item) => getBit(hot[0]!, item))) / blockBytes
  }
  assert.ok(Math.abs(coarse.segmentCount / fine.segmentCount - 0.25) < 0.02)
  assert.ok(Math.abs(coarse.blockBytes / fine.blockBytes - 0.25) < 0.05)
  assert.ok(Math.abs(part(coarse) - part(fine)) < 0.08)
  assert.ok(Math.abs(coarse.fileBytes / coarse.blockBytes - fine.fileBytes / fine.blockBytes) < 1e-6)
})

test('of an image of few segments some are left, however coarse', () => {
  const { lengths } = realImage(build(randomRows(seededRandom(5), 3)).table, [], JOIN_BYTES, 1000)
  assert.ok(lengths.length > 0)
})

test.run()

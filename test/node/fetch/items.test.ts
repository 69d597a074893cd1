import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { PIECE_BYTES_MIN } from '../../../node/decisions/fetch/pieces.ts'
import { batches, columnsOf, distinctBlocks, inParallel } from '../../../node/fetch/items.ts'
import { HASH_BYTES } from '../../../protocols/table/constants.ts'
import { integer, withSeeds } from '../../support/seeds.ts'
import { build, type Rows, randomRows } from '../../support/tables.ts'

function withRepeats(rows: Rows, from: number[]): Rows {
  for (const [row, source] of from.entries()) {
    if (rows.zero[row] === 1 || rows.zero[source] === 1) continue
    rows.hashes.copyWithin(row * HASH_BYTES, source * HASH_BYTES, (source + 1) * HASH_BYTES)
    rows.lengths[row] = rows.lengths[source]!
  }
  return rows
}

test('equal blocks are one item, at its first row; zero runs are none', () => {
  withSeeds(40, (random) => {
    const count = integer(random, 1, 600)
    const rows = withRepeats(
      randomRows(random, count, 0.2),
      Array.from({ length: count }, (_, row) => (random() < 0.3 ? integer(random, 0, row) : row)),
    )
    const { table } = build(rows)
    const blocks = distinctBlocks(table)
    const first = new Map<string, number>()
    const expected = new Array<number>(table.entries).fill(-1)
    const firstRows: number[] = []
    for (let row = 0; row < table.entries; row++) {
      if (table.zero[row] === 1) continue
      const hash = Buffer.from(table.hashes.subarray(row * HASH_BYTES, (row + 1) * HASH_BYTES)).toString('hex')
      if (!first.has(hash)) {
        first.set(hash, first.size)
        firstRows.push(row)
      }
      expected[row] = first.get(hash)!
    }
    assert.equal([...blocks.itemOf], expected)
    assert.equal([...blocks.rows], firstRows)
    assert.equal(
      [...blocks.lengths],
      firstRows.map((row) => table.lengths[row]),
    )
    const segmentOf = (row: number): number => table.segments.findLastIndex(({ firstEntry }) => firstEntry <= row)
    const inPieces = Array.from({ length: blocks.pieceCount }, (): number[] => [])
    firstRows.forEach((row, item) => {
      inPieces[blocks.pieces[item]!]!.push(row)
    })
    for (const rows of inPieces) {
      assert.ok(rows.length > 0, 'a piece without blocks')
      assert.is(new Set(rows.map(segmentOf)).size, 1, 'a piece over several segments')
      assert.ok(rows.length === 1 || rows.reduce((sum, row) => sum + table.lengths[row]!, 0) <= PIECE_BYTES_MIN)
    }
  })
})

test('hashes that differ only in their last bytes are different blocks', () => {
  const rows = randomRows(() => 0.5, 3)
  rows.hashes[HASH_BYTES - 1]! ^= 1
  rows.hashes[2 * HASH_BYTES - 9]! ^= 1
  assert.is(distinctBlocks(build(rows).table).rows.length, 3)
})

test('batches hold all rows once, in order, within their bounds', () => {
  withSeeds(40, (random) => {
    const { table } = build(randomRows(random, integer(random, 1, 300)))
    const rows = Array.from({ length: table.entries }, (_, row) => row).filter(() => random() < 0.7)
    const bytesMax = integer(random, 1, 300_000)
    const rowsMax = integer(random, 1, 20)
    const cut = [...batches(table, rows, bytesMax, rowsMax)]
    assert.equal(cut.flat(), rows)
    for (const batch of cut) {
      assert.ok(batch.length > 0 && batch.length <= rowsMax)
      const bytes = columnsOf(table, batch).lengths.reduce((sum, length) => sum + length, 0)
      assert.ok(bytes <= bytesMax || batch.length === 1)
    }
  })
})

test('work is done side by side up to a width, and each piece once', async () => {
  let active = 0
  let most = 0
  const done: number[] = []
  await inParallel([1, 2, 3, 4, 5, 6, 7], 3, async (piece) => {
    most = Math.max(most, ++active)
    await new Promise((resolve) => setImmediate(resolve))
    active--
    done.push(piece)
  })
  assert.is(most, 3)
  assert.equal(done.sort(), [1, 2, 3, 4, 5, 6, 7])
})

test('the first failure ends the work, after what is under way', async () => {
  const begun: number[] = []
  let active = 0
  const failure = new Error('broken')
  try {
    await inParallel([1, 2, 3, 4, 5, 6, 7, 8], 2, async (piece) => {
      begun.push(piece)
      active++
      await new Promise((resolve) => setImmediate(resolve))
      active--
      if (piece === 2) throw failure
    })
    assert.unreachable()
  } catch (error) {
    assert.is(error, failure)
  }
  assert.is(active, 0)
  assert.ok(begun.length <= 4, begun.join())
})

test.run()

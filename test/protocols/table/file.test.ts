/** Whole tables in one file. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { HotblockError } from '../../../protocols/errors.ts'
import { seededRandom } from '../../../protocols/ports.ts'
import { decodeTableFile, encodeTableFile } from '../../../protocols/table/file.ts'
import { integer, withSeeds } from '../../support/seeds.ts'
import { build, randomRows, zeroRow } from '../../support/tables.ts'

function isBadTable(error: unknown): boolean {
  return error instanceof HotblockError && error.code === 'BAD_TABLE'
}

test('a table comes back from its file', () => {
  for (const rows of [zeroRow(4096), randomRows(seededRandom(1), 1), randomRows(seededRandom(2), 3000, 0.2)]) {
    // Twice the same rows: equal segments are in the file once.
    const { table, blobs } = build(rows, rows)
    const read = decodeTableFile(encodeTableFile(blobs))
    assert.is(read.root.toString(), table.root.toString())
    assert.equal(read.lengths, table.lengths)
    assert.equal(read.hashes, table.hashes)
    assert.equal(read.offsets, table.offsets)
    assert.is(read.tableBytes, table.tableBytes)
  }
})

test('a file that is cut, changed or something else is refused', () => {
  const { blobs } = build(randomRows(seededRandom(3), 400))
  const bytes = encodeTableFile(blobs)
  for (const wrong of [new Uint8Array(0), bytes.subarray(0, -1), Buffer.from('{"v":1}'), blobs[0]!.bytes]) {
    assert.throws(() => decodeTableFile(wrong), isBadTable)
  }
  assert.throws(() => decodeTableFile(encodeTableFile(blobs.slice(0, -1))), isBadTable)
  assert.throws(() => decodeTableFile(encodeTableFile([...blobs].reverse())), isBadTable)
  withSeeds(100, (random) => {
    const changed = bytes.slice()
    changed[integer(random, 0, changed.length - 1)]! ^= 1 << integer(random, 0, 7)
    assert.throws(() => decodeTableFile(changed), isBadTable)
  })
})

test.run()

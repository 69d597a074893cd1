import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { TableBuilder } from '../../../protocols/table/builder.ts'
import {
  HASH_BYTES,
  SEGMENT_ENTRIES_MAX,
  SEGMENT_ENTRIES_MEAN,
  SEGMENT_ENTRIES_MIN,
  ZERO_RUN_BYTES_MAX,
} from '../../../protocols/table/constants.ts'
import { decodeSegment } from '../../../protocols/table/segment.ts'
import { hashAt } from '../../../protocols/table/table.ts'
import { throwsCode } from '../../support/failures.ts'
import { integer, withSeeds } from '../../support/seeds.ts'
import { build, type Rows, randomRows, slice, zeroRow } from '../../support/tables.ts'

const GIB = 1024 ** 3

function cids(built: ReturnType<typeof build>): string[] {
  return built.table.segments.map((segment) => segment.cid.toString())
}

/** Blocks whose hashes never (or always) end a segment. */
function plainRows(count: number, tail: number): Rows {
  const hashes = new Uint8Array(count * HASH_BYTES)
  for (let row = 0; row < count; row++) {
    hashes[row * HASH_BYTES] = row
    hashes[row * HASH_BYTES + 1] = row >> 8
    hashes[row * HASH_BYTES + HASH_BYTES - 1] = tail
  }
  return { lengths: new Uint32Array(count).fill(4096), zero: new Uint8Array(count), hashes }
}

test('one block', () => {
  withSeeds(1, (random) => {
    const rows = randomRows(random, 1)
    const { table, blobs } = build(rows)
    assert.is(table.imageBytes, rows.lengths[0])
    assert.is(table.zeroBytes, 0)
    assert.is(table.blocks, 1)
    assert.equal(hashAt(table, 0), rows.hashes)
    assert.is(blobs.length, 2)
    assert.ok(blobs[0]!.cid.equals(table.root))
    assert.is(table.tableBytes, blobs[0]!.bytes.length + blobs[1]!.bytes.length)
  })
})

test('the columns are the rows, and segments tile them', () => {
  withSeeds(5, (random) => {
    const rows = randomRows(random, 5000)
    const { table } = build(rows)
    assert.equal(table.lengths, rows.lengths)
    assert.equal(table.hashes, rows.hashes)
    assert.is(table.entries, 5000)
    let offset = 0
    let entry = 0
    for (const segment of table.segments) {
      assert.is(segment.offset, offset)
      assert.is(segment.firstEntry, entry)
      assert.is(table.offsets[entry], offset)
      offset += segment.bytes
      entry += segment.entries
    }
    assert.is(offset, table.imageBytes)
    assert.is(entry, table.entries)
  })
})

test('how rows come in batches makes no difference', () => {
  withSeeds(10, (random) => {
    const rows = randomRows(random, 2000, 0.5)
    const whole = build(rows)
    const batches: Rows[] = []
    for (let first = 0; first < 2000; ) {
      const end = Math.min(2000, first + integer(random, 0, 300))
      batches.push(slice(rows, first, end))
      first = end
    }
    assert.is(build(...batches).table.root.toString(), whole.table.root.toString())
  })
})

test('adjacent zero rows are one run, however they were cut', () => {
  const fine = build(...Array.from({ length: 64 }, () => zeroRow(4096)), plainRows(1, 1)).table
  const coarse = build(zeroRow(64 * 4096), plainRows(1, 1)).table
  assert.is(fine.entries, 2)
  assert.is(fine.zeroBytes, 64 * 4096)
  assert.is(fine.root.toString(), coarse.root.toString())
})

test('a zero run is as long as a run may be, and then goes on as another', () => {
  for (const [bytes, lengths] of [
    [ZERO_RUN_BYTES_MAX - 1, [ZERO_RUN_BYTES_MAX - 1]],
    [ZERO_RUN_BYTES_MAX, [ZERO_RUN_BYTES_MAX]],
    [ZERO_RUN_BYTES_MAX + 1, [ZERO_RUN_BYTES_MAX, 1]],
    [2.5 * GIB, [ZERO_RUN_BYTES_MAX, ZERO_RUN_BYTES_MAX, 0.5 * GIB]],
  ] as const) {
    const { table } = build(zeroRow(bytes))
    assert.equal([...table.lengths], [...lengths])
    const pieces = build(zeroRow(Math.floor(bytes / 3)), zeroRow(bytes - Math.floor(bytes / 3))).table
    assert.is(pieces.root.toString(), table.root.toString())
  }
})

test('an image of nothing but zeros, longer than a segment', () => {
  const batches = Array.from({ length: SEGMENT_ENTRIES_MAX + 1 }, () => zeroRow(ZERO_RUN_BYTES_MAX))
  const { table, blobs } = build(...batches)
  assert.is(table.blocks, 0)
  assert.is(table.zeroBytes, table.imageBytes)
  assert.equal(
    table.segments.map((segment) => segment.entries),
    [SEGMENT_ENTRIES_MAX, 1],
  )
  assert.is(blobs.length, 3)
})

test('segments are no longer and no shorter than they may be', () => {
  const never = build(plainRows(2 * SEGMENT_ENTRIES_MAX + 1, 1)).table
  assert.equal(
    never.segments.map((segment) => segment.entries),
    [SEGMENT_ENTRIES_MAX, SEGMENT_ENTRIES_MAX, 1],
  )
  const always = build(plainRows(2 * SEGMENT_ENTRIES_MIN + 1, 0)).table
  assert.equal(
    always.segments.map((segment) => segment.entries),
    [SEGMENT_ENTRIES_MIN, SEGMENT_ENTRIES_MIN, 1],
  )
})

test('a segment ends where the hash says', () => {
  const rows = plainRows(200, 1)
  const tail = new DataView(rows.hashes.buffer, 50 * HASH_BYTES + HASH_BYTES - 2)
  tail.setUint16(0, 3 * SEGMENT_ENTRIES_MEAN)
  assert.equal(
    build(rows).table.segments.map((segment) => segment.entries),
    [51, 149],
  )
})

test('equal segments are one blob', () => {
  const rows = plainRows(SEGMENT_ENTRIES_MIN, 0)
  const { table, blobs } = build(rows, rows, rows)
  assert.is(table.segments.length, 3)
  assert.is(blobs.length, 2)
  assert.is(
    table.tableBytes,
    blobs.reduce((sum, blob) => sum + blob.bytes.length, 0),
  )
})

test('an equal run of blocks gives equal segments, whatever lies before and behind', () => {
  withSeeds(5, (random) => {
    const common = randomRows(random, 8000, 0.1)
    const here = build(randomRows(random, integer(random, 1, 500)), common, randomRows(random, 100))
    const there = build(randomRows(random, integer(random, 1, 500), 0.5), zeroRow(3 * GIB), common)
    const shared = new Set(cids(here))
    const entries = there.table.segments
      .filter((segment) => shared.has(segment.cid.toString()))
      .reduce((sum, segment) => sum + segment.entries, 0)
    assert.ok(entries > 4000, `only ${entries} of 8000 entries are in shared segments`)
  })
})

test('how far apart files lie changes only the segments that the distance is in', () => {
  withSeeds(5, (random) => {
    const files = Array.from({ length: 10 }, () => randomRows(random, 800))
    const spread = (gap: () => number): ReturnType<typeof build> =>
      build(...files.flatMap((file) => [file, zeroRow(gap())]))
    const near = spread(() => 4096)
    const far = spread(() => integer(random, 1, 100) * 4096)
    const borders = ({ table }: ReturnType<typeof build>): number[] =>
      table.segments.map((segment) => segment.firstEntry)
    assert.equal(borders(near), borders(far))
    const shared = new Set(cids(near))
    assert.ok(cids(far).filter((cid) => shared.has(cid)).length > 10)
  })
})

test('each segment decodes to its rows', () => {
  withSeeds(3, (random) => {
    const { table, blobs } = build(randomRows(random, 1500, 0.3))
    const bytes = new Map(blobs.map((blob) => [blob.cid.toString(), blob.bytes]))
    for (const { cid, entries, firstEntry } of table.segments) {
      const segment = decodeSegment(bytes.get(cid.toString())!)
      assert.equal(segment.lengths, table.lengths.slice(firstEntry, firstEntry + entries))
    }
  })
})

test('an image that is too large is refused', () => {
  const builder = new TableBuilder('raw', 'test')
  const { lengths, zero, hashes } = zeroRow(ZERO_RUN_BYTES_MAX)
  for (let i = 0; i < 65_536; i++) builder.push(lengths, zero, hashes)
  throwsCode('BAD_FILE', () => builder.push(Uint32Array.of(1), Uint8Array.of(1), hashes))
})

test.run()

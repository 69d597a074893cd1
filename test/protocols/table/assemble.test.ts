import { CID } from 'multiformats/cid'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { assembleTable, verifyBlob } from '../../../protocols/table/assemble.ts'
import type { Blob } from '../../../protocols/table/cid.ts'
import { SEGMENT_ENTRIES_MIN } from '../../../protocols/table/constants.ts'
import { decodeRoot, encodeRoot } from '../../../protocols/table/root.ts'
import { encodeSegment } from '../../../protocols/table/segment.ts'
import { throwsCode } from '../../support/failures.ts'
import { integer, withSeeds } from '../../support/seeds.ts'
import { build, randomRows, zeroRow } from '../../support/tables.ts'

function getter(blobs: Blob[]): (cid: CID) => Uint8Array | undefined {
  const bytes = new Map(blobs.map((blob) => [blob.cid.toString(), blob.bytes]))
  return (cid) => bytes.get(cid.toString())
}

test('the assembled table is the built one', () => {
  withSeeds(10, (random) => {
    for (const count of [1, 2, SEGMENT_ENTRIES_MIN, 3000]) {
      const { table, blobs } = build(randomRows(random, count, random()), zeroRow(integer(random, 1, 2 ** 31)))
      for (const blob of blobs) verifyBlob(blob.cid, blob.bytes)
      const again = assembleTable(decodeRoot(blobs[0]!.bytes), getter(blobs))
      const { root, segments, ...rest } = table
      const { root: rootAgain, segments: segmentsAgain, ...restAgain } = again
      assert.equal(restAgain, rest)
      assert.is(rootAgain.toString(), root.toString())
      assert.is(String(segmentsAgain.map(({ cid }) => cid)), String(segments.map(({ cid }) => cid)))
    }
  })
})

test('a segment that comes twice is asked for once', () => {
  withSeeds(1, (random) => {
    const rows = randomRows(random, SEGMENT_ENTRIES_MIN)
    rows.hashes.fill(0, rows.hashes.length - 2)
    const { table, blobs } = build(rows, rows)
    assert.is(table.segments.length, 2)
    let asked = 0
    const get = getter(blobs)
    const again = assembleTable(decodeRoot(blobs[0]!.bytes), (cid) => {
      asked++
      return get(cid)
    })
    assert.is(asked, 1)
    assert.is(again.tableBytes, table.tableBytes)
    assert.equal(again.hashes, table.hashes)
    assert.equal(again.offsets, table.offsets)
  })
})

test('a missing segment, another segment, and damaged bytes are refused', () => {
  withSeeds(5, (random) => {
    const { blobs } = build(randomRows(random, 1000, 0.2))
    const head = decodeRoot(blobs[0]!.bytes)
    throwsCode('BAD_TABLE', () => assembleTable(head, getter(blobs.slice(0, -1))))
    const [, first, second] = blobs as [Blob, Blob, Blob]
    const swapped = [
      { cid: first.cid, bytes: second.bytes },
      { cid: second.cid, bytes: first.bytes },
      ...blobs.slice(3),
    ]
    throwsCode('BAD_TABLE', () => assembleTable(head, getter(swapped)))
    const cut = [{ cid: first.cid, bytes: first.bytes.subarray(1) }, ...blobs.slice(2)]
    throwsCode('BAD_TABLE', () => assembleTable(head, getter(cut)))
  })
})

test('a root whose totals are not those of its segments is refused', () => {
  withSeeds(5, (random) => {
    const { table, blobs } = build(randomRows(random, 300), zeroRow(4096))
    const { entries: _, ...honest } = decodeRoot(blobs[0]!.bytes)
    const lies = [
      { ...honest, zeroBytes: honest.zeroBytes - 1 },
      { ...honest, zeroBytes: honest.zeroBytes + 1 },
      { ...honest, blocks: honest.blocks - 1 },
      { ...honest, blocks: honest.blocks + 1 },
    ]
    for (const lie of lies) {
      const head = decodeRoot(encodeRoot(lie).bytes)
      throwsCode('BAD_TABLE', () => assembleTable(head, getter(blobs)))
    }
    assert.is(assembleTable({ ...honest, entries: table.entries }, getter(blobs)).blocks, table.blocks)
  })
})

test('a root that is wrong about one segment is refused', () => {
  withSeeds(1, (random) => {
    const one = randomRows(random, 1)
    const two = randomRows(random, 2)
    const segments = [one, two].map(({ lengths, zero, hashes }) => encodeSegment(lengths, zero, hashes))
    const sums = [one, two].map(({ lengths }) => lengths.reduce((sum, length) => sum + length, 0)) as [number, number]
    const imageBytes = sums[0] + sums[1]
    const root = (bytes: number[], entries: number[]): Uint8Array =>
      encodeRoot({
        format: 'raw',
        cutter: 'test',
        imageBytes,
        zeroBytes: 0,
        blocks: 3,
        segments: segments.map(({ cid }, i) => ({
          cid,
          bytes: bytes[i]!,
          entries: entries[i]!,
          offset: 0,
          firstEntry: 0,
        })),
      }).bytes
    assert.is(assembleTable(decodeRoot(root(sums, [1, 2])), getter(segments)).imageBytes, imageBytes)
    throwsCode('BAD_TABLE', () => assembleTable(decodeRoot(root(sums, [2, 1])), getter(segments)))
    throwsCode('BAD_TABLE', () => assembleTable(decodeRoot(root([sums[0] + 1, sums[1] - 1], [1, 2])), getter(segments)))
  })
})

test('bytes are taken only under their own name', () => {
  withSeeds(3, (random) => {
    const { blobs } = build(randomRows(random, 50))
    const [root, segment] = blobs as [Blob, Blob]
    verifyBlob(root.cid, root.bytes)
    throwsCode('BAD_TABLE', () => verifyBlob(root.cid, segment.bytes))
    throwsCode('BAD_TABLE', () => verifyBlob(root.cid, new Uint8Array(0)))
    throwsCode('BAD_TABLE', () => verifyBlob(CID.createV1(0x55, root.cid.multihash), root.bytes))
    const flipped = segment.bytes.slice()
    flipped[integer(random, 0, flipped.length - 1)]! ^= 1
    throwsCode('BAD_TABLE', () => verifyBlob(segment.cid, flipped))
  })
})

test.run()

import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { create } from 'multiformats/hashes/digest'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { HotblockError } from '../../../protocols/errors.ts'
import { isTableCid, tableCid } from '../../../protocols/table/cid.ts'
import { IMAGE_BYTES_MAX, SEGMENT_ENTRIES_MAX, ZERO_RUN_BYTES_MAX } from '../../../protocols/table/constants.ts'
import { decodeRoot, encodeRoot } from '../../../protocols/table/root.ts'
import { encodeVarints } from '../../../protocols/table/varint.ts'
import { throwsCode } from '../../support/failures.ts'
import { integer, randomBytes, withSeeds } from '../../support/seeds.ts'
import { build, randomRows } from '../../support/tables.ts'

const A = tableCid(Uint8Array.of(1))
const B = tableCid(Uint8Array.of(2))
const GOOD = {
  v: 1,
  format: 'raw',
  cutter: 'gpt+ext4',
  imageBytes: 12_288,
  zeroBytes: 4096,
  blocks: 2,
  segments: [A, B],
  extents: encodeVarints([8192, 2, 4096, 1]),
}

function forged(fields: object): Uint8Array {
  return dagCbor.encode({ ...GOOD, ...fields })
}

test('the format is what it was', () => {
  const head = decodeRoot(forged({}))
  assert.is(head.root.toString(), 'bafyreie6siklbf3ixefen26jwxr65mqfh6pn35unqyrsl7vioqrdjs72eu')
  assert.is(head.root.toString(), encodeRoot(head).cid.toString())
})

test('what the root says, with the places of its segments', () => {
  const { root, ...head } = decodeRoot(forged({}))
  assert.ok(isTableCid(root))
  assert.equal(
    { ...head, segments: head.segments.map((segment) => ({ ...segment, cid: segment.cid.toString() })) },
    {
      format: 'raw',
      cutter: 'gpt+ext4',
      imageBytes: 12_288,
      zeroBytes: 4096,
      entries: 3,
      blocks: 2,
      segments: [
        { cid: A.toString(), offset: 0, bytes: 8192, firstEntry: 0, entries: 2 },
        { cid: B.toString(), offset: 8192, bytes: 4096, firstEntry: 2, entries: 1 },
      ],
    },
  )
})

test('roots of tables of many sizes come back', () => {
  withSeeds(5, (random) => {
    for (const count of [1, 2, 127, 128, 5000]) {
      const { table, blobs } = build(randomRows(random, count, 0.3))
      const head = decodeRoot(blobs[0]!.bytes)
      assert.equal(encodeRoot(head).bytes, blobs[0]!.bytes)
      assert.is(head.root.toString(), table.root.toString())
      assert.is(head.entries, table.entries)
      assert.is(head.blocks, table.blocks)
      assert.is(head.zeroBytes, table.zeroBytes)
      assert.is(head.segments.length, table.segments.length)
      for (const [i, segment] of head.segments.entries()) {
        const { cid, ...rest } = table.segments[i]!
        assert.ok(segment.cid.equals(cid))
        assert.equal({ ...segment, cid: undefined }, { ...rest, cid: undefined })
      }
    }
  })
})

test('a root that does not add up or breaks a limit is refused', () => {
  const sha1 = CID.createV1(dagCbor.code, create(0x11, new Uint8Array(20)))
  const raw = CID.createV1(0x55, A.multihash)
  const v0 = CID.createV0(A.multihash as never)
  const bad: object[] = [
    { v: 0 },
    { v: 2 },
    { format: 'iso' },
    { format: 1 },
    { format: 'toString' },
    { cutter: '' },
    { cutter: 'x'.repeat(65) },
    { cutter: 'line\nbreak' },
    { cutter: 'escape\u001b[2J' },
    { cutter: 'ünicode' },
    { cutter: 7 },
    { imageBytes: 12_287 },
    { imageBytes: 12_289 },
    { imageBytes: -1 },
    { imageBytes: 12_288.5 },
    { imageBytes: '12288' },
    { imageBytes: 2n ** 63n },
    { imageBytes: IMAGE_BYTES_MAX + 1 },
    { zeroBytes: -1 },
    { zeroBytes: 12_289 },
    { zeroBytes: 12_288 },
    { zeroBytes: 12_287 },
    { blocks: 0 },
    { blocks: 4 },
    { blocks: -1 },
    { blocks: 1.5 },
    { segments: [] },
    { segments: [A] },
    { segments: [A, B, A] },
    { segments: { 0: A, 1: B } },
    { segments: [A, 'B'] },
    { segments: [A, B.bytes] },
    { segments: [A, sha1] },
    { segments: [A, raw] },
    { segments: [A, v0] },
    { segments: [A, null] },
    { extents: [8192, 2, 4096, 1] },
    { extents: encodeVarints([8192, 2, 4096]) },
    { extents: encodeVarints([8192, 2, 4096, 1, 0]) },
    { extents: encodeVarints([12_288, 3, 0, 0]) },
    { extents: encodeVarints([12_288, 3, 0, 1]) },
    { extents: encodeVarints([8192, 0, 4096, 1]) },
    { extents: encodeVarints([8192, SEGMENT_ENTRIES_MAX + 1, 4096, 1]) },
    { extents: encodeVarints([1, 2, 12_287, 1]) },
    { extents: encodeVarints([ZERO_RUN_BYTES_MAX + 1, 1, 4096, 1]), imageBytes: ZERO_RUN_BYTES_MAX + 4097 },
    { more: 1 },
  ]
  for (const fields of bad) throwsCode('BAD_TABLE', () => decodeRoot(forged(fields)))
  for (const missing of Object.keys(GOOD)) {
    const { [missing as 'v']: _, ...rest } = GOOD
    throwsCode('BAD_TABLE', () => decodeRoot(dagCbor.encode(rest)))
    throwsCode('BAD_TABLE', () => decodeRoot(dagCbor.encode({ ...rest, other: 1 })))
  }
  for (const value of [null, 7, 'root', [GOOD], A]) throwsCode('BAD_TABLE', () => decodeRoot(dagCbor.encode(value)))
  throwsCode('BAD_TABLE', () => decodeRoot(new Uint8Array(0)))
  throwsCode('BAD_TABLE', () => decodeRoot(Buffer.concat([forged({}), Uint8Array.of(0)])))
})

test('a key that would reach the prototype is refused', () => {
  const hex = Buffer.from(forged({})).toString('hex')
  assert.ok(hex.startsWith('a8'))
  // __proto__ (9 letters) belongs behind `segments` (8) and before `imageBytes` (10) or at some other place: try all.
  for (let at = 2; at <= hex.length; at += 2) {
    const key = `69${Buffer.from('__proto__').toString('hex')}a0`
    throwsCode('BAD_TABLE', () => decodeRoot(Buffer.from(`a9${hex.slice(2, at)}${key}${hex.slice(at)}`, 'hex')))
  }
})

test('any flipped bit is refused or is the one form of another root', () => {
  const bytes = forged({})
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = bytes.slice()
    flipped[bit >> 3]! ^= 1 << (bit & 7)
    onlyForm(flipped)
  }
})

test('random damage and random bytes never do worse', () => {
  withSeeds(300, (random) => {
    const { blobs } = build(randomRows(random, integer(random, 1, 400), 0.3))
    const bytes = blobs[0]!.bytes.slice()
    for (let i = integer(random, 1, 8); i > 0; i--)
      bytes[integer(random, 0, bytes.length - 1)] = integer(random, 0, 255)
    onlyForm(bytes)
    onlyForm(bytes.subarray(0, integer(random, 0, bytes.length)))
    onlyForm(randomBytes(random, integer(random, 0, 200)))
  })
})

function onlyForm(bytes: Uint8Array): void {
  let again: Uint8Array
  try {
    again = encodeRoot(decodeRoot(bytes)).bytes
  } catch (error) {
    assert.instance(error, HotblockError)
    assert.is((error as HotblockError).code, 'BAD_TABLE')
    return
  }
  assert.is(Buffer.compare(again, bytes), 0)
}

test.run()

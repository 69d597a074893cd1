import * as dagCbor from '@ipld/dag-cbor'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { HotblockError } from '../../../protocols/errors.ts'
import {
  BLOCK_BYTES_MAX,
  HASH_BYTES,
  SEGMENT_BYTES_MAX,
  SEGMENT_ENTRIES_MAX,
  ZERO_RUN_BYTES_MAX,
} from '../../../protocols/table/constants.ts'
import { decodeSegment, encodeSegment, type Segment } from '../../../protocols/table/segment.ts'
import { encodeVarints } from '../../../protocols/table/varint.ts'
import { throwsCode } from '../../support/failures.ts'
import { integer, randomBytes, withSeeds } from '../../support/seeds.ts'
import { type Rows, randomRows } from '../../support/tables.ts'

function packed({ zero, hashes }: Rows): Uint8Array {
  const rows = [...zero.keys()].filter((row) => zero[row] === 0)
  return Uint8Array.from(rows.flatMap((row) => [...hashes.subarray(row * HASH_BYTES, (row + 1) * HASH_BYTES)]))
}

function encode({ lengths, zero, hashes }: Rows): Uint8Array {
  return encodeSegment(lengths, zero, hashes).bytes
}

/** Encodes a decoded segment again. */
function encodeDecoded({ lengths, zero, hashes }: Segment): Uint8Array {
  const spread = new Uint8Array(lengths.length * HASH_BYTES)
  let block = 0
  for (let row = 0; row < lengths.length; row++) {
    if (zero[row] === 1) continue
    spread.set(hashes.subarray(block * HASH_BYTES, (block + 1) * HASH_BYTES), row * HASH_BYTES)
    block++
  }
  return encode({ lengths, zero, hashes: spread })
}

/** Bytes of a segment with these fields, whatever they are. */
function forged(fields: object): Uint8Array {
  return dagCbor.encode({ v: 1, hashes: new Uint8Array(HASH_BYTES), lengths: encodeVarints([4096 * 2]), ...fields })
}

test('the format is what it was', () => {
  const hash = Uint8Array.from({ length: HASH_BYTES }, (_, i) => i)
  const hashes = new Uint8Array(2 * HASH_BYTES)
  hashes.set(hash)
  const { bytes, cid } = encodeSegment(Uint32Array.of(65_536, 4096), Uint8Array.of(0, 1), hashes)
  const expected = `a3617601666861736865735820${Buffer.from(hash).toString('hex')}676c656e67746873458080088140`
  assert.is(Buffer.from(bytes).toString('hex'), expected)
  assert.is(cid.toString(), 'bafyreigxicvqm7jgrnrpctawmeq7hvfc5thenfrkbuuhvknrws6dfexqk4')
})

test('entries of all shapes and numbers come back', () => {
  withSeeds(20, (random) => {
    for (const count of [1, 2, 32, SEGMENT_ENTRIES_MAX - 1, SEGMENT_ENTRIES_MAX]) {
      const rows = randomRows(random, count, random())
      const segment = decodeSegment(encode(rows))
      assert.equal(segment.lengths, rows.lengths)
      assert.equal(segment.zero, rows.zero)
      assert.equal(segment.hashes, packed(rows))
      assert.is(
        segment.bytes,
        rows.lengths.reduce((sum, length) => sum + length, 0),
      )
      assert.is(segment.blocks, segment.zero.filter((zero) => zero === 0).length)
    }
  })
})

test('the longest block and the longest zero run', () => {
  const hashes = new Uint8Array(3 * HASH_BYTES).fill(7)
  const lengths = Uint32Array.of(1, BLOCK_BYTES_MAX, ZERO_RUN_BYTES_MAX)
  const segment = decodeSegment(encode({ lengths, zero: Uint8Array.of(0, 0, 1), hashes }))
  assert.equal(segment.lengths, lengths)
  assert.is(segment.zeroBytes, ZERO_RUN_BYTES_MAX)
})

test('what breaks a limit or the form is refused', () => {
  decodeSegment(forged({}))
  const hash = new Uint8Array(HASH_BYTES)
  const many = SEGMENT_ENTRIES_MAX + 1
  const bad: object[] = [
    { v: 2 },
    { v: '1' },
    { v: null },
    { extra: 1 },
    { hashes: 'text' },
    { lengths: [8192] },
    { hashes: new Uint8Array(0), lengths: new Uint8Array(0) },
    { lengths: encodeVarints([0]) },
    { lengths: encodeVarints([1]), hashes: new Uint8Array(0) },
    { lengths: encodeVarints([(BLOCK_BYTES_MAX + 1) * 2]) },
    { lengths: encodeVarints([(ZERO_RUN_BYTES_MAX + 1) * 2 + 1]), hashes: new Uint8Array(0) },
    { lengths: encodeVarints([2 ** 33 * 2 + 1]), hashes: new Uint8Array(0) },
    { hashes: hash.subarray(1) },
    { hashes: new Uint8Array(2 * HASH_BYTES) },
    { lengths: encodeVarints([4096 * 2 + 1]) },
    { lengths: Uint8Array.of(0x82, 0x00) },
    { lengths: Uint8Array.of(0x82) },
    { lengths: encodeVarints(new Array(many).fill(8192)), hashes: new Uint8Array(many * HASH_BYTES) },
  ]
  for (const fields of bad) throwsCode('BAD_TABLE', () => decodeSegment(forged(fields)))
  for (const value of [null, 1, 'x', [], [1], {}, { v: 1 }, { v: 1, hashes: hash }]) {
    throwsCode('BAD_TABLE', () => decodeSegment(dagCbor.encode(value)))
  }
  throwsCode('BAD_TABLE', () => decodeSegment(new Uint8Array(0)))
  throwsCode('BAD_TABLE', () => decodeSegment(new Uint8Array(SEGMENT_BYTES_MAX + 1)))
})

test('the same content in another form is refused', () => {
  const good = Buffer.from(forged({})).toString('hex')
  const v = '617601'
  const other = [
    `${good}00`,
    good.slice(0, -2),
    good.replace(v, '61761801'),
    `a3${good.slice(2).replace(v, '')}${v}`,
    `bf${good.slice(2)}ff`,
    `d9d9f7${good}`,
  ]
  for (const hex of other) {
    assert.is.not(hex, good)
    throwsCode('BAD_TABLE', () => decodeSegment(Buffer.from(hex, 'hex')))
  }
})

test('deep nesting is refused, not followed', () => {
  for (const byte of [0x81, 0xa1, 0xd8, 0xc1, 0x9f]) {
    throwsCode('BAD_TABLE', () => decodeSegment(new Uint8Array(SEGMENT_BYTES_MAX).fill(byte)))
  }
})

test('any flipped bit is refused or is the one form of another segment', () => {
  withSeeds(6, (random) => {
    const bytes = encode(randomRows(random, integer(random, 1, 6), 0.4))
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice()
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      onlyForm(flipped)
    }
  })
})

test('random damage and random bytes never do worse', () => {
  withSeeds(300, (random) => {
    const bytes = encode(randomRows(random, integer(random, 1, 40), 0.3))
    for (let i = integer(random, 1, 8); i > 0; i--)
      bytes[integer(random, 0, bytes.length - 1)] = integer(random, 0, 255)
    onlyForm(bytes)
    onlyForm(bytes.subarray(0, integer(random, 0, bytes.length)))
    onlyForm(randomBytes(random, integer(random, 0, 200)))
  })
})

function onlyForm(bytes: Uint8Array): void {
  let segment: Segment
  try {
    segment = decodeSegment(bytes)
  } catch (error) {
    assert.instance(error, HotblockError)
    assert.is((error as HotblockError).code, 'BAD_TABLE')
    return
  }
  assert.is(Buffer.compare(encodeDecoded(segment), bytes), 0)
}

test.run()

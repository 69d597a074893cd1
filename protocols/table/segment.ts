/**
 * A segment: a run of a table's entries, independent of where in an image it lies, so that images that share a run of
 * blocks share the segment.
 *
 *     { v: 1, hashes: Bytes, lengths: Bytes }        DAG-CBOR
 *
 * `lengths` has one varint for each entry, its length in bytes times two, plus one if it is a zero run. `hashes` has the
 * SHA-256 of each entry that is a block, in order.
 */
import * as dagCbor from '@ipld/dag-cbor'
import { HotblockError } from '../errors.ts'
import { decodeMap } from './cbor.ts'
import { type Blob, tableCid } from './cid.ts'
import { BLOCK_BYTES_MAX, HASH_BYTES, SEGMENT_BYTES_MAX, SEGMENT_ENTRIES_MAX, ZERO_RUN_BYTES_MAX } from './constants.ts'
import { decodeVarints, encodeVarints } from './varint.ts'

const VERSION = 1
const FIELDS = ['v', 'hashes', 'lengths']

/** The entries of a segment, in columns. */
export interface Segment {
  /** Length of each entry, bytes. */
  readonly lengths: Uint32Array
  /** 1 where the entry is a zero run. */
  readonly zero: Uint8Array
  /** 32 bytes for each entry that is a block; nothing for zero runs. */
  readonly hashes: Uint8Array
  /** Image bytes that the entries cover. */
  readonly bytes: number
  readonly zeroBytes: number
  readonly blocks: number
}

/**
 * @param lengths of 1 to SEGMENT_ENTRIES_MAX entries
 * @param zero 1 where the entry is a zero run
 * @param hashes 32 bytes an entry (as the columns of a Table have them); those of zero runs are left out
 */
export function encodeSegment(lengths: Uint32Array, zero: Uint8Array, hashes: Uint8Array): Blob {
  const numbers = new Float64Array(lengths.length)
  const packed = new Uint8Array(lengths.length * HASH_BYTES)
  let blocks = 0
  for (let i = 0; i < lengths.length; i++) {
    numbers[i] = lengths[i]! * 2 + zero[i]!
    if (zero[i] === 1) continue
    packed.set(hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES), blocks * HASH_BYTES)
    blocks++
  }
  const bytes = dagCbor.encode({
    v: VERSION,
    hashes: packed.subarray(0, blocks * HASH_BYTES),
    lengths: encodeVarints(numbers),
  })
  return { cid: tableCid(bytes), bytes }
}

/**
 * Decodes a segment's bytes, whoever sent them. Whether they are the ones that a CID names is verifyBlob's question.
 *
 * @throws BAD_TABLE for anything but the bytes that encodeSegment gives for entries within the limits
 */
export function decodeSegment(bytes: Uint8Array): Segment {
  const fields = decodeMap('segment', bytes, SEGMENT_BYTES_MAX, FIELDS)
  const { v, hashes, lengths: packed } = fields
  if (v !== VERSION) throw new HotblockError('BAD_TABLE', 'a segment is of an unknown version')
  if (!(hashes instanceof Uint8Array) || !(packed instanceof Uint8Array)) {
    throw new HotblockError('BAD_TABLE', 'a segment has fields of the wrong type')
  }
  const numbers = decodeVarints(packed, SEGMENT_ENTRIES_MAX)
  const entries = numbers.length
  if (entries === 0) throw new HotblockError('BAD_TABLE', 'a segment is empty')

  const lengths = new Uint32Array(entries)
  const zero = new Uint8Array(entries)
  let total = 0
  let zeroBytes = 0
  let blocks = 0
  for (let i = 0; i < entries; i++) {
    const isZero = numbers[i]! % 2
    const length = (numbers[i]! - isZero) / 2
    if (length === 0 || length > (isZero ? ZERO_RUN_BYTES_MAX : BLOCK_BYTES_MAX)) {
      throw new HotblockError('BAD_TABLE', `a segment has an entry of ${length} bytes`, { length })
    }
    lengths[i] = length
    zero[i] = isZero
    total += length
    if (isZero) zeroBytes += length
    else blocks++
  }
  if (hashes.length !== blocks * HASH_BYTES) {
    throw new HotblockError('BAD_TABLE', 'a segment does not have one hash for each block')
  }
  return { lengths, zero, hashes, bytes: total, zeroBytes, blocks }
}

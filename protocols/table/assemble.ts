import { equals } from 'multiformats/bytes'
import type { CID } from 'multiformats/cid'
import { HotblockError } from '../errors.ts'
import { isTableCid, tableCid } from './cid.ts'
import { HASH_BYTES, ROOT_BYTES_MAX } from './constants.ts'
import { encodeRoot } from './root.ts'
import { decodeSegment, type Segment } from './segment.ts'
import type { Table, TableHead } from './table.ts'

/**
 * Checks that bytes are the ones that a root's or a segment's CID names.
 *
 * @throws BAD_TABLE
 */
export function verifyBlob(cid: CID, bytes: Uint8Array): void {
  if (!isTableCid(cid)) throw new HotblockError('BAD_TABLE', `${cid} does not name a table`)
  if (bytes.length > ROOT_BYTES_MAX || !equals(tableCid(bytes).multihash.digest, cid.multihash.digest)) {
    throw new HotblockError('BAD_TABLE', `the bytes sent for ${cid} are others`, { cid: cid.toString() })
  }
}

/**
 * Puts a table together from its decoded root and its segments.
 *
 * @param head what decodeRoot gave
 * @param segmentBytes bytes of a segment, which verifyBlob has passed; each segment is asked for once
 * @throws BAD_TABLE when a segment is missing or malformed, or when the sums are not what the root says
 */
export function assembleTable(head: TableHead, segmentBytes: (cid: CID) => Uint8Array | undefined): Table {
  const columns = {
    offsets: new Float64Array(head.entries),
    lengths: new Uint32Array(head.entries),
    zero: new Uint8Array(head.entries),
    hashes: new Uint8Array(head.entries * HASH_BYTES),
  }
  const segments = new Map<string, Segment>()
  let zeroBytes = 0
  let blocks = 0
  let tableBytes = encodeRoot(head).bytes.length
  for (const { cid, offset, bytes, firstEntry, entries } of head.segments) {
    const key = cid.toString()
    let segment = segments.get(key)
    if (segment === undefined) {
      const encoded = segmentBytes(cid)
      if (encoded === undefined) throw new HotblockError('BAD_TABLE', `segment ${key} is missing`, { cid: key })
      segment = decodeSegment(encoded)
      segments.set(key, segment)
      tableBytes += encoded.length
    }
    if (segment.bytes !== bytes || segment.lengths.length !== entries) {
      throw new HotblockError('BAD_TABLE', `segment ${key} is not what the root says of it`, { cid: key })
    }
    place(segment, columns, firstEntry, offset)
    zeroBytes += segment.zeroBytes
    blocks += segment.blocks
  }
  if (zeroBytes !== head.zeroBytes || blocks !== head.blocks) {
    throw new HotblockError('BAD_TABLE', `the segments of ${head.root} do not add up to what the root says`)
  }
  return { ...head, ...columns, tableBytes }
}

function place(
  segment: Segment,
  columns: Pick<Table, 'offsets' | 'lengths' | 'zero' | 'hashes'>,
  firstEntry: number,
  firstOffset: number,
): void {
  const { lengths, zero, hashes } = segment
  columns.lengths.set(lengths, firstEntry)
  columns.zero.set(zero, firstEntry)
  let offset = firstOffset
  let block = 0
  // Hashes are packed in the segment and have a place for every row in the table: stretches without zero runs are copied.
  let stretch = 0
  for (let i = 0; i <= lengths.length; i++) {
    if (i === lengths.length || zero[i] === 1) {
      const blocks = i - stretch
      columns.hashes.set(
        hashes.subarray(block * HASH_BYTES, (block + blocks) * HASH_BYTES),
        (firstEntry + stretch) * HASH_BYTES,
      )
      block += blocks
      stretch = i + 1
    }
    if (i === lengths.length) break
    columns.offsets[firstEntry + i] = offset
    offset += lengths[i]!
  }
}

/**
 * A root: what a table says of the image as a whole, and its segments. Its CID is the image's identity.
 *
 *     { v: 1, format: String, cutter: String, imageBytes: Int, zeroBytes: Int, blocks: Int,
 *       segments: [Link], extents: Bytes }           DAG-CBOR
 *
 * `extents` has two varints for each segment: the image bytes that it covers and the number of its entries.
 */
import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { HotblockError } from '../errors.ts'
import { decodeMap } from './cbor.ts'
import { type Blob, isTableCid, tableCid } from './cid.ts'
import {
  BLOCK_BYTES_MAX,
  CUTTER_CHARS_MAX,
  IMAGE_BYTES_MAX,
  ROOT_BYTES_MAX,
  SEGMENT_ENTRIES_MAX,
  SEGMENTS_MAX,
  TABLE_ENTRIES_MAX,
  ZERO_RUN_BYTES_MAX,
} from './constants.ts'
import { IMAGE_FORMATS, type ImageFormat, type SegmentRef, type TableHead } from './table.ts'
import { decodeVarints, encodeVarints } from './varint.ts'

const VERSION = 1
const FIELDS = ['v', 'format', 'cutter', 'imageBytes', 'zeroBytes', 'blocks', 'segments', 'extents']
const CUTTER = new RegExp(`^[\\x20-\\x7e]{1,${CUTTER_CHARS_MAX}}$`)

/** The root of a table with these segments. */
export function encodeRoot(head: Omit<TableHead, 'root' | 'entries'>): Blob {
  const bytes = dagCbor.encode({
    v: VERSION,
    format: head.format,
    cutter: head.cutter,
    imageBytes: head.imageBytes,
    zeroBytes: head.zeroBytes,
    blocks: head.blocks,
    segments: head.segments.map((segment) => segment.cid),
    extents: encodeVarints(head.segments.flatMap((segment) => [segment.bytes, segment.entries])),
  })
  return { cid: tableCid(bytes), bytes }
}

/**
 * Decodes a root's bytes, whoever sent them; `root` of the answer is the CID of these bytes.
 *
 * @throws BAD_TABLE for anything but the bytes that encodeRoot gives for an image within the limits
 */
export function decodeRoot(bytes: Uint8Array): TableHead {
  const fields = decodeMap('root', bytes, ROOT_BYTES_MAX, FIELDS)
  if (fields.v !== VERSION) throw new HotblockError('BAD_TABLE', 'a root is of an unknown version')
  const { format, cutter } = fields
  if (!IMAGE_FORMATS.includes(format as ImageFormat)) throw refusal('format')
  if (typeof cutter !== 'string' || !CUTTER.test(cutter)) throw refusal('cutter')
  const imageBytes = whole(fields.imageBytes, 'imageBytes', IMAGE_BYTES_MAX)
  const zeroBytes = whole(fields.zeroBytes, 'zeroBytes', imageBytes)
  const blocks = whole(fields.blocks, 'blocks', TABLE_ENTRIES_MAX)
  const segments = segmentsOf(fields.segments, fields.extents)

  const last = segments.at(-1)!
  const entries = last.firstEntry + last.entries
  const blockBytes = imageBytes - zeroBytes
  if (last.offset + last.bytes !== imageBytes) throw refusal('sum of the segments')
  if (entries > TABLE_ENTRIES_MAX) throw refusal('number of entries')
  if (blocks > entries || blocks > blockBytes || blockBytes > blocks * BLOCK_BYTES_MAX) throw refusal('blocks')
  return {
    root: tableCid(bytes),
    format: format as ImageFormat,
    cutter,
    imageBytes,
    zeroBytes,
    entries,
    blocks,
    segments,
  }
}

function segmentsOf(links: unknown, extents: unknown): SegmentRef[] {
  if (!Array.isArray(links) || links.length === 0 || links.length > SEGMENTS_MAX) throw refusal('segments')
  if (!(extents instanceof Uint8Array)) throw refusal('extents')
  const numbers = decodeVarints(extents, links.length * 2)
  if (numbers.length !== links.length * 2) throw refusal('extents')
  let offset = 0
  let firstEntry = 0
  return links.map((link: unknown, i) => {
    const cid = CID.asCID(link)
    if (cid === null || !isTableCid(cid)) throw refusal('segments')
    const bytes = numbers[i * 2]!
    const entries = numbers[i * 2 + 1]!
    if (entries === 0 || entries > SEGMENT_ENTRIES_MAX) throw refusal('extents')
    if (bytes < entries || bytes > entries * ZERO_RUN_BYTES_MAX) throw refusal('extents')
    const segment = { cid, offset, bytes, firstEntry, entries }
    offset += bytes
    firstEntry += entries
    return segment
  })
}

function whole(value: unknown, field: string, most: number): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0 || (value as number) > most) throw refusal(field)
  return value as number
}

function refusal(field: string): HotblockError {
  return new HotblockError('BAD_TABLE', `a root has impossible ${field}`, { field })
}

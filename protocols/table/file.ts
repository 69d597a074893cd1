/**
 * A whole table in one file, for whoever wants to keep or hand on what `hotblock hash` made:
 *
 *     { v: 1, root: Bytes, segments: [Bytes] }           DAG-CBOR; each different segment once
 *
 * Every part is checked as if a peer had sent it.
 */
import * as dagCbor from '@ipld/dag-cbor'
import { HotblockError } from '../errors.ts'
import { assembleTable } from './assemble.ts'
import { decodeMap } from './cbor.ts'
import { type Blob, tableCid } from './cid.ts'
import { decodeRoot } from './root.ts'
import type { Table } from './table.ts'

/** The table of an image of some TiB. */
export const TABLE_FILE_BYTES_MAX = 512 * 1024 * 1024
const VERSION = 1

/** @param blobs what TableBuilder gives: the root first, then each different segment */
export function encodeTableFile(blobs: readonly Blob[]): Uint8Array {
  const [root, ...segments] = blobs.map(({ bytes }) => bytes)
  return dagCbor.encode({ v: VERSION, root, segments })
}

/** @throws BAD_TABLE for anything but the file of one whole table */
export function decodeTableFile(bytes: Uint8Array): Table {
  const { v, root, segments } = decodeMap('table file', bytes, TABLE_FILE_BYTES_MAX, ['v', 'root', 'segments'])
  const whole = v === VERSION && root instanceof Uint8Array && Array.isArray(segments)
  if (!whole || !segments.every((segment) => segment instanceof Uint8Array)) {
    throw new HotblockError('BAD_TABLE', 'a table file has not the fields of one')
  }
  const bySegment = new Map(segments.map((segment) => [tableCid(segment).toString(), segment]))
  return assembleTable(decodeRoot(root), (cid) => bySegment.get(cid.toString()))
}

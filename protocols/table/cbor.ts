/** Strict DAG-CBOR: one value has one form, and nothing but that form is accepted. */
import * as dagCbor from '@ipld/dag-cbor'
import { HotblockError } from '../errors.ts'

/**
 * Decodes a map that has exactly these fields, from exactly the bytes that encoding it again gives.
 *
 * @param what named in the failure
 * @param keys the fields, all required
 * @throws BAD_TABLE
 */
export function decodeMap(what: string, bytes: Uint8Array, bytesMax: number, keys: readonly string[]) {
  if (bytes.length > bytesMax) {
    throw new HotblockError('BAD_TABLE', `a ${what} of ${bytes.length} bytes is too long`, { bytes: bytes.length })
  }
  let value: unknown
  let again: Uint8Array
  try {
    value = dagCbor.decode(bytes)
    again = dagCbor.encode(value)
  } catch (cause) {
    throw new HotblockError('BAD_TABLE', `a ${what} is not valid DAG-CBOR`, {}, cause)
  }
  if (Buffer.compare(again, bytes) !== 0) {
    throw new HotblockError('BAD_TABLE', `a ${what} is not in its only valid form`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new HotblockError('BAD_TABLE', `a ${what} is not a map`)
  }
  const fields = value as Record<string, unknown>
  const count = Object.keys(fields).length
  if (count !== keys.length || !keys.every((key) => Object.hasOwn(fields, key))) {
    throw new HotblockError('BAD_TABLE', `a ${what} does not have the fields of one`)
  }
  return fields
}

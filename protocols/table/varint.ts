/**
 * Series of unsigned varints (LEB128: seven bits a byte, least significant first, the top bit set on all but the last),
 * as https://github.com/multiformats/unsigned-varint has them: minimal, so that a number has one form.
 */
import { HotblockError } from '../errors.ts'

/** 7 bytes carry 49 bits, more than any number of a table; doubles hold them exactly. */
const VARINT_BYTES_MAX = 7

/**
 * @param values whole numbers from 0 to 2^49 - 1
 * @returns their varints, one after the other
 */
export function encodeVarints(values: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(values.length * VARINT_BYTES_MAX)
  let at = 0
  for (let i = 0; i < values.length; i++) {
    let rest = values[i]!
    while (rest >= 0x80) {
      bytes[at++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    bytes[at++] = rest
  }
  return bytes.slice(0, at)
}

/**
 * @param bytes varints and nothing else
 * @param countMax how many there may be
 * @throws BAD_TABLE when a varint is not minimal, too long or cut off, or when there are too many
 */
export function decodeVarints(bytes: Uint8Array, countMax: number): Float64Array {
  // Every varint ends with the one byte whose top bit is clear, so the bytes tell their count.
  let count = 0
  for (let at = 0; at < bytes.length; at++) if (bytes[at]! < 0x80) count++
  if (count > countMax) throw new HotblockError('BAD_TABLE', `a table lists more than ${countMax} numbers`, { count })
  const values = new Float64Array(count)
  let at = 0
  for (let i = 0; i < count; i++) {
    const start = at
    let value = 0
    let unit = 1
    while (bytes[at]! >= 0x80) {
      value += (bytes[at++]! - 0x80) * unit
      unit *= 0x80
    }
    const last = bytes[at++]!
    if (at - start > VARINT_BYTES_MAX || (last === 0 && at - start > 1)) {
      throw new HotblockError('BAD_TABLE', 'a number of a table is not in its shortest form')
    }
    values[i] = value + last * unit
  }
  if (at !== bytes.length) throw new HotblockError('BAD_TABLE', 'the last number of a table is cut off')
  return values
}

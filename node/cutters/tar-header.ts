/**
 * The headers of tar members: ustar, pax and GNU (POSIX.1-2017, pax; GNU tar manual, "Basic Tar Format").
 */

export const TAR_BLOCK_BYTES = 512
const CHECKSUM_OFFSET = 148
const CHECKSUM_BYTES = 8
const SIZE_OFFSET = 124
const SIZE_BYTES = 12
const SPARSE_MORE_OFFSET = 482
/** In the blocks that continue the map of an old GNU sparse file. */
const SPARSE_MORE_OFFSET_NEXT = 504
const TYPE_OFFSET = 156

export interface TarHeader {
  /** The type flag; '\0' of old archives is '0'. */
  readonly type: string
  /** Bytes that the header claims to be followed by. */
  readonly size: number
  /** An old GNU sparse file whose map goes on in a block after the header. */
  readonly sparseMore: boolean
}

/** Reads a header block. @returns undefined where the checksum or a number is wrong: this is no header */
export function parseHeader(block: Uint8Array): TarHeader | undefined {
  const claimed = parseNumber(block.subarray(CHECKSUM_OFFSET, CHECKSUM_OFFSET + CHECKSUM_BYTES))
  if (claimed === undefined) return undefined
  // The field itself counts as spaces. Some old writers added up signed bytes.
  let sum = 0
  let high = 0
  for (let i = 0; i < TAR_BLOCK_BYTES; i++) {
    const inside = i >= CHECKSUM_OFFSET && i < CHECKSUM_OFFSET + CHECKSUM_BYTES
    const byte = inside ? 0x20 : block[i]!
    sum += byte
    if (byte > 127) high++
  }
  if (claimed !== sum && claimed !== sum - high * 256) return undefined
  const size = parseNumber(block.subarray(SIZE_OFFSET, SIZE_OFFSET + SIZE_BYTES), 0)
  if (size === undefined) return undefined
  const type = block[TYPE_OFFSET] === 0 ? '0' : String.fromCharCode(block[TYPE_OFFSET]!)
  return { type, size, sparseMore: type === 'S' && block[SPARSE_MORE_OFFSET] !== 0 }
}

/** Does the map of an old GNU sparse file go on after this block, which continues it? */
export function sparseGoesOn(block: Uint8Array): boolean {
  return block[SPARSE_MORE_OFFSET_NEXT] !== 0
}

export function isZero(block: Uint8Array): boolean {
  return block.every((byte) => byte === 0)
}

/**
 * The last `size` of a pax header's records, each "LENGTH KEY=VALUE\n".
 * @returns bytes, or undefined where there is none that makes sense
 */
export function paxSize(records: Uint8Array): number | undefined {
  let found: number | undefined
  let at = 0
  while (at < records.length) {
    const space = records.indexOf(0x20, at)
    if (space < 0 || space === at || space - at > 10) break
    const length = Number(ascii(records.subarray(at, space)))
    const end = at + length
    if (!Number.isInteger(length) || end <= space + 1 || end > records.length) break
    const record = records.subarray(space + 1, end - 1)
    if (record.length < 64 && ascii(record.subarray(0, 5)) === 'size=') {
      const value = ascii(record.subarray(5))
      found = /^\d{1,15}$/.test(value) ? Number(value) : undefined
    }
    at = end
  }
  return found
}

/** Octal digits between spaces and NULs, or GNU's base-256 where the first bit is set. */
function parseNumber(field: Uint8Array, empty?: number): number | undefined {
  if (field[0]! & 0x80) return parseBase256(field)
  let value = 0
  let digits = 0
  for (const byte of field) {
    const blank = byte === 0 || byte === 0x20
    if (blank && digits > 0) break
    if (blank) continue
    if (byte < 0x30 || byte > 0x37) return undefined
    value = value * 8 + (byte - 0x30)
    digits++
  }
  return digits > 0 ? value : empty
}

function parseBase256(field: Uint8Array): number | undefined {
  let value = field[0]! & 0x7f
  // A set second bit is a negative number.
  if (value & 0x40) return undefined
  for (const byte of field.subarray(1)) value = value * 256 + byte
  return Number.isSafeInteger(value) ? value : undefined
}

function ascii(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes)
}

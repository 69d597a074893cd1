/**
 * As much of DER (X.690) as certificates of the libp2p TLS handshake need. Values are read from untrusted bytes: every
 * length is checked against what is there, and only definite lengths of at most four bytes are taken.
 */

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  /** Constructed, context-specific: the first and the fourth optional part of a TBSCertificate. */
  context0: 0xa0,
  context3: 0xa3,
} as const

export interface Value {
  readonly tag: number
  /** Without tag and length. */
  readonly content: Uint8Array
}

/** A value of these parts. */
export function encode(tag: number, ...parts: Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  return Buffer.concat([Uint8Array.of(tag), encodeLength(length), ...parts])
}

/** The values that lie one after the other in `bytes`. @throws RangeError where they are not DER */
export function decodeAll(bytes: Uint8Array): Value[] {
  const values: Value[] = []
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at]!
    const { length, contentAt } = decodeLength(bytes, at + 1)
    const end = contentAt + length
    if (end > bytes.length) throw new RangeError('a value is longer than what holds it')
    values.push({ tag, content: bytes.subarray(contentAt, end) })
    at = end
  }
  return values
}

/** The parts of a value that is all of `bytes` and has this tag. @throws RangeError */
export function decodeParts(bytes: Uint8Array, tag: number): Value[] {
  const values = decodeAll(bytes)
  if (values.length !== 1 || values[0]!.tag !== tag) throw new RangeError('another value was expected')
  return decodeAll(values[0]!.content)
}

function encodeLength(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length)
  const bytes: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256)
  return Uint8Array.of(0x80 | bytes.length, ...bytes)
}

function decodeLength(bytes: Uint8Array, at: number): { length: number; contentAt: number } {
  const first = bytes[at]
  if (first === undefined) throw new RangeError('a value ends before its length')
  if (first < 0x80) return { length: first, contentAt: at + 1 }
  const count = first & 0x7f
  if (count === 0 || count > 4 || at + count >= bytes.length) throw new RangeError('a length cannot be read')
  let length = 0
  for (let i = 1; i <= count; i++) length = length * 256 + bytes[at + i]!
  return { length, contentAt: at + 1 + count }
}

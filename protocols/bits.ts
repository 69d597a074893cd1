/** Bit fields: bit i is bit (i & 7) of byte i >> 3. */

export function bitFieldBytes(count: number): number {
  return (count + 7) >> 3
}

export function newBits(count: number): Uint8Array {
  return new Uint8Array(bitFieldBytes(count))
}

export function getBit(bits: Uint8Array, index: number): boolean {
  return ((bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0
}

export function setBit(bits: Uint8Array, index: number): void {
  bits[index >> 3]! |= 1 << (index & 7)
}

export function clearBit(bits: Uint8Array, index: number): void {
  bits[index >> 3]! &= ~(1 << (index & 7))
}

/** Bytes of 0 and 1 as a bit field. */
export function packBits(flags: Uint8Array): Uint8Array {
  const bits = newBits(flags.length)
  for (let i = 0; i < flags.length; i++) if (flags[i] !== 0) setBit(bits, i)
  return bits
}

/** A bit field as `count` bytes of 0 and 1. */
export function unpackBits(bits: Uint8Array, count: number): Uint8Array {
  const flags = new Uint8Array(count)
  for (let i = 0; i < count; i++) flags[i] = getBit(bits, i) ? 1 : 0
  return flags
}

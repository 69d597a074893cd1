/** CRC-32C (Castagnoli), reflected, as ext4's metadata has it: nothing is inverted at the beginning or the end. */
const TABLE = Uint32Array.from({ length: 256 }, (_value, i) => {
  let crc = i
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc >>> 0
})

/** @param seed what an earlier part gave, 0xffffffff at the beginning @returns 0 to 2^32 - 1 */
export function crc32c(seed: number, bytes: Uint8Array): number {
  let crc = seed
  for (const byte of bytes) crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] ?? 0)
  return crc >>> 0
}

/** Sizes and rates as people write them. Pure. */

const SIZE = /^(\d{1,16}(?:\.\d{1,9})?)\s*([kmgtp]?)(i?)(b?)$/i
const RATE = /^(\d{1,16}(?:\.\d{1,9})?)\s*([kmgtp]?)(i?)(b?|bits?|bps)$/i
const POWERS = 'kmgtp'
const PER_SECOND = /\s*\/\s*s(?:ec)?$/i

/**
 * Reads a size: '20G' and '20GiB' are 20 * 1024^3 bytes, '20GB' is 20 * 1000^3, '4096' is bytes. Letters may be of
 * either case; fractions are rounded down to whole bytes.
 *
 * @returns bytes, or undefined where the text is no size or is beyond 2^53
 */
export function parseSize(text: string): number | undefined {
  const match = SIZE.exec(text.trim())
  if (match === null) return undefined
  const [, number = '', letter = '', binary = '', byte = ''] = match
  if (binary !== '' && letter === '') return undefined
  return scaled(number, letter, binary === '' && byte !== '' ? 1000 : 1024, 1)
}

/**
 * Reads a rate: sizes are bytes a second ('100M' is 100 * 1024^2), 'bit' counts bits with decimal prefixes as network
 * cards do ('1Gbit' is 125,000,000 bytes a second). A trailing '/s' is allowed.
 *
 * @returns bytes a second, or undefined where the text is no rate
 */
export function parseRate(text: string): number | undefined {
  const bare = text.trim().replace(PER_SECOND, '')
  const match = RATE.exec(bare)
  if (match === null) return undefined
  const [, number = '', letter = '', binary = '', unit = ''] = match
  if (unit.length <= 1) return parseSize(bare)
  if (binary !== '' && letter === '') return undefined
  return scaled(number, letter, binary === '' ? 1000 : 1024, 8)
}

function scaled(number: string, letter: string, base: number, divisor: number): number | undefined {
  const power = letter === '' ? 0 : POWERS.indexOf(letter.toLowerCase()) + 1
  const bytes = Math.floor((Number(number) * base ** power) / divisor)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

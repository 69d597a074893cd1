/** What a Range header asks for (RFC 9110, 14.2). Pure. */

export interface ByteRange {
  /** First and last byte, both included. */
  readonly first: number
  readonly last: number
}

const ONE = /^bytes=(\d{0,16})-(\d{0,16})$/

/**
 * @param bytes size of the file, at least 1
 * @returns the range; 'whole' where there is none, or one that need not be understood (several ranges, another unit);
 *   'none' where it lies outside of the file
 */
export function readRange(header: string | undefined, bytes: number): ByteRange | 'whole' | 'none' {
  const match = header === undefined ? null : ONE.exec(header.replaceAll(' ', ''))
  if (match === null) return 'whole'
  const [, from = '', to = ''] = match
  if (from === '' && to === '') return 'whole'
  if (from === '') {
    const length = Math.min(Number(to), bytes)
    return length === 0 ? 'none' : { first: bytes - length, last: bytes - 1 }
  }
  const first = Number(from)
  if (to !== '' && Number(to) < first) return 'whole'
  if (first >= bytes) return 'none'
  return { first, last: to === '' ? bytes - 1 : Math.min(Number(to), bytes - 1) }
}

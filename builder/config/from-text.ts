/** Bytes from outside as text: bounded, and UTF-8 or refused. */
import { REQUEST_BYTES_MAX } from './limits.ts'
import { badRequest } from './problems.ts'

/** @throws BAD_REQUEST */
export function requestText(input: Uint8Array | string, what: string): string {
  const bytes = typeof input === 'string' ? Buffer.byteLength(input) : input.length
  if (bytes > REQUEST_BYTES_MAX) {
    throw badRequest([{ field: '', message: `${what} has more than ${REQUEST_BYTES_MAX} bytes` }])
  }
  try {
    if (typeof input !== 'string') return new TextDecoder('utf-8', { fatal: true }).decode(input)
  } catch (cause) {
    throw badRequest([{ field: '', message: `${what} is not UTF-8` }], cause)
  }
  if (input.isWellFormed()) return input
  throw badRequest([{ field: '', message: `${what} is not well-formed Unicode` }])
}

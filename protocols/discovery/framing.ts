/** Messages of the providers protocol on a stream: each after its length, a varint of at most three bytes. */
import type { Stream } from '@libp2p/interface'
import { type LengthPrefixedStream, lpStream } from '@libp2p/utils'
import type { Uint8ArrayList } from 'uint8arraylist'
import { asHotblockError, HotblockError } from '../errors.ts'

const LENGTH_BYTES_MAX = 3

/**
 * @param messageBytesMax of messages that are read
 * @returns its reads throw what brokenFraming() tells from a lost connection
 */
export function framed(stream: Stream, messageBytesMax: number): LengthPrefixedStream<Stream> {
  // A peer has at most one message ahead of the one that is read.
  const maxBufferSize = 2 * messageBytesMax
  return lpStream(stream, { maxDataLength: messageBytesMax, maxBufferSize, lengthDecoder: readLength })
}

/** What was thrown, as a failure: BAD_MESSAGE where the peer broke the framing. */
export function framingFailure(error: unknown): HotblockError {
  if (error instanceof Error && BROKEN.has(error.name)) {
    return new HotblockError('BAD_MESSAGE', `providers protocol: ${error.message}`, {}, error)
  }
  return asHotblockError(error)
}

const BROKEN = new Set([
  'InvalidDataLengthError',
  'InvalidDataLengthLengthError',
  'InvalidMessageLengthError',
  'StreamBufferError',
])

/**
 * lpStream asks again with one more byte for as long as this throws a RangeError.
 * @throws BAD_MESSAGE for a length that goes on
 */
function readLength(bytes: Uint8Array | Uint8ArrayList): number {
  const last = bytes.byteLength - 1
  const at = (i: number): number => (bytes instanceof Uint8Array ? bytes[i]! : bytes.get(i))
  if (at(last) >= 0x80) {
    if (bytes.byteLength < LENGTH_BYTES_MAX) throw new RangeError('the length goes on')
    throw new HotblockError('BAD_MESSAGE', 'providers protocol: the length of a message is too long')
  }
  let length = 0
  for (let i = last; i >= 0; i--) length = length * 128 + (at(i) & 0x7f)
  return length
}

/** Frames of the push protocol: a stream of records, each after its length. */
import { HotblockError } from '../../errors.ts'
import { RECORD_BYTES_MAX } from '../constants.ts'
import { FRAME_HEAD_BYTES, RECORDS_PER_STREAM_MAX } from './constants.ts'

/** What libp2p's streams give: bytes, or a list of pieces that `subarray` makes one. */
export interface Chunk {
  readonly byteLength: number
  subarray(): Uint8Array
}

/** The most bytes that a well-behaved stream carries. */
export const STREAM_BYTES_MAX = RECORDS_PER_STREAM_MAX * (FRAME_HEAD_BYTES + RECORD_BYTES_MAX)

export function* encodeFrames(records: Iterable<Uint8Array>): Generator<Uint8Array> {
  for (const record of records) {
    const frame = new Uint8Array(FRAME_HEAD_BYTES + record.length)
    new DataView(frame.buffer).setUint16(0, record.length)
    frame.set(record, FRAME_HEAD_BYTES)
    yield frame
  }
}

/**
 * Cuts a stream into records again, whatever pieces it comes in.
 * @throws BAD_MESSAGE for an empty or too long frame, or too many frames; NO_PEERS for an end within one
 */
export async function* decodeFrames(source: AsyncIterable<Chunk> | Iterable<Chunk>): AsyncGenerator<Uint8Array> {
  let rest: Uint8Array = new Uint8Array(0)
  let frames = 0
  for await (const chunk of source) {
    rest = rest.length === 0 ? chunk.subarray() : Buffer.concat([rest, chunk.subarray()])
    while (rest.length >= FRAME_HEAD_BYTES) {
      const length = (rest[0]! << 8) | rest[1]!
      if (length === 0 || length > RECORD_BYTES_MAX) {
        throw new HotblockError('BAD_MESSAGE', `a frame of ${length} bytes where a record was due`)
      }
      if (rest.length < FRAME_HEAD_BYTES + length) break
      frames += 1
      if (frames > RECORDS_PER_STREAM_MAX) {
        throw new HotblockError('BAD_MESSAGE', `more than ${RECORDS_PER_STREAM_MAX} records on one stream`)
      }
      yield rest.slice(FRAME_HEAD_BYTES, FRAME_HEAD_BYTES + length)
      rest = rest.subarray(FRAME_HEAD_BYTES + length)
    }
  }
  if (rest.length > 0) throw new HotblockError('NO_PEERS', 'a stream ended within a record')
}

import type { Stream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { HotblockError } from '../errors.ts'
import { SEND_TIMEOUT_MS } from './constants.ts'
import { badMessage } from './messages.ts'

/**
 * The bodies of length-prefixed messages (4 bytes, big endian), as they arrive on a stream. The caller bounds what may
 * arrive by what it has asked for.
 * @param bytesMax a longer message ends the iteration before it is buffered
 * @param count told how many bytes arrived, prefixes included
 * @throws BAD_MESSAGE for a message that is too long; NO_PEERS when the stream ends within one
 */
export async function* readMessages(
  stream: AsyncIterable<Uint8Array | Uint8ArrayList>,
  bytesMax: number,
  count: (bytes: number) => void = () => {},
): AsyncGenerator<Uint8Array> {
  const pending = new Uint8ArrayList()
  let need = -1
  for await (const chunk of stream) {
    count(chunk.byteLength)
    pending.append(chunk)
    while (true) {
      if (need < 0) {
        if (pending.byteLength < 4) break
        need = pending.getUint32(0)
        if (need > bytesMax) throw badMessage(`a message of ${need} bytes`)
        pending.consume(4)
      }
      if (pending.byteLength < need) break
      // A slice is one contiguous copy; the chunks that it lay in are free again.
      const body = need === 0 ? new Uint8Array(0) : pending.slice(0, need)
      pending.consume(need)
      need = -1
      yield body
    }
  }
  // A peer that was stopped or lost breaks off wherever it was: that is no offence.
  if (need >= 0 || pending.byteLength > 0) throw new HotblockError('NO_PEERS', 'the stream ended within a message')
}

/** Sends the parts of a message as one piece and waits until the stream takes more; rejects if it does not for long. */
export async function writeMessage(stream: Stream, parts: Uint8Array[]): Promise<void> {
  const list = new Uint8ArrayList(...parts)
  if (!stream.send(list)) await stream.onDrain({ signal: AbortSignal.timeout(SEND_TIMEOUT_MS) })
}

import type { Stream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { MESSAGE_BYTES_MAX } from './constants.ts'
import { badMessage } from './messages.ts'

/**
 * The bodies of length-prefixed messages (4 bytes, big endian), as they arrive on a stream. The caller bounds what may
 * arrive by what it has asked for; a longer message than the limit ends the iteration with BAD_MESSAGE before it is buffered.
 * @param count told how many bytes arrived, prefixes included
 */
export async function* readMessages(
  stream: AsyncIterable<Uint8Array | Uint8ArrayList>,
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
        if (need > MESSAGE_BYTES_MAX) throw badMessage(`a message of ${need} bytes`)
        pending.consume(4)
      }
      if (pending.byteLength < need) break
      // A slice is one contiguous buffer of its own: what is cut from it later may be handed to another thread.
      const body = need === 0 ? new Uint8Array(0) : pending.slice(0, need)
      pending.consume(need)
      need = -1
      yield body
    }
  }
  if (need >= 0 || pending.byteLength > 0) throw badMessage('half a message')
}

/** Sends the parts of a message as one piece and waits until the stream takes more. */
export async function writeMessage(stream: Stream, parts: Uint8Array[], signal?: AbortSignal): Promise<void> {
  const list = new Uint8ArrayList(...parts)
  if (!stream.send(list)) await stream.onDrain(signal === undefined ? {} : { signal })
}

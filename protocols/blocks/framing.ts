import type { Stream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { HotblockError } from '../errors.ts'
import { FRAME_BYTES_MAX, SEND_TIMEOUT_MS } from './constants.ts'
import { badMessage } from './messages.ts'

/** Longer messages, parts of tables, are gathered as they come: what a peer says is long need not become so. */
const AT_ONCE_BYTES_MAX = FRAME_BYTES_MAX + 64 * 1024

/**
 * The bodies of length-prefixed messages (4 bytes, big endian), as they arrive on a stream. The caller bounds what may
 * arrive by what it has asked for. What has come of a body is copied to where it stays, so that the small buffers that it came
 * in are garbage at once: those that a collection finds in use twice stay for long.
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
  let body: Body | undefined
  for await (const chunk of stream) {
    count(chunk.byteLength)
    pending.append(chunk)
    while (true) {
      if (body === undefined) {
        if (pending.byteLength < 4) break
        const bytes = pending.getUint32(0)
        if (bytes > bytesMax) throw badMessage(`a message of ${bytes} bytes`)
        pending.consume(4)
        body = new Body(bytes)
      }
      const whole = body.take(pending)
      if (whole === undefined) break
      body = undefined
      yield whole
    }
  }
  // A peer that was stopped or lost breaks off wherever it was: that is no offence.
  if (body !== undefined || pending.byteLength > 0)
    throw new HotblockError('NO_PEERS', 'the stream ended within a message')
}

/** The body of a message while it arrives. */
class Body {
  readonly #bytes: number
  #buffer: Uint8Array | undefined
  #filled = 0

  constructor(bytes: number) {
    this.#bytes = bytes
  }

  /** Takes what belongs to it. @returns the body, in a buffer of its own, if that was all */
  take(pending: Uint8ArrayList): Uint8Array | undefined {
    if (this.#filled === 0 && (pending.byteLength >= this.#bytes || this.#bytes > AT_ONCE_BYTES_MAX)) {
      if (pending.byteLength < this.#bytes) return undefined
      const whole = this.#bytes === 0 ? new Uint8Array(0) : pending.slice(0, this.#bytes)
      pending.consume(this.#bytes)
      return whole
    }
    this.#buffer ??= new Uint8Array(this.#bytes)
    const bytes = Math.min(pending.byteLength, this.#bytes - this.#filled)
    for (const part of pending.sublist(0, bytes)) {
      this.#buffer.set(part, this.#filled)
      this.#filled += part.byteLength
    }
    pending.consume(bytes)
    return this.#filled === this.#bytes ? this.#buffer : undefined
  }
}

/** Sends the parts of a message as one piece and waits until the stream takes more; rejects if it does not for long. */
export async function writeMessage(stream: Stream, parts: Uint8Array[]): Promise<void> {
  const list = new Uint8ArrayList(...parts)
  if (!stream.send(list)) await stream.onDrain({ signal: AbortSignal.timeout(SEND_TIMEOUT_MS) })
}

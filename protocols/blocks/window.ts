import type { Stream } from '@libp2p/interface'

/** What may be under way on a stream at first, and at least: what yamux says. */
export const WINDOW_BYTES_MIN = 256 * 1024
export const WINDOW_BYTES_MAX = 4 * 1024 * 1024
/** What may be under way, as time at the rate at which the stream delivers. */
const WINDOW_MS = 100
/** How long a rate is measured. */
const MEASURE_MS = 50

/**
 * How much a peer may send on a stream before it hears that it was received. yamux begins with 256 KiB, which is less than a
 * frame, and makes more of it only while it knows the round trip, by pings of its own: on a quick network each frame waits for
 * an answer. More than a tenth of a second's worth, on a slow one, is what short messages would have to wait behind.
 *
 * It sets what yamux's streams have for this; nothing is done to others.
 */
export class StreamWindow {
  readonly #stream: { recvWindow?: unknown }
  #bytes = 0
  #since: number | undefined

  constructor(stream: Stream) {
    this.#stream = stream as { recvWindow?: unknown }
  }

  /** @param now milliseconds, of any clock */
  received(bytes: number, now: number): void {
    this.#since ??= now
    this.#bytes += bytes
    const ms = now - this.#since
    if (ms < MEASURE_MS || typeof this.#stream.recvWindow !== 'number') return
    const wanted = Math.round((this.#bytes / ms) * WINDOW_MS)
    this.#stream.recvWindow = Math.min(WINDOW_BYTES_MAX, Math.max(WINDOW_BYTES_MIN, wanted))
    this.#bytes = 0
    this.#since = now
  }
}

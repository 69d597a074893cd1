import { once } from 'node:events'
import type { TLSSocket } from 'node:tls'
import type { AbortOptions, MessageStream, StreamCloseEvent } from '@libp2p/interface'
import { AbstractMessageStream, type SendResult } from '@libp2p/utils'
import { Uint8ArrayList } from 'uint8arraylist'
import { letGo } from '../../garbage.ts'

/**
 * What was sent and received over a TLS socket, as libp2p sees it; `connection` is what the socket took over. What is given
 * to it is copied before send() returns: whoever sends may use those bytes for something else then.
 */
export class TlsMessageStream extends AbstractMessageStream {
  readonly #connection: MessageStream
  readonly #socket: TLSSocket
  #corked = false
  #arrived = new Uint8ArrayList()
  readonly #deliver = (): void => {
    const arrived = this.#arrived
    this.#arrived = new Uint8ArrayList()
    this.onData(arrived)
  }
  readonly #uncork = (): void => {
    this.#corked = false
    this.#socket.uncork()
  }

  constructor(connection: MessageStream, socket: TLSSocket) {
    const { log, direction, inactivityTimeout, maxReadBufferLength } = connection
    super({ log, direction, inactivityTimeout, maxReadBufferLength })
    this.#connection = connection
    this.#socket = socket
    socket.on('data', (bytes: Buffer) => this.#arrive(bytes))
    socket.on('drain', () => this.safeDispatchEvent('drain'))
    socket.on('error', (error) => connection.abort(error))
    connection.addEventListener('close', (event) => this.#closed(event))
  }

  override send(data: Uint8Array | Uint8ArrayList): boolean {
    return super.send(this.writableNeedsDrain ? copyOf(data) : data)
  }

  /**
   * What is sent in one turn of the event loop goes to OpenSSL and to the kernel in one call. yamux answers each of its
   * frames with a message of twelve bytes, and each call costs as much as encrypting a hundred thousand.
   */
  override sendData(data: Uint8ArrayList): SendResult {
    if (!this.#corked) {
      this.#corked = true
      this.#socket.cork()
      setImmediate(this.#uncork)
    }
    const bytes = data.slice()
    // The socket is done with it by then, and does not leave it to the collector.
    return { sentBytes: bytes.byteLength, canSendMore: this.#socket.write(bytes, () => letGo(bytes)) }
  }

  /**
   * What came in one turn of the event loop goes on in one piece: OpenSSL gives 16 KiB at a time, and each piece passes
   * through events, lists and yamux.
   */
  #arrive(bytes: Buffer): void {
    if (this.#arrived.byteLength === 0) setImmediate(this.#deliver)
    this.#arrived.append(bytes)
  }

  /** Sends what is left, then ends both. */
  override async close(options?: AbortOptions): Promise<void> {
    if (this.#socket.destroyed) return
    this.#socket.uncork()
    this.#socket.destroySoon()
    await once(this.#socket, 'close', options?.signal === undefined ? {} : { signal: options.signal })
  }

  override sendReset(error: Error): void {
    this.#connection.abort(error)
    this.#socket.destroy()
  }

  override sendPause(): void {
    this.#socket.pause()
  }

  override sendResume(): void {
    this.#socket.resume()
  }

  #closed({ error, local }: StreamCloseEvent): void {
    this.#deliver()
    if (error === undefined) this.onTransportClosed()
    else if (local === true) this.abort(error)
    else this.onRemoteReset()
  }
}

function copyOf(data: Uint8Array | Uint8ArrayList): Uint8Array {
  return data instanceof Uint8ArrayList ? data.slice() : new Uint8Array(data)
}

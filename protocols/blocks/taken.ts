import type { Stream } from '@libp2p/interface'

interface Given {
  /** Bytes that had been given to the stream when this message was its last. */
  readonly end: number
  readonly taken: () => void
}

/** Says when a stream holds no byte of a message any more: its connection has taken them all, in the order in which they came. */
export class TakenMessages {
  readonly #stream: Pick<Stream, 'writeBufferLength'>
  readonly #waiting: Given[] = []
  #givenBytes = 0

  constructor(stream: Pick<Stream, 'writeBufferLength' | 'addEventListener'>) {
    this.#stream = stream
    stream.addEventListener('idle', () => this.#look())
  }

  /** To be called after everything that is given to the stream. @param taken called once */
  gave(bytes: number, taken?: () => void): void {
    this.#givenBytes += bytes
    if (taken !== undefined) this.#waiting.push({ end: this.#givenBytes, taken })
    this.#look()
  }

  #look(): void {
    const takenBytes = this.#givenBytes - this.#stream.writeBufferLength
    for (let first = this.#waiting[0]; first !== undefined && first.end <= takenBytes; first = this.#waiting[0]) {
      this.#waiting.shift()
      first.taken()
    }
  }
}

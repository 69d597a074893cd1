const PEERS_MAX = 10_000

/** Bytes of the block exchange with each peer since the daemon started. */
export class Traffic {
  readonly #peers = new Map<string, { received: number; sent: number }>()
  readonly #moved: (bytes: number) => void

  /** @param moved told of all bytes, either way */
  constructor(moved: (bytes: number) => void = () => {}) {
    this.#moved = moved
  }

  received(peer: string, bytes: number): void {
    this.#of(peer).received += bytes
    this.#moved(bytes)
  }

  sent(peer: string, bytes: number): void {
    this.#of(peer).sent += bytes
    this.#moved(bytes)
  }

  with(peer: string): { received: number; sent: number } {
    return this.#peers.get(peer) ?? { received: 0, sent: 0 }
  }

  #of(peer: string): { received: number; sent: number } {
    let row = this.#peers.get(peer)
    if (row === undefined) {
      const [oldest] = this.#peers.keys()
      if (this.#peers.size >= PEERS_MAX && oldest !== undefined) this.#peers.delete(oldest)
      row = { received: 0, sent: 0 }
      this.#peers.set(peer, row)
    }
    return row
  }
}

/** Knows who is in the swarm, and names some of them at random. */
import type { Random } from '../../../protocols/ports.ts'
import type { Peer } from './peer.ts'

export class Tracker {
  readonly #random: Random
  readonly #peers: Peer[] = []
  readonly #at = new Map<Peer, number>()

  constructor(random: Random) {
    this.#random = random
  }

  /** @returns at most `count` others */
  announce(peer: Peer, count: number): Peer[] {
    const named = new Set<Peer>()
    const most = Math.min(count, this.#peers.length - (this.#at.has(peer) ? 1 : 0))
    while (named.size < most) {
      const other = this.#peers[Math.floor(this.#random() * this.#peers.length)]!
      if (other !== peer) named.add(other)
    }
    if (!this.#at.has(peer)) this.#at.set(peer, this.#peers.push(peer) - 1)
    return [...named]
  }

  leave(peer: Peer): void {
    const at = this.#at.get(peer)
    if (at === undefined) return
    this.#at.delete(peer)
    const last = this.#peers.pop()!
    if (last === peer) return
    this.#peers[at] = last
    this.#at.set(last, at)
  }
}

/**
 * Who of those that fetch an image asks the builder for which piece. All of them come to the same answer without a
 * word, from each other's names alone (rendezvous hashing): each piece is the share of the one whose name and the
 * piece's number give the highest mix. A share is a preference, no promise: what nobody else has is taken anyway.
 */

import { hashOf, mix } from '../rendezvous.ts'

/** The share of names in a swarm of fetching peers; `self` among them. */
export class Shares {
  readonly #self: number
  readonly #others = new Map<string, number>()

  constructor(self: string) {
    this.#self = hashOf(self)
  }

  join(peer: string): void {
    this.#others.set(peer, hashOf(peer))
  }

  leave(peer: string): void {
    this.#others.delete(peer)
  }

  /** Is the piece this node's own share? True for all of them while it knows of nobody else. */
  isOwn(piece: number): boolean {
    const own = scoreOf(this.#self, piece)
    for (const other of this.#others.values()) if (scoreOf(other, piece) > own) return false
    return true
  }
}

function scoreOf(name: number, piece: number): number {
  return mix((name ^ Math.imul(piece + 1, 0x9e3779b1)) >>> 0)
}

/**
 * Who of those that fetch an image asks the builder for which piece. All of them come to the same answer without a
 * word, from each other's names alone (rendezvous hashing): each piece is the share of the one whose name and the
 * piece's number give the highest mix. A share is a preference, no promise: what nobody else has is taken anyway.
 */

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
    const own = mix(this.#self, piece)
    for (const other of this.#others.values()) if (mix(other, piece) > own) return false
    return true
  }
}

/** FNV-1a of a name, 32 bits. */
function hashOf(name: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** A well-mixed 32-bit number of two (the finaliser of MurmurHash3). */
function mix(name: number, piece: number): number {
  let x = (name ^ Math.imul(piece + 1, 0x9e3779b1)) >>> 0
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}

/**
 * What one peer could be asked for: pieces that it holds and that are wanted here. A peer of a swarm that runs well holds
 * much that is here already and little that is not, so looking for it among all wanted pieces would mostly miss. Pure.
 */
import type { Random } from '../../../protocols/ports.ts'

/** So many entries may be stale before they are looked through. */
const TIDY_MIN = 64

export class Offers {
  #pieces: number[] = []
  #tidyAt = TIDY_MIN

  /** Entries, stale ones among them. */
  get size(): number {
    return this.#pieces.length
  }

  /** @param isOpen whether a piece is wanted still; what is not is forgotten now and then */
  add(piece: number, isOpen: (piece: number) => boolean): void {
    this.#pieces.push(piece)
    if (this.#pieces.length < this.#tidyAt) return
    this.#pieces = this.#pieces.filter(isOpen)
    this.#tidyAt = Math.max(TIDY_MIN, 2 * this.#pieces.length)
  }

  /**
   * @param count pieces that are looked at, at random
   * @param countMax and while none of them will do
   * @param isOpen pieces that are not wanted any more are dropped on the way
   * @param score the less the better; Infinity: not this one
   * @returns the best; undefined if none of those that were looked at will do
   */
  choose(
    count: number,
    countMax: number,
    random: Random,
    isOpen: (piece: number) => boolean,
    score: (piece: number) => number,
  ): number | undefined {
    const pieces = this.#pieces
    let best: number | undefined
    let bestScore = Number.POSITIVE_INFINITY
    // The first `looked` entries are those that were looked at.
    for (let looked = 0; looked < pieces.length && looked < (best === undefined ? countMax : count); ) {
      const at = looked + Math.floor(random() * (pieces.length - looked))
      const piece = pieces[at]!
      if (!isOpen(piece)) {
        pieces[at] = pieces[pieces.length - 1]!
        pieces.pop()
        continue
      }
      pieces[at] = pieces[looked]!
      pieces[looked++] = piece
      const found = score(piece)
      if (found >= bestScore) continue
      best = piece
      bestScore = found
    }
    return best
  }
}

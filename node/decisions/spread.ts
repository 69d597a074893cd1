/**
 * Which pieces a builder has given to whom a moment ago. Pure; the time comes in.
 *
 * A swarm is done when its builder has given out every piece once and the last one has gone round; a piece given out twice
 * holds up all those that come after it. So a worker that asks the builder for what it could have from others soon says so,
 * and is sent away when another worker has just got it: with a few of those that it would take as well and that nobody has
 * got, which are kept for it. Without them it would have to guess, and most guesses are wrong once most pieces are out.
 */

/** A piece that went out is not given to another worker for so long: it takes that to be found with others. */
export const SPREAD_MS = 4_000

/** Pieces that are kept for a client that was sent away. */
export const KEPT_PIECES_MAX = 2

export class Spread {
  readonly #given = new Map<number, { by: string; at: number }>()

  /**
   * @param wishes pieces that the client would take in place of these
   * @returns undefined: the client shall have the pieces; else nobody else than it is given those that come back
   */
  grant(now: number, client: string, pieces: readonly number[], wishes: readonly number[]): number[] | undefined {
    const first = pieces[0]
    if (first === undefined) return undefined
    if (this.#isFree(now, client, first)) {
      for (const piece of pieces) this.#given.set(piece, { by: client, at: now })
      return undefined
    }
    const kept = wishes.filter((piece) => this.#isFree(now, client, piece)).slice(0, KEPT_PIECES_MAX)
    for (const piece of kept) this.#given.set(piece, { by: client, at: now })
    return kept
  }

  /** The client went: what it was given may have gone with it. */
  left(client: string): void {
    for (const [piece, { by }] of this.#given) if (by === client) this.#given.delete(piece)
  }

  #isFree(now: number, client: string, piece: number): boolean {
    const given = this.#given.get(piece)
    return given === undefined || given.by === client || now - given.at >= SPREAD_MS
  }
}

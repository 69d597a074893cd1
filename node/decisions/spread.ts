/**
 * Which pieces a builder has given to whom a moment ago. Pure; the time comes in.
 *
 * A swarm is done when its builder has given out every piece once and the last one has gone round; a piece given out twice
 * holds up all those that come after it. So a worker that asks the builder for what it could have from others soon says so,
 * and is sent away when another worker has just got it.
 */

/** A piece that went out is not given to another worker for so long: it takes that to be found with others. */
export const SPREAD_MS = 4_000

export class Spread {
  readonly #given = new Map<number, { by: string; at: number }>()

  /** @returns true if the client shall have the pieces: nobody else got the first of them a moment ago */
  grant(now: number, client: string, pieces: readonly number[]): boolean {
    const first = pieces[0]
    if (first === undefined) return true
    const given = this.#given.get(first)
    if (given !== undefined && given.by !== client && now - given.at < SPREAD_MS) return false
    for (const piece of pieces) this.#given.set(piece, { by: client, at: now })
    return true
  }

  /** The client went: what it was given may have gone with it. */
  left(client: string): void {
    for (const [piece, { by }] of this.#given) if (by === client) this.#given.delete(piece)
  }
}

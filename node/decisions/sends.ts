/**
 * How often this node has begun to send what. Pure. What went out least goes out first, so that a node passes on what it
 * alone has before it helps with what many have: in a swarm a new frame is soon with several nodes, which pass it on too.
 */

/** Frames that are counted; beyond, all begin anew. */
export const COUNTED_MAX = 65_536

export interface Sends {
  count: number
}

export class SendCounts {
  readonly #counts = new Map<number, Sends>()

  /** The count of a frame, to be kept and raised when it is sent. @param frame a number that stands for it */
  of(frame: number): Sends {
    const known = this.#counts.get(frame)
    if (known !== undefined) return known
    if (this.#counts.size >= COUNTED_MAX) this.#counts.clear()
    const sends = { count: 0 }
    this.#counts.set(frame, sends)
    return sends
  }
}

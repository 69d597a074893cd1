/** The first bytes count as if they had come over at least this part of the span. */
const WARM_UP_SHARE = 0.1

/** What comes in, as bytes a second over about the last `spanMs`; older bytes fade. */
export class Meter {
  readonly #spanMs: number
  #bytes = 0
  #at = Number.NEGATIVE_INFINITY
  #since = Number.NEGATIVE_INFINITY

  constructor(spanMs: number) {
    this.#spanMs = spanMs
  }

  add(now: number, bytes: number): void {
    if (now - this.#at >= this.#spanMs) {
      this.#bytes = 0
      this.#since = now
    }
    this.#bytes = this.#faded(now) + bytes
    this.#at = now
  }

  /** Bytes a second; 0 when nothing has come for a whole span. */
  rate(now: number): number {
    if (now - this.#at >= this.#spanMs) return 0
    const spans = Math.max((now - this.#since) / this.#spanMs, WARM_UP_SHARE)
    // A meter that has run for long has seen a whole span's bytes, a young one the part that it ran for.
    const seenMs = this.#spanMs * (1 - Math.exp(-spans))
    return (this.#faded(now) / seenMs) * 1000
  }

  #faded(now: number): number {
    return this.#bytes === 0 ? 0 : this.#bytes * Math.exp((this.#at - now) / this.#spanMs)
  }
}

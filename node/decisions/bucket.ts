/** A token bucket: so many bytes a second on average, bursts of at most one second's worth. Pure; time comes in. */
export class Bucket {
  #tokens: number
  #at = 0
  readonly #rate: number

  /** @param bytesPerSecond the limit; Infinity for none */
  constructor(bytesPerSecond: number) {
    this.#rate = bytesPerSecond
    this.#tokens = bytesPerSecond
  }

  /** Milliseconds from `now` until something may be sent; 0 when it may at once. */
  waitMs(now: number): number {
    if (this.#rate === Number.POSITIVE_INFINITY) return 0
    this.#refill(now)
    return this.#tokens > 0 ? 0 : Math.ceil((-this.#tokens / this.#rate) * 1000) + 1
  }

  /** Takes bytes out; the bucket may go below zero once, and the debt delays what comes next. */
  spend(now: number, bytes: number): void {
    if (this.#rate === Number.POSITIVE_INFINITY) return
    this.#refill(now)
    this.#tokens -= bytes
  }

  #refill(now: number): void {
    if (now > this.#at) this.#tokens = Math.min(this.#rate, this.#tokens + ((now - this.#at) / 1000) * this.#rate)
    this.#at = Math.max(this.#at, now)
  }
}

/**
 * One buffer that a thread uses again and again, so that jobs do not make garbage. What it holds is good until the next
 * call of its owner; jobs are synchronous, so nobody comes between.
 */
export class Scratch {
  #buffer = Buffer.alloc(0)

  /** A buffer of at least `bytes` bytes, with whatever was left in it. */
  atLeast(bytes: number): Buffer {
    if (this.#buffer.length < bytes) this.#buffer = Buffer.allocUnsafeSlow(bytes)
    return this.#buffer
  }
}

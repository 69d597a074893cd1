/**
 * What flows that end within a quantum leave of their links. In truth the flows that go on, or begin, have it at once; here
 * they have it in the next quantum. Without that every frame would cost its links half a quantum, on average. Pure.
 */
import { FLOW_LINKS, NO_LINK } from './fair.ts'

export class Leftover {
  /** Bytes a second of each link in the quantum to come: its own rate, and what was left. */
  readonly capacity: Float64Array
  readonly #own: Float64Array
  readonly #seconds: number
  readonly #bytes: Float64Array
  /** For how long of the quantum there was a flow that could have had it; without one it is lost. */
  readonly #usableSeconds: Float64Array
  #isLeft = false
  #wasLeft = false

  /** @param own bytes a second of each link; may be changed between quanta @param seconds of a quantum */
  constructor(own: Float64Array, seconds: number) {
    this.#own = own
    this.#seconds = seconds
    this.capacity = own.slice()
    this.#bytes = new Float64Array(own.length)
    this.#usableSeconds = new Float64Array(own.length)
  }

  /** A quantum begins. @returns whether `capacity` may differ from the last quantum's though no link's own rate does */
  next(): boolean {
    const differs = this.#isLeft || this.#wasLeft
    for (let link = 0; link < this.capacity.length; link++) {
      const own = this.#own[link]!
      const usable = this.#usableSeconds[link]!
      this.capacity[link] = usable === 0 ? own : own + Math.min(this.#bytes[link]!, own * usable) / this.#seconds
    }
    this.#bytes.fill(0)
    this.#usableSeconds.fill(0)
    this.#wasLeft = this.#isLeft
    this.#isLeft = false
    return differs
  }

  /** A flow's last frame ended in this quantum. @param at of its first link @param bytes that it could have sent still */
  ended(links: Int32Array, at: number, bytes: number): void {
    this.#isLeft = true
    for (let i = at; i < at + FLOW_LINKS; i++) if (links[i] !== NO_LINK) this.#bytes[links[i]!]! += bytes
  }

  /** A flow has something to send for so long of this quantum, its end. @param at of its first link */
  waits(links: Int32Array, at: number, seconds: number): void {
    const usable = this.#usableSeconds
    for (let i = at; i < at + FLOW_LINKS; i++) {
      const link = links[i]!
      if (link !== NO_LINK && usable[link]! < seconds) usable[link] = seconds
    }
  }
}

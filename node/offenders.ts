import type { Clock } from '../protocols/ports.ts'

/** A peer that broke the rules is left alone for so long. */
export const OFFENCE_MS = 60 * 60 * 1000
const OFFENDERS_MAX = 10_000

/** Peers that sent wrong bytes or broke a protocol: neither asked nor served for an hour. */
export class OffenderList {
  readonly #clock: Clock
  readonly #log: { warn(data: object, message: string): void }
  readonly #until = new Map<string, number>()

  constructor(clock: Clock, log: { warn(data: object, message: string): void }) {
    this.#clock = clock
    this.#log = log
  }

  get size(): number {
    return this.#until.size
  }

  has(peer: string): boolean {
    const until = this.#until.get(peer)
    if (until === undefined) return false
    if (this.#clock.now() < until) return true
    this.#until.delete(peer)
    return false
  }

  add(peer: string, code: string): void {
    this.#log.warn({ peer, code }, 'the peer is left alone for an hour')
    if (this.#until.size >= OFFENDERS_MAX) {
      const [oldest] = this.#until.keys()
      if (oldest !== undefined) this.#until.delete(oldest)
    }
    this.#until.set(peer, this.#clock.now() + OFFENCE_MS)
  }
}

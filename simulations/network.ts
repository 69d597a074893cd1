/**
 * A virtual network: every node has a link with a rate up and a rate down, and between any two lies the same latency.
 *
 * Frames queue at the sender's link and then share the receiver's, one after the other; a frame flows through both at
 * once, as packets would, so that its time is that of the slower one. Small messages take the latency only. One frame is
 * three events, whatever else is under way, which is what lets a simulation have thousands of nodes.
 */
import type { VirtualClock } from './clock.ts'

/** While a frame is on its way, its receiver hears of it this often. */
const PROGRESS_MS = 200

export interface Arrival {
  /** Some of the frame's bytes arrived. */
  progress(): void
  arrived(): void
  /** The frame takes nothing of the sender any more, whether it arrived or not. */
  ended(): void
}

interface Frame {
  readonly to: Link
  readonly bytes: number
  readonly arrival: Arrival
}

/** A node's connection to the network. Rates are bytes a second. */
export class Link {
  readonly upBytes: number
  readonly downBytes: number
  /** Nothing passes any more, and nobody is told. */
  cut = false
  readonly queue: Frame[] = []
  sending = false
  /** Until when it is busy with what is on its way to this node. */
  freeAt = 0

  constructor(upBytes: number, downBytes: number) {
    this.upBytes = upBytes
    this.downBytes = downBytes
  }
}

export class Network {
  readonly #clock: VirtualClock
  readonly latencyMs: number

  constructor(clock: VirtualClock, latencyMs: number) {
    this.#clock = clock
    this.latencyMs = latencyMs
  }

  /** A message that is too small to take time on a link. */
  tell(from: Link, to: Link, run: () => void): void {
    if (from.cut) return
    this.#clock.after(this.latencyMs, () => {
      if (!from.cut && !to.cut) run()
    })
  }

  send(from: Link, to: Link, bytes: number, arrival: Arrival): void {
    from.queue.push({ to, bytes, arrival })
    if (!from.sending) this.#next(from)
  }

  #next(from: Link): void {
    const frame = from.queue.shift()
    from.sending = frame !== undefined
    if (frame === undefined) return
    const { to, bytes } = frame
    const upMs = (bytes / from.upBytes) * 1000
    const startsAt = this.#clock.now() + this.latencyMs
    // A slow sender takes of the receiver's link only what it fills; the rest is there for others.
    to.freeAt = Math.max(startsAt, to.freeAt) + (bytes / to.downBytes) * 1000
    const endsAt = Math.max(startsAt + upMs, to.freeAt)
    this.#clock.after(upMs, () => this.#next(from))
    this.#travel(from, frame, endsAt)
  }

  #travel(from: Link, frame: Frame, endsAt: number): void {
    const left = endsAt - this.#clock.now()
    this.#clock.after(Math.min(left, PROGRESS_MS), () => {
      const lost = from.cut || frame.to.cut
      if (left > PROGRESS_MS) {
        if (!lost) frame.arrival.progress()
        return this.#travel(from, frame, endsAt)
      }
      if (!lost) frame.arrival.arrived()
      frame.arrival.ended()
    })
  }
}

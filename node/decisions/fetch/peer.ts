import { getBit } from '../../../protocols/bits.ts'
import { WINDOW_BYTES_MAX, WINDOW_BYTES_MIN, WINDOW_BYTES_START, WINDOW_SECONDS } from './limits.ts'
import { Offers } from './offers.ts'

/** builder: signed the image's record. swarm: holds or fetches the image. hook: holds some of its blocks in other images. */
export type Role = 'builder' | 'swarm' | 'hook'

export interface Request {
  readonly id: number
  readonly items: readonly number[]
  readonly bytes: number
  readonly at: number
  /** What it holds was asked from others because the peer kept silent. */
  hedged: boolean
  /** When its answer was here in full, to be unpacked and written; the peer owes nothing for it any more. */
  arrivedAt?: number
}

/** Of the last delivery in what is smoothed. */
const WEIGHT = 0.2

/** What a fetch knows of one peer: what it holds, what it was asked for, how fast it delivers. */
export class PeerState {
  readonly id: string
  readonly role: Role
  /** Stands in the same rack as this node. */
  near = false
  /** Holds the whole image. */
  all = false
  /** Pieces that it holds whole: a bit each. */
  held: Uint8Array | undefined
  /** Of those, what is wanted here. */
  readonly offers = new Offers()
  /** Items that it holds in other images: a bit each. */
  items: Uint8Array | undefined
  /** Items that it said it does not have, whatever its bits say. */
  readonly lacks = new Set<number>()
  readonly requests = new Map<number, Request>()
  inFlightBytes = 0
  windowBytes: number
  /**
   * Bytes of blocks a second of each delivery, smoothed; 0 before the first. Of frames that come in a burst each seems
   * fast, so it is what the peer may come to, and the window has room to grow.
   */
  rate = 0
  /** Bytes of a delivery, and milliseconds that it took, smoothed. */
  #bytes = 0
  #ms = 0
  /** Milliseconds from request to delivery, smoothed. */
  latencyMs = 0
  /** The least that it ever was: the way there and back, and what it takes to make a frame. */
  quickestMs = Number.POSITIVE_INFINITY
  heardAt: number
  deliveredAt = 0
  busyUntil = 0
  /** The piece that it was asked for last: the next request goes on there. */
  piece: number | undefined
  /** What it holds counts when the rarest is chosen and the builder is spared. */
  counted = false
  /** How often what it holds has changed. */
  changes = 0
  /** Changes, its own and those of the demand, when there was last found to be nothing to ask it for. */
  nothingAt = -1

  /** Pieces that it keeps for this node, for a moment. */
  kept: number[] = []
  /** There was nothing to ask it for but what others are getting: it is left alone until then. */
  nothingUntil = 0

  constructor(id: string, role: Role, now: number, windowBytes: number = WINDOW_BYTES_START) {
    this.id = id
    this.windowBytes = windowBytes
    this.role = role
    this.heardAt = now
  }

  /** Says of every piece that it may have it: `offers` does not tell. */
  get mayHaveAny(): boolean {
    return this.all || this.items !== undefined
  }

  mayHavePiece(piece: number): boolean {
    if (this.mayHaveAny) return true
    return this.held !== undefined && getBit(this.held, piece)
  }

  hasItem(item: number, piece: number): boolean {
    if (this.lacks.size > 0 && this.lacks.has(item)) return false
    if (this.all) return true
    if (this.held !== undefined && getBit(this.held, piece)) return true
    return this.items !== undefined && getBit(this.items, item)
  }

  /** It was asked for the item, and has not answered. */
  owes(item: number): boolean {
    for (const { items } of this.requests.values()) if (items.includes(item)) return true
    return false
  }

  /** Bytes of blocks a second over the time of its deliveries: what to compare peers by. 0 before the first. */
  get throughput(): number {
    return this.#ms === 0 ? 0 : (this.#bytes / this.#ms) * 1000
  }

  get spareBytes(): number {
    return this.windowBytes - this.inFlightBytes
  }

  /** Without a sign of life since `since` although it owes something: how long, in milliseconds. */
  silentMs(now: number): number {
    // They stand in the order in which they were sent.
    for (const { at, arrivedAt } of this.requests.values()) {
      if (arrivedAt === undefined) return now - Math.max(at, this.heardAt)
    }
    return 0
  }

  sent(request: Request): void {
    this.requests.set(request.id, request)
    this.inFlightBytes += request.bytes
  }

  /** Takes a request off the books. */
  settle(id: number): Request | undefined {
    const request = this.requests.get(id)
    if (request === undefined) return undefined
    this.requests.delete(id)
    this.inFlightBytes -= request.bytes
    return request
  }

  /**
   * A request was answered in full. The window follows the rate: enough under way to keep the peer busy until it can be
   * asked again and for WINDOW_SECONDS more, so that a fast or far peer is never idle and a slow one is not sat on by blocks
   * that others could bring sooner.
   */
  delivered(request: Request, now: number): void {
    const at = request.arrivedAt ?? now
    const latency = at - request.at
    this.latencyMs += (latency - this.latencyMs) * (this.latencyMs === 0 ? 1 : WEIGHT)
    const since = Math.max(at - Math.max(this.deliveredAt, request.at), 1)
    const rate = (request.bytes / since) * 1000
    const weight = this.rate === 0 ? 1 : WEIGHT
    this.rate += (rate - this.rate) * weight
    this.#bytes += (request.bytes - this.#bytes) * weight
    this.#ms += (since - this.#ms) * weight
    this.deliveredAt = at
    this.quickestMs = Math.min(this.quickestMs, latency)
    const wanted = Math.max(WINDOW_BYTES_MIN, this.rate * (WINDOW_SECONDS + this.quickestMs / 1000))
    this.windowBytes = Math.min(WINDOW_BYTES_MAX, wanted, this.windowBytes + request.bytes)
  }
}

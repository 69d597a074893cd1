/**
 * The decisions of one fetch: what to ask from whom, when to ask somebody else, whom to drop.
 *
 * Pure: events and the time come in, actions come out; it knows no streams and no files. The daemon carries the actions
 * out over libp2p, the simulator over a virtual network.
 *
 * Rules
 *  1. Rarest first: of a random sample of the segments that a peer holds, the one that the fewest others hold.
 *  2. The builder is spared: while other peers deliver, it is asked only for what none of them holds, and of that first for
 *     what none of them is getting. So the workers' first requests to it differ, and it sends each block about once.
 *  3. As much is under way from a peer as it delivers in half a second, and no more than a bound in all.
 *  4. A silent peer's blocks are asked from others within a second; at the end so are those of slow peers.
 *  5. A peer that sends a wrong block is dropped, and everything it owes is wanted again.
 */
import type { Random } from '../../../protocols/ports.ts'
import { Bucket } from '../bucket.ts'
import { choosePeerOrder, chooseSegment, Scarcity } from './choose.ts'
import { Demand, type Items } from './demand.ts'
import {
  BUILDER_SPARE_MS,
  END_HEDGE_MS,
  IN_FLIGHT_BYTES_MAX,
  PEER_REQUESTS_MAX,
  REQUEST_BYTES_MAX,
  SEEK_INTERVAL_MS,
  SILENT_DROP_MS,
  SILENT_HEDGE_MS,
} from './limits.ts'
import { PeerState, type Request, type Role } from './peer.ts'

export type DropReason = 'silent' | 'wrong-block'

export type FetchAction =
  | { readonly do: 'get'; readonly peer: string; readonly request: number; readonly items: readonly number[] }
  | { readonly do: 'cancel'; readonly peer: string; readonly request: number }
  | { readonly do: 'drop'; readonly peer: string; readonly reason: DropReason }
  /** Nobody known has what is wanted: look for more peers. */
  | { readonly do: 'seek' }
  /** Everything wanted is here, and no more will be wanted. */
  | { readonly do: 'done' }

export interface FetchInit {
  readonly items: Items
  readonly random: Random
  readonly rateDownBytes?: number | undefined
  /** Until then the builder is not asked, so that peers with the same blocks can be found first; `settled` ends it. */
  readonly builderFromMs?: number
}

/** What became of each item of a request, in the request's order. */
export const ITEM_GOOD = 1
export const ITEM_WRONG = 2
export const ITEM_MISSING = 3

export class FetchMachine {
  readonly demand: Demand
  readonly #peers = new Map<string, PeerState>()
  readonly #random: Random
  readonly #scarcity: Scarcity
  readonly #bucket: Bucket
  #builderFromMs: number
  #inFlightBytes = 0
  #nextRequest = 1
  #closed = false
  #done = false
  #soughtAt = Number.NEGATIVE_INFINITY
  #othersDeliveredAt = Number.NEGATIVE_INFINITY
  /** Wire bytes per byte of blocks, smoothed: what a request will cost of the rate limit. */
  #wireRatio = 1
  #actions: FetchAction[] = []

  constructor(init: FetchInit) {
    this.demand = new Demand(init.items)
    this.#random = init.random
    this.#bucket = new Bucket(init.rateDownBytes ?? Number.POSITIVE_INFINITY)
    this.#builderFromMs = init.builderFromMs ?? 0
    this.#scarcity = new Scarcity(init.items.segmentCount, init.items.lengths.length)
  }

  get peers(): ReadonlyMap<string, PeerState> {
    return this.#peers
  }

  get inFlightBytes(): number {
    return this.#inFlightBytes
  }

  /** These items are to be fetched. */
  want(now: number, items: Iterable<number>): FetchAction[] {
    for (const item of items) this.demand.want(item)
    return this.#decide(now)
  }

  /** No more items will be wanted: when all are here, the fetch is done. */
  close(now: number): FetchAction[] {
    this.#closed = true
    return this.#decide(now)
  }

  /** The first round of discovery is over: the builder may be asked. */
  settled(now: number): FetchAction[] {
    this.#builderFromMs = 0
    return this.#decide(now)
  }

  peerOpened(now: number, id: string, role: Role, holdsAll: boolean): FetchAction[] {
    if (this.#peers.has(id)) return []
    const peer = new PeerState(id, role, now)
    peer.all = holdsAll
    this.#scarcity.countAll(peer, 1)
    this.#peers.set(id, peer)
    return this.#decide(now)
  }

  /** The peer has come to hold segments whole, and to fetch others. */
  peerHolds(now: number, id: string, held: Iterable<number>, getting: Iterable<number>): FetchAction[] {
    const peer = this.#peers.get(id)
    if (peer === undefined) return []
    peer.heardAt = now
    this.#scarcity.note(peer, now, held, getting)
    return this.#decide(now)
  }

  /** The peer has answered which items it holds in other images: a bit an item. */
  peerHasItems(now: number, id: string, bits: Uint8Array): FetchAction[] {
    const peer = this.#peers.get(id)
    if (peer === undefined || peer.all) return []
    peer.heardAt = now
    this.#scarcity.countItems(peer.items, -1)
    peer.items = bits
    this.#scarcity.countItems(bits, 1)
    return this.#decide(now)
  }

  /** Bytes of a peer arrived that are not yet an answer: it lives. */
  peerHeard(now: number, id: string): void {
    const peer = this.#peers.get(id)
    if (peer !== undefined) peer.heardAt = now
  }

  peerGone(now: number, id: string): FetchAction[] {
    this.#forget(id)
    return this.#decide(now)
  }

  /**
   * A frame was unpacked and its blocks verified and written.
   * @param outcome ITEM_GOOD, ITEM_WRONG or ITEM_MISSING for each item of the request
   * @param wireBytes what the frame took on the wire
   */
  delivered(now: number, id: string, requestId: number, outcome: Uint8Array, wireBytes: number): FetchAction[] {
    const peer = this.#peers.get(id)
    const request = peer?.settle(requestId)
    if (peer === undefined || request === undefined) return []
    this.#inFlightBytes -= request.bytes
    peer.heardAt = now
    let good = 0
    let wrong = false
    for (let i = 0; i < request.items.length; i++) {
      const item = request.items[i]!
      if (outcome[i] === ITEM_GOOD) {
        this.demand.done(item)
        good++
        continue
      }
      if (!request.hedged) this.demand.unask(item)
      if (outcome[i] === ITEM_WRONG) wrong = true
      else peer.lacks.add(item)
    }
    if (wrong) {
      this.#actions.push({ do: 'drop', peer: id, reason: 'wrong-block' })
      this.#forget(id)
    } else if (good > 0) {
      peer.delivered(request, now)
      if (peer.role !== 'builder') this.#othersDeliveredAt = now
      this.#wireRatio = this.#wireRatio * 0.9 + (wireBytes / request.bytes) * 0.1
    }
    return this.#decide(now)
  }

  /** The peer will not answer the request now; it may be asked again after `ms`. */
  busy(now: number, id: string, requestId: number, ms: number): FetchAction[] {
    const peer = this.#peers.get(id)
    const request = peer?.settle(requestId)
    if (peer === undefined || request === undefined) return []
    peer.heardAt = now
    peer.busyUntil = now + ms
    this.#release(request)
    return this.#decide(now)
  }

  /** Time has passed; to be called about every 100 ms. */
  tick(now: number): FetchAction[] {
    for (const peer of [...this.#peers.values()]) {
      const silentMs = peer.silentMs(now)
      if (silentMs > SILENT_DROP_MS) {
        this.#actions.push({ do: 'drop', peer: peer.id, reason: 'silent' })
        this.#forget(peer.id)
      } else if (silentMs > SILENT_HEDGE_MS) {
        for (const request of peer.requests.values()) this.#hedge(request)
      }
    }
    return this.#decide(now)
  }

  /** Lets others be asked for what a silent peer owes; what it delivers after all still counts. */
  #hedge(request: Request): void {
    if (request.hedged) return
    request.hedged = true
    for (const item of request.items) if (!this.demand.isDone(item)) this.demand.unask(item)
  }

  #release(request: Request): void {
    this.#inFlightBytes -= request.bytes
    if (!request.hedged) for (const item of request.items) this.demand.unask(item)
  }

  #forget(id: string): void {
    const peer = this.#peers.get(id)
    if (peer === undefined) return
    this.#peers.delete(id)
    for (const request of peer.requests.values()) this.#release(request)
    this.#scarcity.forget(peer)
  }

  #decide(now: number): FetchAction[] {
    if (!this.#done) {
      this.#fill(now)
      if (this.demand.wanted === 0) this.#doubleAtEnd(now)
      if (this.#closed && this.demand.wanted === 0 && this.demand.asked === 0) {
        this.#done = true
        for (const peer of this.#peers.values()) {
          for (const request of peer.requests.keys()) this.#actions.push({ do: 'cancel', peer: peer.id, request })
        }
        this.#actions.push({ do: 'done' })
      } else if (this.demand.wanted > 0 && this.demand.asked === 0 && now - this.#soughtAt >= SEEK_INTERVAL_MS) {
        this.#soughtAt = now
        this.#actions.push({ do: 'seek' })
      }
    }
    const actions = this.#actions
    this.#actions = []
    return actions
  }

  #fill(now: number): void {
    if (this.demand.wanted === 0) return
    for (const peer of choosePeerOrder(this.#peers.values(), this.#random)) {
      while (this.demand.wanted > 0 && this.#mayAsk(peer, now)) {
        const items = this.#choose(peer, now)
        if (items.length === 0) break
        this.#ask(peer, items, now)
      }
    }
  }

  #mayAsk(peer: PeerState, now: number): boolean {
    if (peer.spareBytes < REQUEST_BYTES_MAX && peer.requests.size > 0) return false
    if (peer.requests.size >= PEER_REQUESTS_MAX) return false
    if (this.#inFlightBytes >= IN_FLIGHT_BYTES_MAX || now < peer.busyUntil) return false
    if (peer.role === 'builder' && now < this.#builderFromMs) return false
    return peer.silentMs(now) <= SILENT_HEDGE_MS && this.#bucket.waitMs(now) === 0
  }

  #choose(peer: PeerState, now: number): number[] {
    const spare = peer.role === 'builder' && now - this.#othersDeliveredAt < BUILDER_SPARE_MS
    const segment = chooseSegment(this.demand, peer, this.#scarcity, spare, now, this.#random)
    if (segment === undefined) return []
    const { segments } = this.demand.items
    const { hookHolders, holders } = this.#scarcity
    const takes = (item: number) => peer.hasItem(item, segments[item]!) && !(spare && hookHolders[item]! > 0)
    const enters = (next: number) => peer.mayHaveSegment(next) && !(spare && holders[next]! > 0)
    return this.demand.take(segment, takes, enters)
  }

  #ask(peer: PeerState, items: readonly number[], now: number): void {
    let bytes = 0
    for (const item of items) {
      this.demand.ask(item)
      bytes += this.demand.items.lengths[item]!
    }
    const request: Request = { id: this.#nextRequest++, items, bytes, at: now, hedged: false }
    peer.sent(request)
    this.#inFlightBytes += bytes
    this.#bucket.spend(now, bytes * this.#wireRatio)
    this.#actions.push({ do: 'get', peer: peer.id, request: request.id, items })
  }

  /** Nothing is left to ask for the first time: what has been under way for long is asked from a second peer. */
  #doubleAtEnd(now: number): void {
    for (const peer of choosePeerOrder(this.#peers.values(), this.#random)) {
      if (!this.#mayAsk(peer, now)) continue
      for (const other of this.#peers.values()) {
        if (other === peer) continue
        for (const request of other.requests.values()) {
          if (request.hedged || now - request.at < Math.max(END_HEDGE_MS, 2 * other.latencyMs)) continue
          const items = request.items.filter(
            (item) =>
              this.demand.isAsked(item) &&
              this.demand.askers(item) === 1 &&
              peer.hasItem(item, this.demand.items.segments[item]!),
          )
          if (items.length === 0) continue
          this.#ask(peer, items, now)
          if (!this.#mayAsk(peer, now)) break
        }
        if (!this.#mayAsk(peer, now)) break
      }
    }
  }
}

/**
 * The decisions of one fetch: what to ask from whom, when to ask somebody else, whom to drop.
 *
 * Pure: events and the time come in, actions come out; it knows no streams and no files. The daemon carries the actions
 * out over libp2p, the simulator over a virtual network.
 *
 * Rules
 *  1. Rarest first: of a random sample of the pieces that a peer holds, the one that the fewest others hold.
 *  2. The builder is spared: while other peers deliver, and not much slower than it would, it is asked only for what none
 *     of them holds or is getting, first for this node's own share of that. So the workers' requests to it differ, and it
 *     sends each block about once.
 *  3. As much is under way from a peer as it delivers while a request is answered and a twentieth of a second more, and no
 *     more than a bound in all.
 *  4. A silent peer's blocks are asked from others within a second; at the end so are those of slow peers.
 *  5. A peer that sends a wrong block is dropped, and everything it owes is wanted again.
 */
import type { Random } from '../../../protocols/ports.ts'
import { Bucket } from '../bucket.ts'
import type { Limiter } from '../rates.ts'
import { KEPT_PIECES_MAX } from '../spread.ts'
import { type FetchAction, type FetchInit, ITEM_GOOD, ITEM_WRONG } from './actions.ts'
import { choosePeerOrder } from './choose.ts'
import { Chooser } from './chooser.ts'
import { Demand } from './demand.ts'
import { lateItems } from './end.ts'
import {
  BUILDER_SPARE_MS,
  IN_FLIGHT_BYTES_MAX,
  LOOK_MS,
  NOTHING_MS,
  PEER_REQUESTS_MAX,
  REQUEST_BYTES_MAX,
  SEEK_INTERVAL_MS,
  SILENT_DROP_MS,
  SILENT_HEDGE_MS,
  SLOW_SHARE,
  TICK_LATE_MS,
  TICK_MS,
  WINDOW_BYTES_START,
} from './limits.ts'
import { Meter } from './meter.ts'
import { PeerState, type Request, type Role } from './peer.ts'
import { isSpared } from './spare.ts'

export * from './actions.ts'

export class FetchMachine {
  readonly demand: Demand
  readonly #peers = new Map<string, PeerState>()
  readonly #builders = new Set<PeerState>()
  readonly #random: Random
  readonly #rack: string | undefined
  readonly chooser: Chooser
  readonly #limiter: Limiter
  readonly #isLimited: boolean
  #builderFromMs: number
  #inFlightBytes = 0
  readonly #windowStart: number
  #nextRequest = 1
  #closed = false
  #done = false
  #soughtAt = Number.NEGATIVE_INFINITY
  readonly #others = new Meter(BUILDER_SPARE_MS)
  /** Wire bytes per byte of blocks, smoothed: what a request will cost of the rate limit. */
  #wireRatio = 1
  #tickedAt: number | undefined
  #lookAt = 0
  #actions: FetchAction[] = []

  constructor(init: FetchInit) {
    this.demand = new Demand(init.items)
    this.#random = init.random
    this.#rack = init.rack
    this.#isLimited = init.limiter !== undefined || init.rateDownBytes !== undefined
    this.#limiter = init.limiter ?? new Bucket(init.rateDownBytes ?? Number.POSITIVE_INFINITY)
    this.#builderFromMs = init.builderFromMs ?? 0
    this.#windowStart = Math.max(REQUEST_BYTES_MAX, WINDOW_BYTES_START / (init.grain ?? 1))
    this.chooser = new Chooser(this.demand, { self: init.self ?? '', rack: init.rack, random: init.random })
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

  peerOpened(now: number, id: string, role: Role, holdsAll: boolean, rack?: string): FetchAction[] {
    if (this.#peers.has(id)) return []
    const peer = new PeerState(id, role, now, this.#windowStart)
    peer.near = rack !== undefined && rack === this.#rack
    peer.all = holdsAll
    this.#peers.set(id, peer)
    if (role === 'builder') this.#builders.add(peer)
    this.chooser.opened(peer)
    return this.#decide(now)
  }

  /** The peer has come to hold pieces whole, and to fetch others. */
  peerHolds(now: number, id: string, held: Iterable<number>, getting: Iterable<number>): FetchAction[] {
    const peer = this.#peers.get(id)
    if (peer === undefined) return []
    peer.heardAt = now
    this.chooser.holds(peer, now, held, getting)
    return this.demand.asked > 0 && !this.#mayAsk(peer, now) ? [] : this.#decide(now, peer)
  }

  /** The peer has answered which items it holds in other images: a bit an item. */
  peerHasItems(now: number, id: string, bits: Uint8Array): FetchAction[] {
    const peer = this.#peers.get(id)
    if (peer === undefined || peer.all) return []
    peer.heardAt = now
    this.chooser.scarcity.noteItems(peer, bits)
    return this.#decide(now)
  }

  /** Bytes of a peer arrived that are not yet an answer: it lives. */
  peerHeard(now: number, id: string): void {
    const peer = this.#peers.get(id)
    if (peer !== undefined) peer.heardAt = now
  }

  /** The answer to a request is here in full and waits to be unpacked: however long the disk takes, the peer did its part. */
  arrived(now: number, id: string, requestId: number): void {
    const peer = this.#peers.get(id)
    const request = peer?.requests.get(requestId)
    if (peer === undefined || request === undefined) return
    peer.heardAt = now
    request.arrivedAt = now
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
    // Others are looked at again only if it was for this request that they were not asked.
    const isTight = this.#isLimited || !this.#hasRoom
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
      if (peer.role !== 'builder') this.#others.add(now, request.bytes)
      this.#wireRatio = this.#wireRatio * 0.9 + (wireBytes / request.bytes) * 0.1
    }
    return this.#decide(now, isTight || good < request.items.length ? undefined : peer)
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

  /**
   * The builder gave what was asked for to another worker a moment ago: it will come from there.
   * @param kept pieces that it keeps for this node instead
   */
  claimed(now: number, id: string, requestId: number, kept: readonly number[]): FetchAction[] {
    const peer = this.#peers.get(id)
    const request = peer?.settle(requestId)
    if (peer === undefined || request === undefined) return []
    peer.heardAt = now
    const { pieces } = this.demand.items
    for (const item of request.items) this.chooser.scarcity.claimedAt[pieces[item]!] = now
    this.#release(request)
    peer.kept = kept.slice(0, KEPT_PIECES_MAX)
    if (kept.length === 0) peer.nothingUntil = now + NOTHING_MS
    return this.#decide(now)
  }

  /** Time has passed; to be called every TICK_MS. */
  tick(now: number): FetchAction[] {
    const lateMs = now - (this.#tickedAt ?? now) - TICK_MS
    this.#tickedAt = now
    if (lateMs > TICK_LATE_MS) this.#excuse(now, lateMs)
    if (now >= this.#lookAt) this.#look(now)
    if (!this.#done && this.demand.wanted === 0) this.#doubleAtEnd(now)
    return this.#decide(now)
  }

  /** Who is silent, or slow against the builder? Looked at again as soon as that may be otherwise. */
  #look(now: number): void {
    this.#lookAt = now + LOOK_MS
    const slow = this.#builderThroughput() * SLOW_SHARE
    for (const peer of this.#peers.values()) {
      const silentMs = peer.silentMs(now)
      const nextMs = silentMs <= SILENT_HEDGE_MS ? SILENT_HEDGE_MS : SILENT_DROP_MS
      this.#lookAt = Math.min(this.#lookAt, now - silentMs + nextMs)
      this.chooser.scarcity.count(
        peer,
        silentMs <= SILENT_HEDGE_MS && (peer.throughput === 0 || peer.throughput >= slow),
      )
      if (silentMs > SILENT_DROP_MS) {
        this.#actions.push({ do: 'drop', peer: peer.id, reason: 'silent' })
        this.#forget(peer.id)
      } else if (silentMs > SILENT_HEDGE_MS) {
        for (const request of peer.requests.values()) this.#hedge(request)
      }
    }
  }

  /** While this node itself stood still it heard nobody, whatever they said: that is no silence of theirs. */
  #excuse(now: number, ms: number): void {
    for (const peer of this.#peers.values()) {
      const silentMs = peer.silentMs(now)
      if (silentMs > 0) peer.heardAt = now - Math.max(0, silentMs - ms)
    }
  }

  /** Lets others be asked for what a silent peer owes; what it delivers after all still counts. */
  #hedge(request: Request): void {
    if (request.hedged || request.arrivedAt !== undefined) return
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
    this.#builders.delete(peer)
    for (const request of peer.requests.values()) this.#release(request)
    this.chooser.gone(peer)
  }

  /** @param only what happened can have changed nothing but what this peer may be asked for */
  #decide(now: number, only?: PeerState): FetchAction[] {
    if (!this.#done) {
      const all = this.#hasRoom ? this.#peers.values() : this.#builders
      this.#fill(now, only === undefined ? all : [only])
      if (this.#closed && this.demand.wanted === 0 && this.demand.asked === 0) {
        this.#done = true
        for (const peer of this.#peers.values()) {
          for (const { id, bytes } of [...peer.requests.values()]) {
            this.#actions.push({ do: 'cancel', peer: peer.id, request: id })
            this.#inFlightBytes -= bytes
            peer.settle(id)
          }
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

  #fill(now: number, peers: Iterable<PeerState>): void {
    this.chooser.offerOpened(this.#peers)
    if (this.demand.wanted === 0) return
    const free: PeerState[] = []
    for (const peer of peers) if (!this.chooser.hasNothing(peer) && this.#mayAsk(peer, now)) free.push(peer)
    if (free.length === 0) return
    // What only the builder has comes first: the swarm is no faster than the builder gives out new blocks.
    for (const peer of free) if (peer.role === 'builder') this.#askFor(peer, now, true)
    for (const peer of choosePeerOrder(free, this.#random)) this.#askFor(peer, now, false)
  }

  #isSpared(builder: PeerState, now: number): boolean {
    return isSpared(builder, this.#peers.values(), this.#others.rate(now), now)
  }

  /** Asks the peer for as much as it may be asked for. @param rare only for what nobody but it, the builder, has */
  #askFor(peer: PeerState, now: number, rare: boolean): void {
    const isFar = this.chooser.isFar(peer)
    while (this.demand.wanted > 0 && this.#mayAsk(peer, now)) {
      const items = rare ? this.chooser.rare(peer, now) : this.#choose(peer, isFar, now)
      if (items.length === 0) break
      this.#ask(peer, items, now, rare || isFar)
    }
  }

  #choose(peer: PeerState, isFar: boolean, now: number): number[] {
    if (peer.role === 'builder') return this.chooser.fromBuilder(peer, this.#isSpared(peer, now), now)
    return isFar ? this.chooser.fromFar(peer, this.#inFlightBytes, now) : this.chooser.from(peer, now)
  }

  #mayAsk(peer: PeerState, now: number): boolean {
    if (peer.spareBytes < REQUEST_BYTES_MAX && peer.requests.size > 0) return false
    if (peer.requests.size >= PEER_REQUESTS_MAX) return false
    if (now < peer.busyUntil || now < peer.nothingUntil) return false
    if (peer.role === 'builder' ? this.#inFlightBytes >= IN_FLIGHT_BYTES_MAX : !this.#hasRoom) return false
    if (peer.role === 'builder' && now < this.#builderFromMs) return false
    return peer.silentMs(now) <= SILENT_HEDGE_MS && this.#limiter.waitMs(now) === 0
  }

  /** For the builder some is kept free: others must not keep a node from bringing in what nobody else has. */
  get #hasRoom(): boolean {
    return this.#inFlightBytes < IN_FLIGHT_BYTES_MAX - this.#windowStart
  }

  #builderThroughput(): number {
    let most = 0
    for (const { throughput } of this.#builders) most = Math.max(most, throughput)
    return most
  }

  #ask(peer: PeerState, items: readonly number[], now: number, claims = false): void {
    let bytes = 0
    for (const item of items) {
      this.demand.ask(item)
      bytes += this.demand.items.lengths[item]!
    }
    const request: Request = { id: this.#nextRequest++, items, bytes, at: now, hedged: false }
    peer.sent(request)
    this.#inFlightBytes += bytes
    this.#limiter.spend(now, bytes * this.#wireRatio)
    const claim = claims && peer.role === 'builder' ? { wishes: this.chooser.wishes(peer, now) } : undefined
    this.#actions.push({
      do: 'get',
      peer: peer.id,
      request: request.id,
      items,
      claim,
      told: claims && claim === undefined,
    })
  }

  /** Nothing is left to ask for the first time: what has been under way for long is asked from a second peer. */
  #doubleAtEnd(now: number): void {
    for (const peer of choosePeerOrder([...this.#peers.values()], this.#random)) {
      if (!this.#mayAsk(peer, now)) continue
      for (const other of this.#peers.values()) {
        if (other === peer) continue
        for (const request of other.requests.values()) {
          const items = lateItems(this.demand, other, request, peer, now)
          if (items.length === 0) continue
          this.#ask(peer, items, now)
          if (!this.#mayAsk(peer, now)) break
        }
        if (!this.#mayAsk(peer, now)) break
      }
    }
  }
}

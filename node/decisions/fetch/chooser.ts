/**
 * What to ask which peer for. Of the builder what nobody else has; of a peer in another rack what nobody in this one has;
 * of any other the rarest that it holds. Pure.
 */
import { getBit } from '../../../protocols/bits.ts'
import type { Random } from '../../../protocols/ports.ts'
import { choosePiece, chooseWishes, type Rule, Scarcity } from './choose.ts'
import type { Demand } from './demand.ts'
import { FAR_STARVED_BYTES, NOTHING_MS } from './limits.ts'
import type { PeerState } from './peer.ts'
import { Shares } from './shares.ts'

export interface ChooserInit {
  /** This node's own name, among those of the peers. */
  readonly self: string
  /** Where this node stands; undefined: it does not know. */
  readonly rack: string | undefined
  readonly random: Random
}

export class Chooser {
  readonly scarcity: Scarcity
  readonly #demand: Demand
  readonly #init: ChooserInit
  /** Among all that fetch the image, and among those of this rack. */
  readonly #shares: Shares
  readonly #nearShares: Shares
  readonly #isOpen = (piece: number): boolean => this.#demand.isOpen(piece)
  readonly #isOwn = (piece: number): boolean => this.#shares.isOwn(this.#demand.leader(piece))
  readonly #isOwnInRack = (piece: number): boolean => this.#nearShares.isOwn(this.#demand.leader(piece))
  #nearPeers = 0

  constructor(demand: Demand, init: ChooserInit) {
    const { items } = demand
    this.#demand = demand
    this.#init = init
    this.scarcity = new Scarcity(items.pieceCount, items.lengths.length)
    this.#shares = new Shares(init.self)
    this.#nearShares = new Shares(init.self)
  }

  opened(peer: PeerState): void {
    this.scarcity.count(peer, true)
    if (peer.near && peer.role === 'swarm') this.#nearPeers++
    if (peer.role !== 'swarm' || peer.all) return
    this.#shares.join(peer.id)
    if (peer.near) this.#nearShares.join(peer.id)
  }

  gone(peer: PeerState): void {
    this.scarcity.count(peer, false)
    if (peer.near && peer.role === 'swarm') this.#nearPeers--
    this.#shares.leave(peer.id)
    this.#nearShares.leave(peer.id)
  }

  /** The peer has come to hold pieces whole, and to fetch others. */
  holds(peer: PeerState, now: number, held: Iterable<number>, getting: Iterable<number>): void {
    this.scarcity.note(peer, now, held, getting, this.#isOpen)
  }

  /** Pieces that are wanted (again) may be had from whoever holds them. */
  offerOpened(peers: ReadonlyMap<string, PeerState>): void {
    const opened = this.#demand.takeOpened()
    if (opened.length === 0) return
    for (const { held, offers } of peers.values()) {
      if (held === undefined) continue
      for (const piece of opened) if (getBit(held, piece)) offers.add(piece, this.#isOpen)
    }
  }

  /** Nothing has changed since there was nothing to ask the peer for. */
  hasNothing(peer: PeerState): boolean {
    return peer.nothingAt === peer.changes + this.#demand.wants
  }

  /** Stands in another rack, while there are peers in this one: what comes from it loads the racks' uplinks. */
  isFar(peer: PeerState): boolean {
    return this.#init.rack !== undefined && this.#nearPeers > 0 && !peer.near && peer.role === 'swarm'
  }

  /** Items to ask the builder for that nobody else holds or is getting, this node's own share of them first. */
  rare(builder: PeerState, now: number): number[] {
    for (let piece = builder.kept.pop(); piece !== undefined; piece = builder.kept.pop()) {
      if (this.#isOpen(piece)) return this.#items(builder, piece, { spare: 'swarm' })
    }
    const own = this.#take(builder, { spare: 'swarm', isOwn: this.#isOwn }, now)
    return own.length > 0 ? own : this.#take(builder, { spare: 'swarm' }, now)
  }

  /** Items to ask the builder for that others may have too. */
  fromBuilder(builder: PeerState, isSpared: boolean, now: number): number[] {
    const items = isSpared ? [] : this.#take(builder, {}, now)
    if (items.length === 0) builder.nothingUntil = now + NOTHING_MS
    return items
  }

  /** Items to ask a peer of this rack for, or any where racks are not known. */
  from(peer: PeerState, now: number): number[] {
    const items = this.#take(peer, {}, now)
    if (items.length === 0) peer.nothingAt = peer.changes + this.#demand.wants
    return items
  }

  /**
   * Items to ask a peer of another rack for: what nobody near holds or is getting, this node's own share of the rack's
   * pieces; others only while little else is under way.
   */
  fromFar(peer: PeerState, inFlightBytes: number, now: number): number[] {
    let items = this.#take(peer, { spare: 'rack', isOwn: this.#isOwnInRack }, now)
    if (items.length === 0 && inFlightBytes < FAR_STARVED_BYTES) items = this.#take(peer, { spare: 'rack' }, now)
    if (items.length === 0) peer.nothingUntil = now + NOTHING_MS
    return items
  }

  /** Other pieces that nobody but the builder has. */
  wishes(builder: PeerState, now: number): number[] {
    return chooseWishes(this.#demand, builder, this.scarcity, now, this.#init.random)
  }

  #take(peer: PeerState, rule: Rule, now: number): number[] {
    const piece = choosePiece(this.#demand, peer, this.scarcity, rule, now, this.#init.random)
    if (piece === undefined) return []
    peer.piece = piece
    return this.#items(peer, piece, rule)
  }

  #items(peer: PeerState, piece: number, { spare, isOwn }: Rule): number[] {
    const { pieces } = this.#demand.items
    const { hookHolders } = this.scarcity
    const takes = (item: number): boolean =>
      peer.hasItem(item, pieces[item]!) && !(spare === 'swarm' && hookHolders[item]! > 0)
    const enters = (next: number): boolean =>
      peer.mayHavePiece(next) && !this.scarcity.isHeld(next, spare) && (isOwn === undefined || isOwn(next))
    return this.#demand.take(piece, takes, enters)
  }
}

/**
 * A node that fetches one image and serves it: carries out the daemon's own decisions in a virtual world. Whom to dial
 * (PeerBook), what to ask from whom (FetchMachine), whom to serve (ServeMachine), whom to tell of whom (SwarmBook): nothing
 * of that is decided here.
 */

import type { Role } from '../../node/decisions/fetch/peer.ts'
import type { Candidate } from '../../node/decisions/peer-book.ts'
import type { PeerHint } from '../../node/decisions/swarm-book.ts'
import type { Random } from '../../protocols/ports.ts'
import type { Host } from '../cluster.ts'
import { Fetcher } from './fetcher.ts'
import { Holding } from './holding.ts'
import { Server } from './server.ts'
import type { World } from './world.ts'

export class VirtualNode {
  readonly host: Host
  readonly world: World
  readonly holding: Holding
  readonly random: Random
  readonly server: Server
  readonly rack: string | undefined
  /** What it says of itself to others; as each of them hears it thousands of times, it is made once. */
  readonly hint: PeerHint
  readonly #candidate: Candidate
  fetcher: Fetcher | undefined
  joined = false
  gone = false

  constructor(world: World, host: Host, random: Random) {
    this.world = world
    this.host = host
    this.random = random
    const { racks, racksKnown } = world.run.cluster
    const [rack, addresses] = [racksKnown ? racks[host.rack]!.name : undefined, []]
    this.rack = rack
    this.hint = { id: host.name, addresses, rack }
    this.#candidate = { peer: host.name, addresses, role: this.role, rack }
    this.holding = new Holding(world.run.cluster.image, host.complete, world.whole ? undefined : host.hot)
    this.server = new Server(this)
  }

  get index(): number {
    return this.host.index
  }

  get name(): string {
    return this.host.name
  }

  get now(): number {
    return this.world.run.clock.now()
  }

  get role(): Role {
    return this.host.builder ? 'builder' : 'swarm'
  }

  /** As a peer knows it that heard of it, with its rack or without. */
  candidateWith(rack: string | undefined): Candidate {
    return rack === this.rack ? this.#candidate : { ...this.#candidate, rack }
  }

  join(): void {
    this.joined = true
    const { registry, run } = this.world
    if (this.holding.all || !this.host.wants) {
      if (this.holding.all) registry.advertise(this.name, this.rack)
      if (this.host.wants && !this.host.complete) run.ledger.complete(this.index, this.now)
      return
    }
    this.fetcher = new Fetcher(this)
    this.fetcher.begin()
  }

  /** Ends the node. @param silently nobody is told, as when its cable is pulled */
  end(silently: boolean): void {
    this.gone = true
    this.fetcher?.end(silently)
    this.server.end(silently)
  }

  /** Small messages between two nodes. */
  tell(to: VirtualNode, run: () => void): void {
    const { network, clock } = this.world.run
    const delayMs = this.server.delayMs(to)
    if (delayMs === 0) network.tell(this.index, to.index, run)
    else clock.after(delayMs, () => network.tell(this.index, to.index, run))
  }
}

import { TICK_MS } from '../node/decisions/fetch/limits.ts'
import { type FetchAction, FetchMachine, ITEM_GOOD, ITEM_MISSING, ITEM_WRONG } from '../node/decisions/fetch/machine.ts'
import type { Role } from '../node/decisions/fetch/peer.ts'
import { BUSY_MS, ServeMachine } from '../node/decisions/serve.ts'
import { HAVE_INTERVAL_MS } from '../protocols/blocks/constants.ts'
import type { Random } from '../protocols/ports.ts'
import type { VirtualClock } from './clock.ts'
import { Holding } from './holding.ts'
import { Link, type Network } from './network.ts'
import type { NodePlan, SwarmImage } from './plan.ts'

/** What a get or a frame takes on the wire beside the blocks, about. */
const FRAME_OVERHEAD_BYTES = 64

/** What all nodes of a simulation share. */
export interface World {
  readonly clock: VirtualClock
  readonly network: Network
  readonly image: SwarmImage
  /** Time that it takes to read and pack a frame, and to unpack and write one. */
  readonly frameMs: number
  /** The node is out of peers that have what it wants. */
  seek(node: VirtualNode): void
  /** The node has all that it wanted, or ended. */
  over(node: VirtualNode): void
}

/** What the others gave a node. */
export interface Taken {
  /** Bytes of blocks that were new, and those that had come already, by the peer that sent them. */
  readonly bytes: Map<string, number>
  readonly duplicateBytes: Map<string, number>
  readonly dropped: { readonly peer: string; readonly reason: string; readonly atMs: number }[]
}

interface Asked {
  readonly peer: VirtualNode
  readonly items: readonly number[]
}

interface Wanted {
  readonly client: VirtualNode
  readonly items: readonly number[]
}

/** A node that fetches one image and serves it: the daemon's own decisions, carried out in a virtual world. */
export class VirtualNode {
  readonly name: string
  readonly plan: NodePlan
  readonly link: Link
  readonly holding: Holding
  readonly taken: Taken = { bytes: new Map(), duplicateBytes: new Map(), dropped: [] }
  sentBytes = 0
  joined = false
  /** Has looked for others. */
  met = false
  gone = false
  finishedAt: number | undefined
  readonly #world: World
  readonly #random: Random
  readonly #serve: ServeMachine
  #machine: FetchMachine | undefined
  /** Nodes that this one has a session with. */
  readonly #servers = new Map<string, VirtualNode>()
  readonly #offenders = new Set<string>()
  readonly #asked = new Map<number, Asked>()
  /** Nodes that have a session with this one, under the name of the session, and what they wait for. */
  readonly #clients = new Map<string, { node: VirtualNode; wanted: Map<number, Wanted> }>()
  readonly #news = { held: new Set<number>(), getting: new Set<number>() }
  /** What clients are getting, and which client. */
  readonly #claims = new Map<number, VirtualNode>()
  #telling = false
  #sessions = 0

  constructor(world: World, plan: NodePlan, random: Random) {
    this.name = plan.name
    this.plan = plan
    this.link = new Link(plan.upBytes, plan.downBytes)
    this.holding = new Holding(world.image, plan.holds ?? 'none')
    this.#world = world
    this.#random = random
    this.#serve = new ServeMachine(plan.rateUpBytes)
  }

  /** Lacks something of the image, and shall have it. */
  get wants(): boolean {
    return this.plan.fetches !== false && !this.holding.all
  }

  /** Wants the image, and is not done yet. */
  get fetches(): boolean {
    return this.#machine !== undefined && this.finishedAt === undefined && !this.gone
  }

  get sessions(): number {
    return this.#servers.size
  }

  get role(): Role {
    if (this.plan.builder) return 'builder'
    return this.holding.all || this.#machine !== undefined ? 'swarm' : 'hook'
  }

  knows(node: VirtualNode): boolean {
    return this.#servers.has(node.name) || this.#offenders.has(node.name)
  }

  join(): void {
    this.joined = true
    if (this.gone || !this.wants) return
    const { image } = this.#world
    this.#machine = new FetchMachine({
      items: image,
      self: this.plan.name,
      random: this.#random,
      rateDownBytes: this.plan.rateDownBytes,
    })
    const lacking: number[] = []
    for (let item = 0; item < image.lengths.length; item++) if (!this.holding.has(item)) lacking.push(item)
    this.#act(this.#machine.want(this.#now, lacking))
    this.#act(this.#machine.close(this.#now))
    this.#tick()
  }

  /** A session with another node, which answers after one way there and one back. */
  connect(server: VirtualNode): void {
    if (server === this || this.knows(server)) return
    this.#servers.set(server.name, server)
    const { network } = this.#world
    network.tell(this.link, server.link, () => {
      server.#accept(this)
      const { role } = server
      const { all, segments } = server.holding
      const bits = role === 'hook' ? server.holding.bits.slice() : undefined
      network.tell(server.link, this.link, () => {
        if (!this.#servers.has(server.name) || this.#machine === undefined) return
        this.#act(this.#machine.peerOpened(this.#now, server.name, role, all))
        if (bits !== undefined) this.#act(this.#machine.peerHasItems(this.#now, server.name, bits))
        else if (!all) this.#act(this.#machine.peerHolds(this.#now, server.name, segments, []))
      })
    })
  }

  /** Ends the node. @param silently nobody is told, as when its cable is pulled */
  end(silently: boolean): void {
    const fetched = this.fetches || (!this.joined && this.wants)
    this.gone = true
    if (fetched) this.#world.over(this)
    if (!silently) {
      for (const { node } of this.#clients.values())
        this.#world.network.tell(this.link, node.link, () => node.#lost(this))
    }
    for (const server of this.#servers.values()) {
      if (!silently) this.#world.network.tell(this.link, server.link, () => server.#left(this))
    }
    // What it said last still arrives.
    this.#world.clock.after(this.#world.network.latencyMs, () => {
      this.link.cut = true
    })
  }

  // As a client.

  get #now(): number {
    return this.#world.clock.now()
  }

  #tick(): void {
    this.#world.clock.after(TICK_MS, () => {
      if (!this.fetches) return
      this.#act(this.#machine!.tick(this.#now))
      this.#tick()
    })
  }

  #act(actions: FetchAction[]): void {
    for (const action of actions) {
      if (this.gone) return
      switch (action.do) {
        case 'get':
          this.#get(action.peer, action.request, action.items)
          break
        case 'cancel':
          this.#cancel(action.request)
          break
        case 'drop':
          this.taken.dropped.push({ peer: action.peer, reason: action.reason, atMs: this.#now })
          this.#drop(action.peer)
          break
        case 'seek':
          this.#world.seek(this)
          break
        case 'done':
          this.finishedAt = this.#now
          for (const peer of [...this.#servers.keys()]) this.#drop(peer)
          this.#world.over(this)
      }
    }
  }

  #get(peer: string, request: number, items: readonly number[]): void {
    const server = this.#servers.get(peer)
    if (server === undefined) return
    this.#asked.set(request, { peer: server, items })
    if (server.plan.builder) {
      const { segments } = this.#world.image
      this.#tellOthers([], new Set(items.map((item) => segments[item]!)))
    }
    this.#world.network.tell(this.link, server.link, () => server.#wanted(this, request, items))
  }

  #cancel(request: number): void {
    const asked = this.#asked.get(request)
    this.#asked.delete(request)
    if (asked === undefined) return
    this.#world.network.tell(this.link, asked.peer.link, () => asked.peer.#cancelled(this, request))
  }

  #drop(peer: string): void {
    const server = this.#servers.get(peer)
    if (server === undefined) return
    this.#servers.delete(peer)
    this.#world.network.tell(this.link, server.link, () => server.#left(this))
  }

  #lost(server: VirtualNode): void {
    if (!this.#servers.delete(server.name) || this.#machine === undefined) return
    this.#act(this.#machine.peerGone(this.#now, server.name))
  }

  #busy(server: VirtualNode, request: number): void {
    this.#asked.delete(request)
    if (this.#machine !== undefined) this.#act(this.#machine.busy(this.#now, server.name, request, BUSY_MS))
  }

  #heard(server: VirtualNode): void {
    this.#machine?.peerHeard(this.#now, server.name)
  }

  #frame(server: VirtualNode, request: number, sent: ReadonlySet<number>, wireBytes: number): void {
    const asked = this.#asked.get(request)
    this.#asked.delete(request)
    if (asked === undefined || this.#machine === undefined || this.finishedAt !== undefined) return
    this.#machine.arrived(this.#now, server.name, request)
    this.#world.clock.after(this.#world.frameMs, () => {
      if (!this.fetches) return
      const outcome = Uint8Array.from(asked.items, (item) => {
        if (!sent.has(item)) return ITEM_MISSING
        return server.plan.fault?.kind === 'wrong' ? ITEM_WRONG : ITEM_GOOD
      })
      const good = asked.items.filter((_, i) => outcome[i] === ITEM_GOOD)
      this.#keep(server.name, good)
      if (outcome.includes(ITEM_WRONG)) this.#offenders.add(server.name)
      this.#act(this.#machine!.delivered(this.#now, server.name, request, outcome, wireBytes))
    })
  }

  #keep(peer: string, items: readonly number[]): void {
    const { lengths } = this.#world.image
    const held: number[] = []
    for (const item of items) {
      const fresh = !this.holding.has(item)
      const counts = fresh ? this.taken.bytes : this.taken.duplicateBytes
      counts.set(peer, (counts.get(peer) ?? 0) + lengths[item]!)
      const segment = fresh ? this.holding.add(item) : undefined
      if (segment !== undefined) held.push(segment)
    }
    if (held.length > 0) this.#tellOthers(held, [])
  }

  // As a server.

  #accept(client: VirtualNode): void {
    const session = `${client.name}#${this.#sessions++}`
    if (this.#serve.open(session)) this.#clients.set(session, { node: client, wanted: new Map() })
    else this.#world.network.tell(this.link, client.link, () => client.#lost(this))
  }

  #sessionOf(client: VirtualNode): string | undefined {
    for (const [session, { node }] of this.#clients) if (node === client) return session
    return undefined
  }

  #left(client: VirtualNode): void {
    const session = this.#sessionOf(client)
    if (session === undefined) return
    this.#clients.delete(session)
    this.#serve.closed(session)
    this.#pump()
  }

  #wanted(client: VirtualNode, request: number, items: readonly number[]): void {
    if (this.plan.fault?.kind === 'stall' && this.#now >= this.plan.fault.atMs) return
    const session = this.#sessionOf(client)
    if (session === undefined) return
    if (!this.#serve.request(this.#now, session, request)) {
      this.#world.network.tell(this.link, client.link, () => client.#busy(this, request))
      return
    }
    this.#clients.get(session)!.wanted.set(request, { client, items })
    if (this.plan.builder) this.#relay(client, items)
    this.#pump()
  }

  #cancelled(client: VirtualNode, request: number): void {
    const session = this.#sessionOf(client)
    if (session !== undefined && this.#serve.cancel(session, request))
      this.#clients.get(session)!.wanted.delete(request)
  }

  #pump(): void {
    for (const { session, request } of this.#serve.next(this.#now)) {
      const wanted = this.#clients.get(session)!.wanted.get(request)!
      this.#clients.get(session)!.wanted.delete(request)
      this.#world.clock.after(this.#world.frameMs, () => this.#send(session, request, wanted))
    }
    const wakeMs = this.#serve.wakeMs(this.#now)
    if (wakeMs !== undefined) this.#world.clock.after(wakeMs, () => this.#pump())
  }

  #send(session: string, request: number, { client, items }: Wanted): void {
    const { image, network } = this.#world
    const sent = new Set(items.filter((item) => this.holding.has(item)))
    let rawBytes = 0
    for (const item of sent) rawBytes += image.lengths[item]!
    const wireBytes = Math.ceil(rawBytes * image.wireRatio) + FRAME_OVERHEAD_BYTES
    this.#serve.made(this.#now, session, request, wireBytes)
    this.sentBytes += rawBytes
    network.send(this.link, client.link, wireBytes, {
      progress: () => client.#heard(this),
      arrived: () => client.#frame(this, request, sent, wireBytes),
      ended: () => {
        this.#serve.finished(session, request)
        this.#pump()
      },
    })
    this.#pump()
  }

  /** A builder tells its other clients what one of them is getting. */
  #relay(client: VirtualNode, items: readonly number[]): void {
    const { image, clock, network } = this.#world
    if (this.#claims.size === 0) {
      clock.after(HAVE_INTERVAL_MS, () => {
        const claims = [...this.#claims]
        this.#claims.clear()
        for (const { node } of this.#clients.values()) {
          const getting = claims.flatMap(([segment, by]) => (by === node ? [] : [segment]))
          if (getting.length > 0) network.tell(this.link, node.link, () => node.#have(this, [], getting))
        }
      })
    }
    for (const item of items) this.#claims.set(image.segments[item]!, client)
  }

  /** News is gathered for a moment, as the daemon's server does. */
  #tellOthers(held: Iterable<number>, getting: Iterable<number>): void {
    for (const segment of held) this.#news.held.add(segment)
    for (const segment of getting) this.#news.getting.add(segment)
    if (this.#telling) return
    this.#telling = true
    this.#world.clock.after(HAVE_INTERVAL_MS, () => {
      this.#telling = false
      const news = { held: [...this.#news.held], getting: [...this.#news.getting] }
      this.#news.held.clear()
      this.#news.getting.clear()
      for (const { node } of this.#clients.values()) {
        this.#world.network.tell(this.link, node.link, () => node.#have(this, news.held, news.getting))
      }
    })
  }

  #have(server: VirtualNode, held: readonly number[], getting: readonly number[]): void {
    if (this.#machine !== undefined) this.#act(this.#machine.peerHolds(this.#now, server.name, held, getting))
  }
}

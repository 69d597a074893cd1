/** The fetching side of a virtual node. */
import { builderGraceMs, TICK_MS, WATCH_MS } from '../../node/decisions/fetch/limits.ts'
import {
  type FetchAction,
  FetchMachine,
  ITEM_GOOD,
  ITEM_MISSING,
  ITEM_WRONG,
} from '../../node/decisions/fetch/machine.ts'
import type { Role } from '../../node/decisions/fetch/peer.ts'
import { PeerBook } from '../../node/decisions/peer-book.ts'
import { sample } from '../../node/decisions/sample.ts'
import { ALIVE_MS, BUSY_MS } from '../../node/decisions/serve.ts'
import { HINTS_MAX, type PeerHint } from '../../node/decisions/swarm-book.ts'
import { type Answer, dial } from './dial.ts'
import { HookSearch } from './hooks.ts'
import type { VirtualNode } from './node.ts'
import type { Serving } from './server.ts'
import { TableFetch } from './table.ts'
import { unpackMs } from './world.ts'

/** Signs of life are looked for each so many ticks: as often as those who keep others waiting give them. */
const HEARD_TICKS = ALIVE_MS / TICK_MS

/** From this grain on what a tick may decide comes so seldom that each third is enough; they were half of such a run. */
const COARSE_GRAIN = 10
const COARSE_TICKS = 3

interface Server {
  readonly node: VirtualNode
  readonly role: Role
  readonly serving: Serving
  readonly holdsAll: boolean
  /** Bytes that had come over the connection at the last look. */
  seenBytes: number
}

interface Asked {
  readonly server: VirtualNode
  readonly items: readonly number[]
}

export class Fetcher {
  readonly #node: VirtualNode
  readonly #book: PeerBook
  readonly #machine: FetchMachine
  readonly #servers = new Map<string, Server>()
  readonly #asked = new Map<number, Asked>()
  readonly #nodeOf: (name: string) => VirtualNode
  /** Hears before it can ask: kept until the table is here. */
  readonly #early: (() => void)[] = []
  readonly #table: TableFetch
  readonly #hooks: HookSearch
  #hasTable = false
  #done = false

  constructor(node: VirtualNode) {
    const { world, random, host } = node
    const { image, grain } = world.run.cluster
    this.#node = node
    this.#nodeOf = (name) => world.byName.get(name)!
    this.#table = new TableFetch(node, this.#servers, () => this.#start())
    this.#hooks = new HookSearch(node, {
      found: (candidates) => {
        if (!this.active) return
        this.#book.add(candidates)
        for (const { node: peer } of this.#servers.values()) this.#hooks.opened(peer)
        this.#fill()
      },
      answered: (peer, items) => {
        if (this.active) this.#act(this.#machine.peerHasItems(this.#node.now, peer.name, items))
      },
      settled: () => {
        if (this.active) this.#act(this.#machine.settled(this.#node.now))
      },
    })
    this.#book = new PeerBook({ self: node.name, rack: node.rack, random })
    this.#machine = new FetchMachine({
      items: image,
      self: node.name,
      rack: node.rack,
      random,
      rateDownBytes: host.rateDownBytes,
      grain,
      builderFromMs: node.now + builderGraceMs(image.blockBytes * grain),
    })
  }

  get active(): boolean {
    return !this.#done && !this.#node.gone
  }

  get inFlightBytes(): number {
    return this.#machine.inFlightBytes
  }

  begin(): void {
    const { world } = this.#node
    const builder = world.nodes[0]!
    this.#book.add([builder.candidateWith(builder.rack)])
    this.#fill()
    this.#seek()
    this.#watch()
  }

  /** The node itself ended. */
  end(silently: boolean): void {
    for (const { node } of this.#servers.values()) {
      if (!silently) this.#node.tell(node, () => node.server.left(this.#node))
    }
  }

  heardOf(hints: readonly PeerHint[]): void {
    if (!this.active) return
    this.#book.add(hints.map(({ id, rack }) => this.#nodeOf(id).candidateWith(rack)))
    this.#fill()
  }

  have(server: VirtualNode, held: readonly number[], getting: readonly number[]): void {
    if (!this.active) return
    const { holding, now } = this.#node
    if (!this.#hasTable) {
      if (this.#servers.has(server.name)) this.#early.push(() => this.have(server, held, getting))
    }
    // Who holds what is here already makes no difference, but that it is alive does; half of all news is such.
    else if (getting.length === 0 && holding.hasPieces(held)) this.#machine.peerHeard(now, server.name)
    else this.#act(this.#machine.peerHolds(now, server.name, held, getting))
  }

  /** Who may be sending the item to this node. */
  *sourcesOf(item: number): Generator<VirtualNode> {
    for (const peer of this.#machine.peers.values()) if (peer.owes(item)) yield this.#nodeOf(peer.id)
  }

  busy(server: VirtualNode, request: number): void {
    this.#asked.delete(request)
    if (this.active) this.#act(this.#machine.busy(this.#node.now, server.name, request, BUSY_MS))
  }

  claimed(server: VirtualNode, request: number, kept: readonly number[]): void {
    this.#asked.delete(request)
    if (this.active) this.#act(this.#machine.claimed(this.#node.now, server.name, request, kept))
  }

  /** The connection to the server broke. */
  lost(server: VirtualNode): void {
    if (!this.#servers.delete(server.name)) return
    this.#node.world.run.ledger.hosts[this.#node.index]!.brokenPeers++
    this.#book.ended(server.name, this.#node.now)
    this.#hooks.gone(server)
    if (!this.active) return
    this.#act(this.#machine.peerGone(this.#node.now, server.name))
    this.#fill()
  }

  /** The first of what a coarse frame stands for is here: others can have it, and soon the rest. */
  begun(request: number, sent: readonly number[]): void {
    if (!this.#asked.has(request) || !this.active) return
    this.#announce(sent, (item) => this.#node.holding.begin(item))
  }

  frame(server: VirtualNode, request: number, sent: readonly number[], bytes: number, wireBytes: number): void {
    const { ledger, clock } = this.#node.world.run
    const asked = this.#asked.get(request)
    this.#asked.delete(request)
    if (asked === undefined || !this.active) {
      ledger.lost(bytes)
      return
    }
    this.#machine.arrived(this.#node.now, server.name, request)
    clock.after(unpackMs(bytes), () => {
      if (!this.active) return ledger.lost(bytes)
      const wrong = server.host.fault?.kind === 'wrong'
      const outcome = new Uint8Array(asked.items.length).fill(wrong ? ITEM_WRONG : ITEM_GOOD)
      if (sent !== asked.items) {
        const here = new Set(sent)
        asked.items.forEach((item, i) => {
          if (!here.has(item)) outcome[i] = ITEM_MISSING
        })
      }
      this.#keep(server, asked.items, outcome, bytes)
      this.#act(this.#machine.delivered(this.#node.now, server.name, request, outcome, wireBytes))
    })
  }

  #seek(): void {
    const { registry } = this.#node.world
    const known = this.#node.server.known()
    if (known.length > 0) this.heardOf(known)
    registry.find(this.#node.name, (peers) => {
      this.heardOf(peers.map((id) => ({ id, addresses: [] })))
    })
    this.#seekNear()
  }

  #seekNear(): void {
    const { world, name, rack } = this.#node
    if (rack === undefined) return
    world.registry.findNear(name, rack, (peers) => {
      if (!this.active) return
      this.#book.add(peers.map((peer) => this.#nodeOf(peer).candidateWith(rack)))
      this.#fill()
    })
  }

  #fill(): void {
    if (!this.active) return
    for (const { peer } of this.#book.next(this.#node.now)) this.#dial(this.#nodeOf(peer))
  }

  #dial(server: VirtualNode): void {
    dial(this.#node, server, {
      isActive: () => this.active,
      failed: () => {
        this.#book.ended(server.name, this.#node.now)
        this.#hooks.gone(server)
        this.#fill()
      },
      heardOf: (hints) => this.heardOf(hints),
      opened: (answer) => this.#opened(server, answer),
    })
  }

  #opened(server: VirtualNode, { serving, holds, pieces }: Answer): void {
    this.#book.opened(server.name, server.rack)
    const role = this.#book.get(server.name)?.role ?? server.role
    const holdsAll = holds === 'all'
    this.#servers.set(server.name, { node: server, role, serving, holdsAll, seenBytes: 0 })
    this.#introduce(server, role)
    this.#hooks.opened(server)
    if (this.#hasTable) this.#meet(server, holdsAll, pieces)
    else {
      this.#early.push(() => this.#meet(server, holdsAll, pieces))
      this.#table.ask()
    }
  }

  /** Tells a peer of others. */
  #introduce(server: VirtualNode, role: Role): void {
    if (role === 'hook') return
    const others = [...this.#servers.values()].filter((other) => other.node !== server && other.role !== 'hook')
    const told = sample(others, HINTS_MAX, this.#node.random).map((other) => other.node.hint)
    if (told.length > 0) this.#node.tell(server, () => server.server.heardOf(told))
  }

  #meet(server: VirtualNode, holdsAll: boolean, pieces: readonly number[]): void {
    const role = this.#servers.get(server.name)?.role
    if (role === undefined) return
    const { now } = this.#node
    this.#act(this.#machine.peerOpened(now, server.name, role, holdsAll, server.rack))
    if (pieces.length > 0) this.#act(this.#machine.peerHolds(now, server.name, pieces, []))
  }

  #drop(peer: string, banned: boolean): void {
    const server = this.#servers.get(peer)
    if (server === undefined) return
    const node = this.#node
    this.#servers.delete(peer)
    node.world.run.ledger.hosts[node.index]!.droppedPeers++
    if (banned) this.#book.ban(peer, node.now)
    else this.#book.ended(peer, node.now)
    this.#hooks.gone(server.node)
    node.tell(server.node, () => server.node.server.left(node))
    this.#fill()
  }

  get lacksTable(): boolean {
    return !this.#hasTable
  }

  /** The table is here: what the node lacks is known, others may take from it, and the fetch begins. */
  #start(): void {
    if (this.#hasTable || !this.active) return
    this.#hasTable = true
    const { world, holding, index, now } = this.#node
    const { image } = world.run.cluster
    const cold: number[] = []
    let hotBytes = 0
    for (let item = 0; item < image.lengths.length; item++) {
      if (holding.has(item)) hotBytes += image.lengths[item]!
      else cold.push(item)
    }
    world.run.ledger.hot(index, hotBytes)
    world.registry.advertise(this.#node.name, this.#node.rack)
    this.#node.server.note(holding.pieces, [])
    this.#act(this.#machine.want(now, cold))
    this.#act(this.#machine.close(now))
    for (const event of this.#early) event()
    this.#early.length = 0
    this.#hooks.seek((item) => !holding.has(item))
    this.#tick()
  }

  #tick(number = 0): void {
    const { clock, cluster } = this.#node.world.run
    const isCoarse = cluster.grain >= COARSE_GRAIN
    const [ticks, heardTicks] = isCoarse ? [COARSE_TICKS, 2 * HEARD_TICKS] : [1, HEARD_TICKS]
    clock.after(ticks * TICK_MS, () => {
      if (!this.active) return
      const { now } = this.#node
      if (number % heardTicks === 0) this.#hear(now)
      this.#act(this.#machine.tick(now))
      this.#tick(number + ticks)
    })
  }

  /** Peers from which bytes came that are no whole frame yet, or that say that this node waits in their queue. */
  #hear(now: number): void {
    const { network } = this.#node.world.run
    for (const server of this.#servers.values()) {
      const { node, serving } = server
      const { sentBytes } = serving.connection
      const isTold = (): boolean => network.reaches(node.index, this.#node.index) && node.server.isWorkingFor(serving)
      if (sentBytes !== server.seenBytes || isTold()) this.#machine.peerHeard(now, node.name)
      server.seenBytes = sentBytes
    }
  }

  #watch(): void {
    this.#node.world.run.clock.after(WATCH_MS, () => {
      if (!this.active) return
      this.#fill()
      if (this.#book.seeksNear(this.#node.now)) this.#seekNear()
      if (!this.#hasTable) this.#table.ask()
      if (!this.#hasTable && this.#servers.size === 0) this.#seek()
      this.#watch()
    })
  }

  #act(actions: FetchAction[]): void {
    for (const action of actions) {
      if (!this.active) return
      switch (action.do) {
        case 'get':
          this.#get(action)
          break
        case 'cancel':
          this.#cancel(action.request)
          break
        case 'drop':
          this.#drop(action.peer, action.reason === 'wrong-block')
          break
        case 'seek':
          this.#seek()
          break
        case 'done':
          this.#finish()
      }
    }
  }

  #get({ peer, request, items, claim, told }: FetchAction & { do: 'get' }): void {
    const server = this.#servers.get(peer)?.node
    if (server === undefined) return
    this.#asked.set(request, { server, items })
    const { pieces } = this.#node.world.run.cluster.image
    const named = told || claim !== undefined ? [...new Set(items.map((item) => pieces[item]!))] : []
    if (told) this.#node.server.note([], named)
    const claims = claim === undefined ? [] : named
    this.#node.tell(server, () => server.server.get(this.#node, request, items, claims, claim?.wishes ?? []))
  }

  #cancel(request: number): void {
    const asked = this.#asked.get(request)
    this.#asked.delete(request)
    if (asked !== undefined) this.#node.tell(asked.server, () => asked.server.server.cancel(this.#node, request))
  }

  /** Writes what is right and new. */
  #keep(server: VirtualNode, items: readonly number[], outcome: Uint8Array, bytes: number): void {
    const { holding, index, world } = this.#node
    const { ledger, cluster } = world.run
    const fresh = items.filter((item, i) => outcome[i] === ITEM_GOOD && !holding.has(item))
    let freshBytes = 0
    for (const item of fresh) freshBytes += cluster.image.lengths[item]!
    this.#announce(fresh, (item) => holding.add(item))
    ledger.arrived(server.index, index, freshBytes, bytes - freshBytes)
    for (const item of fresh) this.#node.server.awaited.here(item)
  }

  /** @param take what makes the item one that others can have, and says which piece they can have whole now */
  #announce(items: readonly number[], take: (item: number) => number | undefined): void {
    const pieces: number[] = []
    for (const item of items) {
      const piece = take(item)
      if (piece !== undefined) pieces.push(piece)
    }
    if (pieces.length > 0) this.#node.server.note(pieces, [])
  }

  #finish(): void {
    const { index, now, world, holding } = this.#node
    if (!holding.all) world.run.ledger.violation(`host ${index} is done without all blocks`)
    this.#done = true
    for (const { node } of this.#servers.values()) this.#node.tell(node, () => node.server.left(this.#node))
    this.#servers.clear()
    world.run.ledger.complete(index, now)
  }
}

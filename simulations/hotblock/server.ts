/** The serving side of a virtual node. */

import { newsDelayMs } from '../../node/decisions/news.ts'
import { ServeMachine } from '../../node/decisions/serve.ts'
import { Spread } from '../../node/decisions/spread.ts'
import { type PeerHint, SwarmBook, type Telling } from '../../node/decisions/swarm-book.ts'
import type { Connection } from '../network/flows.ts'
import { Awaited, canPassOn } from './awaited.ts'
import type { VirtualNode } from './node.ts'
import { AHEAD_BYTES, FRAME_OVERHEAD_BYTES, packMs } from './world.ts'

interface Wanted {
  readonly request: number
  readonly items: readonly number[]
}

/** A session that a client has with this node. */
export interface Serving {
  readonly number: number
  readonly key: string
  readonly client: VirtualNode
  readonly connection: Connection
  readonly wanted: Map<number, Wanted>
  /** Bytes of blocks on their way, by request. */
  readonly onWay: Map<number, number>
  /** Items of frames of which the first part was sent, and the rest could only come from the client itself. */
  readonly stuck: Set<readonly number[]>
}

export class Server {
  readonly #node: VirtualNode
  readonly #machine: ServeMachine
  readonly #book: SwarmBook
  readonly #sessions = new Map<string, Serving>()
  readonly #byNumber = new Map<number, Serving>()
  readonly #byClient = new Map<VirtualNode, Serving>()
  readonly #spread = new Spread()
  readonly #held = new Set<number>()
  readonly awaited = new Awaited()
  readonly #getting = new Map<number, VirtualNode | undefined>()
  #telling = false
  #toldAt = Number.NEGATIVE_INFINITY
  #next = 0
  #waking = false

  constructor(node: VirtualNode) {
    this.#node = node
    this.#machine = new ServeMachine(node.host.rateUpBytes, undefined, node.world.run.cluster.grain)
    this.#book = new SwarmBook(node.random, node.rack)
  }

  get queued(): number {
    return this.#machine.queued
  }

  get active(): number {
    return this.#machine.active
  }

  get making(): number {
    return this.#machine.making
  }

  get sessions(): number {
    return this.#machine.sessions
  }

  /** It tells a client that waits that it will be served. */
  isWorkingFor({ client, stuck }: Serving): boolean {
    if (this.#isStalled || !this.#machine.isWorking(this.#node.now)) return false
    for (const items of stuck) if (canPassOn(this.#node, items, client)) stuck.delete(items)
    return stuck.size === 0
  }

  get #isStalled(): boolean {
    const { host, now } = this.#node
    return host.fault?.kind === 'stall' && now >= host.fault.atMs
  }

  /** Peers of the image that this node has heard of as a server. */
  known(): PeerHint[] {
    return this.#book.choose(this.#node.now, Number.POSITIVE_INFINITY)
  }

  /** A client opens a session. @returns undefined: there is no room; and whom else it may ask */
  open(client: VirtualNode): { serving: Serving | undefined; hints: PeerHint[] } {
    const node = this.#node
    const number = this.#next++
    const key = `${number}`
    if (!this.#book.admits(client.rack) || !this.#machine.open(key)) {
      const hints = this.#book.refused(node.now, client.hint)
      return { serving: undefined, hints }
    }
    const connection = node.world.run.network.connect(node.index, client.index)
    const serving: Serving = {
      number,
      key,
      client,
      connection,
      wanted: new Map(),
      onWay: new Map(),
      stuck: new Set(),
    }
    this.#sessions.set(key, serving)
    this.#byNumber.set(number, serving)
    this.#byClient.set(client, serving)
    this.tell(this.#book.joined(node.now, number, client.hint))
    node.fetcher?.heardOf([client.hint])
    return { serving, hints: [] }
  }

  heardOf(hints: readonly PeerHint[]): void {
    this.tell(this.#book.heardOf(this.#node.now, hints))
    this.#node.fetcher?.heardOf(hints)
  }

  tell(tellings: readonly Telling[]): void {
    for (const { session, hints } of tellings) {
      const serving = this.#byNumber.get(session)
      if (serving === undefined) continue
      const { client, connection } = serving
      this.#node.world.run.network.follow(connection, () => client.fetcher?.heardOf(hints))
    }
  }

  /** Until a small message to a peer is on its way that is also a client of this node: what is sent to it is before it. */
  delayMs(peer: VirtualNode): number {
    const serving = this.#byClient.get(peer)
    return serving === undefined ? 0 : this.#node.world.run.network.aheadMs(serving.connection, AHEAD_BYTES)
  }

  /** The client ended the session. */
  left(client: VirtualNode): void {
    const serving = this.#byClient.get(client)
    if (serving === undefined) return
    this.#forget(serving)
    this.#pump()
  }

  /** @param claims pieces that the client takes on itself to get from here, for others to have from it */
  get(
    client: VirtualNode,
    request: number,
    items: readonly number[],
    claims: readonly number[],
    wishes: readonly number[],
  ): void {
    const node = this.#node
    if (this.#isStalled) return
    const serving = this.#byClient.get(client)
    if (serving === undefined || node.gone) return
    const kept = this.#spread.grant(node.now, client.name, claims, wishes)
    if (kept !== undefined) {
      node.world.run.network.follow(serving.connection, () => client.fetcher?.claimed(node, request, kept))
      return
    }
    if (!this.#machine.request(node.now, serving.key, request, items[0]!)) {
      node.tell(client, () => client.fetcher?.busy(node, request))
      return
    }
    serving.wanted.set(request, { request, items })
    for (const piece of claims) this.#getting.set(piece, client)
    this.#news()
    this.#pump()
  }

  cancel(client: VirtualNode, request: number): void {
    const serving = this.#byClient.get(client)
    if (serving !== undefined && this.#machine.cancel(serving.key, request)) serving.wanted.delete(request)
  }

  /** This node came to hold pieces, or began to get them: its clients are told in a moment. */
  note(held: Iterable<number>, getting: Iterable<number>): void {
    for (const piece of held) this.#held.add(piece)
    for (const piece of getting) this.#getting.set(piece, undefined)
    this.#news()
  }

  end(silently: boolean): void {
    const node = this.#node
    for (const serving of [...this.#sessions.values()]) {
      if (!silently) node.tell(serving.client, () => serving.client.fetcher?.lost(node))
      this.#forget(serving)
    }
  }

  #forget(serving: Serving): void {
    this.#sessions.delete(serving.key)
    this.#byNumber.delete(serving.number)
    this.#byClient.delete(serving.client)
    this.#book.left(serving.number)
    this.#spread.left(serving.client.name)
    const { ledger, network } = this.#node.world.run
    for (const bytes of serving.onWay.values()) ledger.lost(bytes)
    serving.onWay.clear()
    network.close(serving.connection)
    this.#machine.closed(serving.key)
  }

  #pump(): void {
    const { now, world, holding, fetcher } = this.#node
    // Another image's frames are not cut as this one's are.
    const isPacked = holding.all || fetcher !== undefined
    for (const { session, request } of this.#machine.next(now)) {
      const serving = this.#sessions.get(session)!
      const wanted = serving.wanted.get(request)!
      serving.wanted.delete(request)
      const bytes = this.#bytes(wanted.items)
      world.run.clock.after(packMs(bytes, isPacked), () => this.#send(serving, wanted))
    }
    const wakeMs = this.#machine.wakeMs(now)
    if (wakeMs === undefined || this.#waking) return
    this.#waking = true
    world.run.clock.after(wakeMs, () => {
      this.#waking = false
      this.#pump()
    })
  }

  #bytes(items: readonly number[]): number {
    const { lengths } = this.#node.world.run.cluster.image
    let bytes = 0
    for (const item of items) bytes += lengths[item]!
    return bytes
  }

  #send(serving: Serving, { request, items }: Wanted): void {
    const node = this.#node
    const { ledger, network, cluster } = node.world.run
    const { key, client, connection } = serving
    const { holding } = node
    const sent = items.every((item) => holding.offers(item)) ? items : items.filter((item) => holding.offers(item))
    const bytes = this.#bytes(sent)
    const wireBytes = Math.ceil(bytes * cluster.image.wireRatio) + FRAME_OVERHEAD_BYTES
    this.#machine.made(node.now, key, request, wireBytes)
    if (!connection.closed && !node.gone) {
      ledger.sent(node.index, bytes)
      serving.onWay.set(request, bytes)
      const arrived = (): void => {
        if (!serving.onWay.delete(request)) return
        if (client.fetcher === undefined || client.gone) ledger.lost(bytes)
        else client.fetcher.frame(node, request, sent, bytes, wireBytes)
      }
      // Only a client that passes on what it now asks for can be the one from which this node awaits it.
      const mayCircle = cluster.grain > 1 && sent.some((item) => client.holding.offers(item))
      const startedAt = node.now
      let firstMs = 0
      const firstBytes = cluster.grain > 1 ? Math.ceil(wireBytes / cluster.grain) : 0
      if (firstBytes > 0) {
        network.send(connection, firstBytes, () => {
          firstMs = node.now - startedAt
          client.fetcher?.begun(request, sent)
        })
      }
      network.send(connection, wireBytes - firstBytes, () => {
        this.#machine.finished(node.now, key, request)
        this.#pump()
        // What still comes to this node is at its client one frame later.
        const lacking = sent.filter((item) => !holding.has(item))
        if (lacking.length === 0) return arrived()
        // Looked at when the last of those who would wait for each other begins to: it is enough that this one gives up.
        if (mayCircle && !canPassOn(node, lacking, client)) serving.stuck.add(lacking)
        this.awaited.wait(lacking, () => node.world.run.clock.after(firstMs, arrived))
      })
    } else this.#machine.finished(node.now, key, request)
    this.#pump()
  }

  /** News is gathered for a moment, as the daemon's server does. */
  #news(): void {
    if (this.#telling || (this.#held.size === 0 && this.#getting.size === 0)) return
    this.#telling = true
    const node = this.#node
    node.world.run.clock.after(newsDelayMs(this.#sessions.size, node.now - this.#toldAt), () => {
      this.#telling = false
      this.#toldAt = node.now
      const held = [...this.#held]
      const getting = [...this.#getting]
      this.#held.clear()
      this.#getting.clear()
      const { nodes, run } = node.world
      const all = getting.map(([piece]) => piece)
      const mixed = getting.some(([, by]) => by !== undefined)
      const tell = (to: number): void => {
        const client = nodes[to]!
        const others = mixed ? getting.filter(([, by]) => by !== client).map(([piece]) => piece) : all
        if (held.length > 0 || others.length > 0) client.fetcher?.have(node, held, others)
      }
      const quiet: number[] = []
      for (const { connection } of this.#sessions.values()) {
        if (connection.at < 0) quiet.push(connection.to)
        else run.network.follow(connection, tell)
      }
      run.network.tellAll(node.index, quiet, tell)
    })
  }
}

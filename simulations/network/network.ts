/**
 * A flow-level network: hosts with a rate up and a rate down, racks with uplinks, latency. All that is under way shares
 * the links max-min fairly; rates are worked out anew each quantum of virtual time in which anything changed.
 *
 * A connection sends its frames one after the other, as a TCP connection does. Small messages take the latency only.
 */
import type { VirtualClock } from '../clock.ts'
import { FairShare, FLOW_LINKS, NO_LINK } from './fair.ts'
import { Connection, Flows, type Frame } from './flows.ts'
import { Leftover } from './leftover.ts'

export interface Link {
  readonly upBytes: number
  readonly downBytes: number
}

/** Rates are bytes a second. */
export interface NetworkInit {
  readonly clock: VirtualClock
  readonly hosts: readonly (Link & { readonly rack: number })[]
  /** A rack's connection to the rest; Infinity where it is no bottleneck. */
  readonly racks: readonly Link[]
  /** One way between two hosts of a rack, and of different racks. */
  readonly rackLatencyMs: number
  readonly latencyMs: number
  readonly quantumMs: number
}

/** Bytes that passed a link since the last look, and how long that was. */
export interface LinkUse {
  readonly upBytes: number
  readonly downBytes: number
}

export class Network {
  readonly #init: NetworkInit
  readonly #clock: VirtualClock
  readonly #capacity: Float64Array
  readonly #leftover: Leftover
  readonly #fair: FairShare
  readonly #flows = new Flows()
  /** Flows whose last frame went through in the quantum before. */
  #emptied: Connection[] = []
  readonly #rackOf: Int32Array
  /** Flows or capacities are others than when the rates were worked out. */
  #changed = true
  #stepping = false
  #nextStepMs = 0
  readonly #gone: Uint8Array
  /** Hosts of different islands do not reach each other. */
  readonly #island: Uint16Array
  /** Messages that wait for a partition to heal, as TCP would send them again. */
  #held: { from: number; to: number; run: () => void }[] = []
  readonly #usedBytes: Float64Array

  constructor(init: NetworkInit) {
    const { clock, hosts, racks } = init
    this.#init = init
    this.#clock = clock
    this.#capacity = new Float64Array(2 * (hosts.length + racks.length))
    ;[...hosts, ...racks].forEach(({ upBytes, downBytes }, i) => {
      this.#capacity[2 * i] = upBytes
      this.#capacity[2 * i + 1] = downBytes
    })
    this.#rackOf = Int32Array.from(hosts, ({ rack }) => rack)
    this.#leftover = new Leftover(this.#capacity, init.quantumMs / 1000)
    this.#fair = new FairShare(this.#leftover.capacity)
    this.#gone = new Uint8Array(hosts.length)
    this.#island = new Uint16Array(hosts.length)
    this.#usedBytes = new Float64Array(this.#capacity.length)
  }

  get hosts(): number {
    return this.#gone.length
  }

  latencyMs(from: number, to: number): number {
    return this.#rackOf[from] === this.#rackOf[to] ? this.#init.rackLatencyMs : this.#init.latencyMs
  }

  reaches(from: number, to: number): boolean {
    return this.#gone[from] === 0 && this.#gone[to] === 0 && this.#island[from] === this.#island[to]
  }

  /** A message that is too small to take time on a link; lost with either host, held while they are apart. */
  tell(from: number, to: number, run: () => void): void {
    if (this.#gone[from] !== 0) return
    this.#clock.after(this.latencyMs(from, to), () => this.#deliver(from, to, run))
  }

  /** The same message for many. */
  tellAll(from: number, to: readonly number[], run: (host: number) => void): void {
    if (this.#gone[from] !== 0) return
    const rack = this.#rackOf[from]
    const near = to.filter((host) => this.#rackOf[host] === rack)
    const far = near.length === to.length ? [] : to.filter((host) => this.#rackOf[host] !== rack)
    for (const group of [near, far]) {
      if (group.length === 0) continue
      this.#clock.after(this.latencyMs(from, group[0]!), () => {
        for (const host of group) {
          if (this.#gone[host] !== 0) continue
          if (this.#island[from] === this.#island[host]) run(host)
          else this.#held.push({ from, to: host, run: () => run(host) })
        }
      })
    }
  }

  connect(from: number, to: number): Connection {
    return new Connection(from, to, this.#flows)
  }

  /** Sends a frame after those that wait already; `arrived` is called unless either host is lost or it is closed. */
  send(connection: Connection, bytes: number, arrived: () => void): void {
    if (connection.closed || this.#gone[connection.from] !== 0) return
    connection.queue.push({ bytes, arrived, followers: undefined })
    if (connection.queue.length > 1) return
    if (connection.at < 0) this.#add(connection, bytes)
    else this.#flows.left[connection.at] = bytes
    const restMs = this.#nextStepMs - this.#clock.now()
    if (restMs > 0) this.#leftover.waits(this.#flows.links, connection.at * FLOW_LINKS, restMs / 1000)
  }

  /** What has not been sent yet is not sent any more; what was, arrives no more. */
  close(connection: Connection): void {
    connection.closed = true
    connection.queue.length = 0
    if (connection.at >= 0) this.#remove(connection)
  }

  /** A small message that goes the way of the frames: behind those that wait on the connection, as in a TCP stream. Told who receives it. */
  follow(connection: Connection, run: (host: number) => void): void {
    const last = connection.queue.at(-1)
    if (last === undefined) this.tell(connection.from, connection.to, () => run(connection.to))
    else if (last.followers === undefined) last.followers = [run]
    else last.followers.push(run)
  }

  /** How long the first so many of the bytes that wait on the connection will take, at its rate of now; milliseconds. */
  aheadMs({ at, queue }: Connection, bytesMax: number): number {
    const rate = at < 0 ? 0 : this.#flows.rates[at]!
    if (rate <= 0) return 0
    let bytes = this.#flows.left[at]!
    for (let i = 1; i < queue.length && bytes < bytesMax; i++) bytes += queue[i]!.bytes
    return (Math.min(bytes, bytesMax) / rate) * 1000
  }

  /** The host sends and receives nothing from now on. */
  lose(host: number): void {
    this.#gone[host] = 1
    const flows = this.#flows.connections.filter(({ from, to }) => from === host || to === host)
    for (const flow of flows) this.close(flow)
    this.#held = this.#held.filter(({ from, to }) => from !== host && to !== host)
  }

  /** Puts hosts on islands; those on different ones do not reach each other until they are on the same again. */
  part(hosts: Iterable<number>, island: number): void {
    for (const host of hosts) this.#island[host] = island
    for (const flow of this.#flows.connections) this.#place(flow)
    this.#changed = true
    const held = this.#held
    this.#held = []
    for (const { from, to, run } of held) this.#deliver(from, to, run)
  }

  /** Other rates of a rack's uplink, as background load comes and goes. */
  setRack(rack: number, { upBytes, downBytes }: Link): void {
    const link = 2 * (this.hosts + rack)
    this.#capacity[link] = upBytes
    this.#capacity[link + 1] = downBytes
    this.#changed = true
  }

  /** Other rates of a host's link. */
  setHost(host: number, { upBytes, downBytes }: Link): void {
    this.#capacity[2 * host] = upBytes
    this.#capacity[2 * host + 1] = downBytes
    this.#changed = true
  }

  /** What has passed a host's link so far. */
  hostUse(host: number): LinkUse {
    return { upBytes: this.#usedBytes[2 * host]!, downBytes: this.#usedBytes[2 * host + 1]! }
  }

  /** What has passed a rack's uplink so far. */
  rackUse(rack: number): LinkUse {
    return this.hostUse(this.hosts + rack)
  }

  #deliver(from: number, to: number, run: () => void): void {
    if (this.#gone[to] !== 0) return
    if (this.#island[from] === this.#island[to]) run()
    else this.#held.push({ from, to, run })
  }

  #add(connection: Connection, bytes: number): void {
    this.#flows.add(connection, bytes)
    this.#place(connection)
    this.#changed = true
    if (this.#stepping) return
    this.#stepping = true
    this.#clock.after(0, () => this.#step())
  }

  #place({ from, to, at }: Connection): void {
    const { links } = this.#flows
    const fromRack = this.#rackOf[from]!
    const toRack = this.#rackOf[to]!
    const away = fromRack !== toRack
    const i = at * FLOW_LINKS
    if (this.#island[from] !== this.#island[to]) {
      links.fill(NO_LINK, i, i + FLOW_LINKS)
      return
    }
    links[i] = 2 * from
    links[i + 1] = away ? 2 * (this.hosts + fromRack) : NO_LINK
    links[i + 2] = away ? 2 * (this.hosts + toRack) + 1 : NO_LINK
    links[i + 3] = 2 * to + 1
  }

  #remove(connection: Connection): void {
    this.#flows.remove(connection)
    this.#changed = true
  }

  /** Shares the links, lets a quantum's bytes flow, and plans the arrivals in it. */
  #step(): void {
    for (const flow of this.#emptied) if (flow.at >= 0 && flow.queue.length === 0) this.#remove(flow)
    this.#emptied = []
    const differs = this.#leftover.next()
    if (this.#flows.count === 0) {
      this.#stepping = false
      return
    }
    if (differs || this.#changed) this.#share()
    this.#changed = false
    this.#flow(this.#init.quantumMs / 1000)
    this.#nextStepMs = this.#clock.now() + this.#init.quantumMs
    this.#clock.after(this.#init.quantumMs, () => this.#step())
  }

  #share(): void {
    const { count, rates, links } = this.#flows
    this.#fair.share(links, count, rates)
    // What passes no link passes nowhere: its ends are apart.
    for (let at = 0; at < count; at++) if (rates[at]! < 0) rates[at] = 0
  }

  #flow(seconds: number): void {
    const { connections, rates, left, sent, links, count } = this.#flows
    const usedBytes = this.#usedBytes
    for (let at = 0; at < count; at++) {
      const budget = rates[at]! * seconds
      let used = budget
      if (left[at]! > budget) left[at]! -= budget
      else used = this.#finish(connections[at]!, budget, rates[at]!)
      sent[at]! += used
      const i = at * FLOW_LINKS
      for (let k = i; k < i + FLOW_LINKS; k++) if (links[k] !== NO_LINK) usedBytes[links[k]!]! += used
      if (used < budget) this.#leftover.ended(links, i, budget - used)
      else this.#leftover.waits(links, i, seconds)
    }
  }

  /** Lets frames through that end within the quantum. @returns the bytes that were sent of those that could be */
  #finish(flow: Connection, budgetBytes: number, rate: number): number {
    const { left } = this.#flows
    const { at, queue } = flow
    const latencyMs = this.latencyMs(flow.from, flow.to)
    let budget = budgetBytes
    let used = 0
    while (queue.length > 0 && budget > 0) {
      const bytes = Math.min(budget, left[at]!)
      used += bytes
      budget -= bytes
      left[at]! -= bytes
      if (left[at]! > 0) break
      const frame = queue.shift()!
      left[at] = queue[0]?.bytes ?? 0
      this.#clock.after((used / rate) * 1000 + latencyMs, () => this.#arrive(flow, frame))
    }
    if (queue.length === 0) this.#emptied.push(flow)
    return used
  }

  #arrive(flow: Connection, { arrived, followers }: Frame): void {
    if (flow.closed || this.#gone[flow.to] !== 0) return
    arrived()
    if (followers === undefined) return
    for (const run of followers) if (!flow.closed && this.#gone[flow.to] === 0) run(flow.to)
  }
}

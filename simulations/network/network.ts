/**
 * A flow-level network: hosts with a rate up and a rate down, racks with uplinks, latency. All that is under way shares
 * the links max-min fairly; rates are worked out anew each quantum of virtual time in which anything changed.
 *
 * A connection sends its frames one after the other, as a TCP connection does. Small messages take the latency only.
 */
import type { VirtualClock } from '../clock.ts'
import { FairShare, FLOW_LINKS, NO_LINK } from './fair.ts'

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

interface Frame {
  readonly bytes: number
  readonly arrived: () => void
}

/** One way of a connection between two hosts. */
export class Connection {
  readonly from: number
  readonly to: number
  readonly queue: Frame[] = []
  /** Bytes of the first frame that are still to be sent. */
  left = 0
  /** Bytes of frames that went through, those of frames in part included. */
  sentBytes = 0
  closed = false
  /** Among the network's flows; -1 while nothing is to be sent. */
  at = -1

  constructor(from: number, to: number) {
    this.from = from
    this.to = to
  }
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
  readonly #fair: FairShare
  readonly #flows: Connection[] = []
  #links = new Int32Array(1024 * FLOW_LINKS)
  #rates = new Float64Array(1024)
  /** Flows or capacities are others than when the rates were worked out. */
  #changed = true
  #stepping = false
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
    this.#fair = new FairShare(this.#capacity)
    this.#gone = new Uint8Array(hosts.length)
    this.#island = new Uint16Array(hosts.length)
    this.#usedBytes = new Float64Array(this.#capacity.length)
  }

  get hosts(): number {
    return this.#gone.length
  }

  latencyMs(from: number, to: number): number {
    const { hosts, rackLatencyMs, latencyMs } = this.#init
    return hosts[from]!.rack === hosts[to]!.rack ? rackLatencyMs : latencyMs
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
    const rack = this.#init.hosts[from]!.rack
    const near = to.filter((host) => this.#init.hosts[host]!.rack === rack)
    const far = to.filter((host) => this.#init.hosts[host]!.rack !== rack)
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
    return new Connection(from, to)
  }

  /** Sends a frame after those that wait already; `arrived` is called unless either host is lost or it is closed. */
  send(connection: Connection, bytes: number, arrived: () => void): void {
    if (connection.closed || this.#gone[connection.from] !== 0) return
    connection.queue.push({ bytes, arrived })
    if (connection.queue.length > 1) return
    connection.left = bytes
    if (connection.at < 0) this.#add(connection)
  }

  /** What has not been sent yet is not sent any more; what was, arrives no more. */
  close(connection: Connection): void {
    connection.closed = true
    connection.queue.length = 0
    if (connection.at >= 0) this.#remove(connection)
  }

  /** A small message that goes the way of the frames: behind those that wait on the connection, as in a TCP stream. */
  follow(connection: Connection, run: () => void): void {
    if (connection.queue.length === 0) this.tell(connection.from, connection.to, run)
    else this.send(connection, 0, run)
  }

  /** How long the first so many of the bytes that wait on the connection will take, at its rate of now; milliseconds. */
  aheadMs({ at, left, queue }: Connection, bytesMax: number): number {
    const rate = at < 0 ? 0 : this.#rates[at]!
    if (rate <= 0) return 0
    let bytes = left
    for (let i = 1; i < queue.length && bytes < bytesMax; i++) bytes += queue[i]!.bytes
    return (Math.min(bytes, bytesMax) / rate) * 1000
  }

  /** The host sends and receives nothing from now on. */
  lose(host: number): void {
    this.#gone[host] = 1
    for (const flow of this.#flows.filter(({ from, to }) => from === host || to === host)) this.close(flow)
    this.#held = this.#held.filter(({ from, to }) => from !== host && to !== host)
  }

  /** Puts hosts on islands; those on different ones do not reach each other until they are on the same again. */
  part(hosts: Iterable<number>, island: number): void {
    for (const host of hosts) this.#island[host] = island
    for (const flow of this.#flows) this.#place(flow)
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

  #add(connection: Connection): void {
    const at = this.#flows.length
    if (at === this.#rates.length) {
      this.#links = grown(this.#links, new Int32Array(2 * this.#links.length))
      this.#rates = grown(this.#rates, new Float64Array(2 * this.#rates.length))
    }
    connection.at = at
    this.#flows.push(connection)
    this.#rates[at] = 0
    this.#place(connection)
    this.#changed = true
    if (this.#stepping) return
    this.#stepping = true
    this.#clock.after(0, () => this.#step())
  }

  #place({ from, to, at }: Connection): void {
    const { hosts } = this.#init
    const fromRack = hosts[from]!.rack
    const toRack = hosts[to]!.rack
    const away = fromRack !== toRack
    const i = at * FLOW_LINKS
    if (this.#island[from] !== this.#island[to]) {
      this.#links.fill(NO_LINK, i, i + FLOW_LINKS)
      return
    }
    this.#links[i] = 2 * from
    this.#links[i + 1] = away ? 2 * (hosts.length + fromRack) : NO_LINK
    this.#links[i + 2] = away ? 2 * (hosts.length + toRack) + 1 : NO_LINK
    this.#links[i + 3] = 2 * to + 1
  }

  #remove(connection: Connection): void {
    const at = connection.at
    const last = this.#flows.pop()!
    connection.at = -1
    this.#changed = true
    if (last === connection) return
    this.#flows[at] = last
    last.at = at
    this.#rates[at] = this.#rates[this.#flows.length]!
    this.#place(last)
  }

  /** Shares the links, lets a quantum's bytes flow, and plans the arrivals in it. */
  #step(): void {
    for (let at = this.#flows.length - 1; at >= 0; at--) {
      const flow = this.#flows[at]!
      if (flow.queue.length === 0) this.#remove(flow)
    }
    if (this.#flows.length === 0) {
      this.#stepping = false
      return
    }
    if (this.#changed) this.#share()
    this.#changed = false
    const seconds = this.#init.quantumMs / 1000
    for (let at = 0; at < this.#flows.length; at++) this.#flow(this.#flows[at]!, this.#rates[at]!, seconds)
    this.#clock.after(this.#init.quantumMs, () => this.#step())
  }

  #share(): void {
    const flows = this.#flows.length
    this.#fair.share(this.#links, flows, this.#rates)
    // What passes no link passes nowhere: its ends are apart.
    for (let at = 0; at < flows; at++) if (this.#rates[at]! < 0) this.#rates[at] = 0
  }

  #flow(flow: Connection, rate: number, seconds: number): void {
    let budget = rate * seconds
    let used = 0
    const latencyMs = this.latencyMs(flow.from, flow.to)
    while (flow.queue.length > 0 && budget > 0) {
      const bytes = Math.min(budget, flow.left)
      used += bytes
      budget -= bytes
      flow.left -= bytes
      if (flow.left > 0) break
      const { arrived } = flow.queue.shift()!
      flow.left = flow.queue[0]?.bytes ?? 0
      this.#clock.after((used / rate) * 1000 + latencyMs, () => {
        if (!flow.closed && this.#gone[flow.to] === 0) arrived()
      })
    }
    flow.sentBytes += used
    const i = flow.at * FLOW_LINKS
    for (let k = i; k < i + FLOW_LINKS; k++) {
      const link = this.#links[k]!
      if (link !== NO_LINK) this.#usedBytes[link]! += used
    }
  }
}

function grown<T extends Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from as never)
  return to
}

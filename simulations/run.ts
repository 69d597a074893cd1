/** Plays one strategy on one cluster. The same cluster, strategy and seed give the same result, byte for byte. */
import type { Random } from '../protocols/ports.ts'
import { seededRandom } from '../protocols/ports.ts'
import { VirtualClock } from './clock.ts'
import type { Cluster } from './cluster.ts'
import { type ByOrigin, type HostLedger, Ledger } from './ledger.ts'
import { Network } from './network/network.ts'

/** Points of time at which a run is looked at, about. */
const SAMPLES = 120
const SAMPLE_MS_MIN = 50
/** What passes a link is known for each quantum as a whole: a sample of few of them would be uneven. */
const SAMPLE_QUANTA_MIN = 8

/** What a strategy works with. */
export interface Run {
  readonly clock: VirtualClock
  readonly network: Network
  readonly cluster: Cluster
  readonly ledger: Ledger
  /** Randomness of its own for each stream number. */
  random(stream: number): Random
}

/** A strategy at work on one cluster. */
export interface Process {
  /** The host is there from now on; if it wants the image, it goes about getting it. */
  joined(host: number): void
  /** The host is not there any more. @param silently nobody is told */
  left(host: number, silently: boolean): void
  /** Looks for what must not be; tells the ledger. */
  inspect?(): void
}

export interface Strategy {
  readonly name: string
  /** It moves files as they are, zeros and blocks that nodes have included. */
  readonly wholeFiles?: boolean
  /** How fine the network's time has to be for it; a rollout of hours needs no milliseconds. Default: by the cluster. */
  quantumMs?(cluster: Cluster): number
  begin(run: Run): Process
}

/** What was under way at one moment. */
export interface Sample {
  readonly atMs: number
  readonly completed: number
  /** Bytes that came since the sample before, by origin. */
  readonly bytes: ByOrigin
  /** Share of each rack's uplink that was used since the sample before: up, down. */
  readonly rackUp: readonly number[]
  readonly rackDown: readonly number[]
}

export interface RunResult {
  readonly name: string
  readonly hosts: readonly HostLedger[]
  readonly samples: readonly Sample[]
  /** Milliseconds in which each host wanted the image, was there, and nothing came. */
  readonly idleMs: Float64Array
  readonly total: ByOrigin
  readonly endedAtMs: number
  readonly violations: readonly string[]
  /** What the run cost. */
  readonly events: number
}

/** Events between two moments at which a run can be left alone or ended. */
const SLICE_EVENTS = 10_000

/** Plays all of it at once; see playing. */
export function play(...given: Parameters<typeof playing>): RunResult {
  const run = playing(...given)
  for (;;) {
    const step = run.next()
    if (step.done === true) return step.value
  }
}

/**
 * Plays slice by slice, so that who drives it can do something else meanwhile.
 *
 * @param progress told now and then how many of how many hosts have the image, and the virtual time
 */
export function* playing(
  cluster: Cluster,
  strategy: Strategy,
  seed: number,
  progress: (completed: number, of: number, atMs: number) => void = () => {},
): Generator<void, RunResult> {
  const clock = new VirtualClock()
  const { hosts, racks } = cluster
  const quantum = strategy.quantumMs?.(cluster) ?? quantumMs(cluster)
  const network = new Network({ clock, quantumMs: quantum, ...cluster })
  const open = new Set(hosts.filter(({ wants, complete }) => wants && !complete).map(({ index }) => index))
  const wanted = open.size
  const copyBytes = strategy.wholeFiles === true ? cluster.image.fileBytes : cluster.image.blockBytes
  const end = (index: number, silently: boolean): void => {
    if (ledger.hosts[index]!.gone) return
    ledger.hosts[index]!.gone = true
    open.delete(index)
    process.left(index, silently)
    // What it said last still arrives.
    clock.after(cluster.latencyMs, () => network.lose(index))
  }
  const ledger: Ledger = new Ledger(cluster, {
    complete: (host) => open.delete(host),
    sent: (host, sentBytes) => {
      const { fault } = hosts[host]!
      if (fault?.kind !== 'after-copies' || sentBytes < fault.copies * copyBytes) return
      clock.after(0, () => end(host, false))
    },
  })
  const run: Run = { clock, network, cluster, ledger, random: (stream) => seededRandom(mixed(seed, stream)) }
  const process = strategy.begin(run)
  for (const { index, joinsAtMs, fault } of hosts) {
    clock.after(joinsAtMs, () => {
      if (!ledger.hosts[index]!.gone) process.joined(index)
    })
    if (fault?.kind === 'crash' || fault?.kind === 'vanish') {
      clock.after(fault.atMs, () => end(index, fault.kind === 'vanish'))
    }
  }
  cluster.partitions.forEach(({ hosts: apart, fromMs, untilMs }, i) => {
    clock.after(fromMs, () => network.part(apart, i + 1))
    clock.after(untilMs, () => network.part(apart, 0))
  })
  for (const { atMs, rack, ...link } of cluster.rateChanges) clock.after(atMs, () => network.setRack(rack, link))
  const sampler = new Sampler(run, racks.length, Math.max(SAMPLE_MS_MIN, SAMPLE_QUANTA_MIN * quantum))
  const look = (): void => {
    sampler.look(open)
    process.inspect?.()
    progress(wanted - open.size, wanted, clock.now())
    if (open.size > 0) clock.after(sampler.nextMs(clock.now()), look)
  }
  clock.after(sampler.nextMs(0), look)
  let events = 0
  for (let last = SLICE_EVENTS; last === SLICE_EVENTS; events += last) {
    let left = SLICE_EVENTS
    last = clock.run(cluster.untilMs, () => open.size === 0 || left-- === 0)
    yield
  }
  sampler.look(open)
  process.inspect?.()
  for (const index of open) {
    if (!canComplete(cluster)) break
    ledger.violation(`host ${index} has not got the image by ${Math.round(clock.now())} ms`)
  }
  const { total, violations } = ledger
  const { samples, idleMs } = sampler
  return {
    name: strategy.name,
    hosts: ledger.hosts,
    samples,
    idleMs,
    total,
    endedAtMs: clock.now(),
    violations,
    events,
  }
}

/** How fine the network's time is: finer where few hosts make it cheap. */
function quantumMs({ hosts, grain }: Cluster): number {
  const base = hosts.length <= 64 ? 1 : hosts.length <= 512 ? 4 : 8
  return Math.min(50, base * Math.max(1, Math.sqrt(grain)))
}

/** Whether every live host can have the image: not where all of it may have gone with hosts that ended. */
function canComplete({ hosts }: Cluster): boolean {
  return hosts.some(({ builder, complete, fault }) => (builder || complete) && fault === undefined)
}

class Sampler {
  readonly samples: Sample[] = []
  readonly idleMs: Float64Array
  readonly #run: Run
  readonly #leastMs: number
  readonly #seen: Float64Array
  readonly #rackSeen: Float64Array
  #bytes: ByOrigin
  #at = 0

  constructor(run: Run, racks: number, leastMs: number) {
    this.#run = run
    this.#leastMs = leastMs
    this.idleMs = new Float64Array(run.cluster.hosts.length)
    this.#seen = new Float64Array(run.cluster.hosts.length)
    this.#rackSeen = new Float64Array(2 * racks)
    this.#bytes = { ...run.ledger.total }
  }

  /** Samples lie closer at the beginning, so that short runs have enough of them and long ones not too many. */
  nextMs(now: number): number {
    return Math.max(this.#leastMs, now / (SAMPLES / 3))
  }

  look(open: ReadonlySet<number>): void {
    const { clock, network, cluster, ledger } = this.#run
    const ms = clock.now() - this.#at
    if (ms <= 0) return
    this.#at = clock.now()
    for (const host of open) {
      if (cluster.hosts[host]!.joinsAtMs > this.#at - ms) continue
      const { downBytes } = network.hostUse(host)
      if (downBytes === this.#seen[host]) this.idleMs[host]! += ms
      this.#seen[host] = downBytes
    }
    const before = this.#bytes
    const { total } = ledger
    this.#bytes = { ...total }
    const rackUp: number[] = []
    const rackDown: number[] = []
    cluster.racks.forEach((link, rack) => {
      const { upBytes, downBytes } = network.rackUse(rack)
      rackUp.push((upBytes - this.#rackSeen[2 * rack]!) / ((link.upBytes * ms) / 1000) || 0)
      rackDown.push((downBytes - this.#rackSeen[2 * rack + 1]!) / ((link.downBytes * ms) / 1000) || 0)
      this.#rackSeen[2 * rack] = upBytes
      this.#rackSeen[2 * rack + 1] = downBytes
    })
    this.samples.push({
      atMs: this.#at,
      completed: ledger.completed,
      bytes: {
        builder: total.builder - before.builder,
        sameRack: total.sameRack - before.sameRack,
        otherRack: total.otherRack - before.otherRack,
        localHot: total.localHot - before.localHot,
      },
      rackUp,
      rackDown,
    })
  }
}

function mixed(seed: number, stream: number): number {
  return (seed ^ Math.imul(stream + 1, 0x9e3779b1)) >>> 0
}

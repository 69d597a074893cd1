/** The figures of a report, from what was recorded of a run. */
import type { Cluster, Host } from '../cluster.ts'
import { type ByOrigin, type HostLedger, ORIGINS } from '../ledger.ts'
import type { SimulationResult } from '../result.ts'
import type { RunResult } from '../run.ts'

/** How one strategy did. Times count from the start of the simulation; bytes are those of the real image. */
export interface Outcome {
  readonly name: string
  /** Place among the strategies; colours go by it. */
  readonly index: number
  readonly run: RunResult
  /** Nodes that shall get the image and lack it at the start. */
  readonly wanted: number
  /** Of these, those that ended before they had it, and those that live and have not got it. */
  readonly gone: number
  readonly unfinished: number
  /** When nodes got it, the first first. */
  readonly timesMs: Float64Array
  /** undefined where not so many of the nodes that live have got it. */
  readonly p50Ms: number | undefined
  readonly p99Ms: number | undefined
  readonly p999Ms: number | undefined
  readonly makespanMs: number | undefined
  readonly builderCopies: number
  readonly bytes: ByOrigin
  readonly twiceBytes: number
  /** Median of the slowest rack by median of the fastest; undefined with one rack, or where a rack has no median. */
  readonly rackSpread: number | undefined
}

export function outcomes({ cluster, runs }: SimulationResult): Outcome[] {
  return runs.map((run, index) => outcome(cluster, run, index))
}

/** Hosts that shall get the image and lack it at the start. */
export function wanting(cluster: Cluster): Host[] {
  return cluster.hosts.filter(({ wants, complete }) => wants && !complete)
}

/** The smallest value that this share of the values does not exceed. @param sorted at least one */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length - 1e-9) - 1)]!
}

export function median(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : quantile(Float64Array.from(values).sort(), 0.5)
}

export function sum(bytes: ByOrigin): number {
  return ORIGINS.reduce((total, origin) => total + bytes[origin], 0)
}

function outcome(cluster: Cluster, run: RunResult, index: number): Outcome {
  const { grain, image } = cluster
  const hosts = wanting(cluster)
  const ledgers = hosts.map((host) => run.hosts[host.index]!)
  const timesMs = Float64Array.from(ledgers.flatMap(({ completedAtMs }) => completedAtMs ?? [])).sort()
  const gone = ledgers.filter(endedWithout).length
  const live = hosts.length - gone
  const at = (share: number): number | undefined => {
    const rank = Math.max(1, Math.ceil(share * live - 1e-9))
    return timesMs[rank - 1]
  }
  const builder = cluster.hosts.findIndex((host) => host.builder)
  return {
    name: run.name,
    index,
    run,
    wanted: hosts.length,
    gone,
    unfinished: live - timesMs.length,
    timesMs,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    p999Ms: at(0.999),
    makespanMs: at(1),
    builderCopies: (run.hosts[builder]?.sentBytes ?? 0) / image.blockBytes,
    bytes: scaled(run.total, grain),
    twiceBytes: grain * ledgers.reduce((total, { twiceBytes }) => total + twiceBytes, 0),
    rackSpread: rackSpread(cluster, hosts, run),
  }
}

export function endedWithout({ gone, completedAtMs }: HostLedger): boolean {
  return gone && completedAtMs === undefined
}

function scaled(bytes: ByOrigin, by: number): ByOrigin {
  const { builder, sameRack, otherRack, localHot } = bytes
  return { builder: builder * by, sameRack: sameRack * by, otherRack: otherRack * by, localHot: localHot * by }
}

/** Counted from when each node joined: a rack that comes late is not a slow one. */
function rackSpread({ racks }: Cluster, hosts: readonly Host[], run: RunResult): number | undefined {
  const took = racks.map((): number[] => [])
  for (const { index, rack, joinsAtMs } of hosts) {
    const ledger = run.hosts[index]!
    if (!endedWithout(ledger)) took[rack]!.push((ledger.completedAtMs ?? Number.POSITIVE_INFINITY) - joinsAtMs)
  }
  const medians = took.filter((all) => all.length > 0).map(median)
  if (medians.length < 2) return undefined
  const spread = Math.max(...medians) / Math.min(...medians)
  return Number.isFinite(spread) ? spread : undefined
}

/** From what happened in a run to what is told of it. Pure. */
import { boundSeconds, neededBytes } from './bound.ts'
import type { Cluster, Host } from './cluster.ts'
import { type ByOrigin, ORIGINS } from './ledger.ts'
import {
  type ClusterSummary,
  COMPLETIONS_MAX,
  type CompletionPoint,
  type ImageSummary,
  type NodeResult,
  type RackResult,
  type SampleResult,
  SLOWEST_MAX,
  type StrategyResult,
} from './result.ts'
import type { RunResult, Sample, Strategy } from './run.ts'

/** Samples are joined until there are no more of them. */
const SAMPLES_MAX = 120
/** Racks with fewer nodes say nothing of a rack's median. */
const RACK_NODES_MIN = 3

export function summarise(cluster: Cluster, strategy: Strategy, run: RunResult): StrategyResult {
  const { hosts, image, grain } = cluster
  const wanting = hosts.filter(({ wants, complete }) => wants && !complete)
  const live = wanting.filter(({ index }) => !run.hosts[index]!.gone || run.hosts[index]!.completedAtMs !== undefined)
  const done = live.filter(({ index }) => run.hosts[index]!.completedAtMs !== undefined)
  const times = done.map((host) => tookMs(host, run)!).sort((a, b) => a - b)
  const ended = done.map(({ index }) => run.hosts[index]!.completedAtMs!)
  const samples = thinned(run.samples)
  const copyBytes = strategy.wholeFiles === true ? image.fileBytes : image.blockBytes
  const twiceBytes = run.hosts.reduce((sum, host) => sum + host.twiceBytes, 0)
  return {
    name: run.name,
    makespanSeconds: done.length < live.length ? null : seconds(ended.reduce((a, b) => Math.max(a, b), 0)),
    p50Seconds: percentile(times, live.length, 0.5),
    p99Seconds: percentile(times, live.length, 0.99),
    p999Seconds: percentile(times, live.length, 0.999),
    builderCopies: rounded(run.hosts[0]!.sentBytes / copyBytes, 4),
    bytesByOrigin: realBytes(run.total, grain),
    twiceBytes: Math.round(twiceBytes * grain),
    completed: done.length,
    failed: live.length - done.length,
    lost: wanting.length - live.length,
    rackP50Spread: rackSpread(cluster, run, live),
    violations: run.violations,
    endedSeconds: seconds(run.endedAtMs),
    events: run.events,
    completions: completionsOf(times, live.length),
    samples: samples.map((sample) => sampleResult(cluster, sample)),
    racks: cluster.racks.map((_, rack) => rackResult(cluster, run, live, samples, rack)),
    slowest: slowestOf(cluster, run, wanting),
  }
}

export function summariseImage({ image, hosts, grain }: Cluster): ImageSummary {
  const wanting = hosts.filter(({ wants, complete }) => wants && !complete)
  const wireBytes = image.blockBytes * image.wireRatio
  const needed = neededBytes(image, wanting)
  return {
    fileBytes: Math.round(image.fileBytes * grain),
    blockBytes: Math.round(image.blockBytes * grain),
    wireRatio: image.wireRatio,
    hotFraction: rounded(1 - needed.reduce((a, b) => a + b, 0) / (wireBytes * wanting.length), 4),
  }
}

export function summariseCluster(cluster: Cluster): ClusterSummary {
  const { hosts, racks, grain, partitions } = cluster
  const nodes = hosts.filter(({ builder }) => !builder)
  const wanting = nodes.filter(({ wants, complete }) => wants && !complete)
  const most = (rates: number[]): number => Math.round(rates.sort((a, b) => a - b)[rates.length >> 1]! * grain)
  const over = racks.flatMap(({ downBytes }, rack) => {
    const inside = nodes.filter((host) => host.rack === rack).reduce((sum, host) => sum + host.downBytes, 0)
    return Number.isFinite(downBytes) && inside > 0 ? [inside / downBytes] : []
  })
  return {
    racks: new Set(nodes.map(({ rack }) => rack)).size,
    builderUpBytes: Math.round(hosts[0]!.upBytes * grain),
    nodeUpBytes: most(wanting.map(({ upBytes }) => upBytes)),
    nodeDownBytes: most(wanting.map(({ downBytes }) => downBytes)),
    ...(over.length === 0 ? {} : { oversubscription: rounded(Math.max(...over), 2) }),
    arrival: wanting.every(({ joinsAtMs }) => joinsAtMs === 0) ? 'together' : 'spread',
    faults: hosts.filter(({ fault }) => fault !== undefined).length + partitions.length,
  }
}

export function summariseBound(cluster: Cluster): number {
  return rounded(boundSeconds(cluster), 3)
}

/** From arrival to image, milliseconds. */
function tookMs({ index, joinsAtMs }: Host, { hosts }: RunResult): number | undefined {
  const { completedAtMs } = hosts[index]!
  return completedAtMs === undefined ? undefined : completedAtMs - joinsAtMs
}

/** The nearest-rank percentile of all; those that have no time come last. */
function percentile(times: readonly number[], all: number, part: number): number | null {
  const time = times[Math.max(0, Math.ceil(part * all) - 1)]
  return time === undefined ? null : seconds(time)
}

function rackSpread({ racks }: Cluster, run: RunResult, live: readonly Host[]): number | null {
  const medians = racks.flatMap((_, rack) => {
    const inside = live.filter((host) => host.rack === rack)
    return inside.length < RACK_NODES_MIN ? [] : [medianOf(inside, run)]
  })
  if (medians.length < 2 || medians.some((median) => median === null)) return null
  const fastest = Math.min(...(medians as number[]))
  return fastest === 0 ? null : rounded(Math.max(...(medians as number[])) / fastest, 4)
}

function medianOf(hosts: readonly Host[], run: RunResult): number | null {
  const times = hosts.map((host) => tookMs(host, run)).filter((time) => time !== undefined)
  return percentile(
    times.sort((a, b) => a - b),
    hosts.length,
    0.5,
  )
}

function completionsOf(times: readonly number[], all: number): CompletionPoint[] {
  const points = Math.min(times.length, COMPLETIONS_MAX)
  return Array.from({ length: points }, (_, i) => {
    const at = points === 1 ? 0 : Math.round((i * (times.length - 1)) / (points - 1))
    return { seconds: seconds(times[at]!), part: rounded((at + 1) / all, 5) }
  })
}

/** Joins neighbours until there are few enough: bytes are added up, uses weighed by time. */
function thinned(samples: readonly Sample[]): Sample[] {
  const every = Math.ceil(samples.length / SAMPLES_MAX)
  if (every <= 1) return [...samples]
  const result: Sample[] = []
  let before = 0
  for (let first = 0; first < samples.length; first += every) {
    const group = samples.slice(first, first + every)
    const { atMs, completed } = group.at(-1)!
    const weights = group.map((sample, i) => sample.atMs - (i === 0 ? before : group[i - 1]!.atMs))
    const mean = (of: (sample: Sample) => readonly number[]): number[] => {
      return of(group[0]!).map((_, rack) => {
        return group.reduce((sum, sample, i) => sum + of(sample)[rack]! * weights[i]!, 0) / (atMs - before)
      })
    }
    const bytes = { builder: 0, sameRack: 0, otherRack: 0, localHot: 0 }
    for (const sample of group) for (const origin of ORIGINS) bytes[origin] += sample.bytes[origin]
    result.push({ atMs, completed, bytes, rackUp: mean(({ rackUp }) => rackUp), rackDown: mean((s) => s.rackDown) })
    before = atMs
  }
  return result
}

function sampleResult({ grain }: Cluster, { atMs, completed, bytes, rackUp, rackDown }: Sample): SampleResult {
  return {
    atSeconds: seconds(atMs),
    completed,
    bytes: realBytes(bytes, grain),
    upMean: mean(rackUp.map(part)),
    upMax: rounded(Math.max(0, ...rackUp.map(part)), 4),
    downMean: mean(rackDown.map(part)),
    downMax: rounded(Math.max(0, ...rackDown.map(part)), 4),
  }
}

function rackResult(
  { racks }: Cluster,
  run: RunResult,
  live: readonly Host[],
  samples: readonly Sample[],
  rack: number,
): RackResult {
  const inside = live.filter((host) => host.rack === rack)
  const limited = Number.isFinite(racks[rack]!.upBytes) || Number.isFinite(racks[rack]!.downBytes)
  return {
    name: racks[rack]!.name,
    nodes: inside.length,
    p50Seconds: inside.length === 0 ? null : medianOf(inside, run),
    up: limited ? samples.map(({ rackUp }) => rounded(part(rackUp[rack]!), 3)) : [],
    down: limited ? samples.map(({ rackDown }) => rounded(part(rackDown[rack]!), 3)) : [],
  }
}

function slowestOf(cluster: Cluster, run: RunResult, wanting: readonly Host[]): NodeResult[] {
  const lastMs = (host: Host): number => {
    if (run.hosts[host.index]!.gone) return -1
    return tookMs(host, run) ?? Number.POSITIVE_INFINITY
  }
  const order = wanting
    .map((host) => ({ host, ms: lastMs(host) }))
    .sort((a, b) => (a.ms === b.ms ? a.host.index - b.host.index : b.ms - a.ms))
    .slice(0, SLOWEST_MAX)
    .map(({ host }) => host)
  const needed = neededBytes(cluster.image, order)
  return order.map((host, i) => nodeResult(cluster, run, host, needed[i]! / cluster.image.wireRatio))
}

function nodeResult({ racks, grain, partitions }: Cluster, run: RunResult, host: Host, needed: number): NodeResult {
  const { index, name, rack, joinsAtMs, upBytes, downBytes, rateDownBytes } = host
  const ledger = run.hosts[index]!
  const took = tookMs(host, run)
  const until = ledger.completedAtMs ?? run.endedAtMs
  const parted = partitions
    .filter(({ hosts }) => hosts.includes(index))
    .reduce((sum, { fromMs, untilMs }) => {
      return sum + Math.max(0, Math.min(until, untilMs) - Math.max(joinsAtMs, fromMs))
    }, 0)
  return {
    name,
    rack: racks[rack]!.name,
    joinedSeconds: seconds(joinsAtMs),
    seconds: took === undefined ? null : seconds(took),
    gone: ledger.gone,
    upBytes: Math.round(upBytes * grain),
    downBytes: Math.round(downBytes * grain),
    ...(rateDownBytes === undefined ? {} : { rateDownBytes: Math.round(rateDownBytes * grain) }),
    neededBytes: Math.round(needed * grain),
    bytes: realBytes(ledger.bytes, grain),
    twiceBytes: Math.round(ledger.twiceBytes * grain),
    sentBytes: Math.round(ledger.sentBytes * grain),
    idleSeconds: seconds(run.idleMs[index]!),
    droppedPeers: ledger.droppedPeers,
    brokenPeers: ledger.brokenPeers,
    partedSeconds: seconds(parted),
  }
}

function realBytes(bytes: ByOrigin, grain: number): ByOrigin {
  return {
    builder: Math.round(bytes.builder * grain),
    sameRack: Math.round(bytes.sameRack * grain),
    otherRack: Math.round(bytes.otherRack * grain),
    localHot: Math.round(bytes.localHot * grain),
  }
}

/** Use of a link; the bytes of a step of time count when it begins, which can make it more than all. */
function part(use: number): number {
  return Math.min(1, use)
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : rounded(values.reduce((a, b) => a + b, 0) / values.length, 4)
}

function seconds(ms: number): number {
  return rounded(ms / 1000, 3)
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}

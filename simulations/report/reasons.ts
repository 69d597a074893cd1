/**
 * Why a node was slow. Nothing was recorded as a reason: what each one cost is estimated from what the node was given
 * (link, rack, hot blocks, moment of joining) and from what happened to it.
 */
import type { Cluster, Host } from '../cluster.ts'
import type { HostLedger } from '../ledger.ts'
import type { RunResult, Sample } from '../run.ts'
import { bytes as bytesText, duration, linkRate, percent, plural } from './format.ts'
import { endedWithout, median, wanting } from './outcome.ts'

const REASONS_MAX = 3
/** What costs less than this share of a node's time is no reason. */
const SHARE_MIN = 0.05
/** An uplink that carries this share of what it can is full. */
const FULL = 0.9

export interface Reason {
  readonly kind:
    | 'unfinished'
    | 'joined late'
    | 'cut off'
    | 'slow link'
    | 'more to fetch'
    | 'rack uplink'
    | 'builder uplink'
    | 'builder link'
    | 'waited'
    | 'twice'
    | 'lost peers'
    | 'less speed'
    | 'like the others'
  /** What it cost, about; 0 where that cannot be told. */
  readonly ms: number
  readonly text: string
}

export interface SlowNode {
  readonly host: Host
  /** undefined: it has not got the image. */
  readonly doneMs: number | undefined
  /** From when it joined, to the end of the run where it has not got the image. */
  readonly tookMs: number
  readonly reasons: readonly Reason[]
}

/** What others in the same run were like. */
interface Usual {
  readonly joinsAtMs: number
  readonly rate: number
  readonly bytes: number
  readonly peersLost: number
  readonly tookMs: number
  /** Share of the time in which the builder's link was full, at least. */
  readonly builderUse: number
}

/** The nodes that got the image last: those that live and have not got it first. */
export function slowest(cluster: Cluster, run: RunResult, most: number): SlowNode[] {
  const live = wanting(cluster).filter(({ index }) => !endedWithout(run.hosts[index]!))
  const doneAt = ({ index }: Host): number => run.hosts[index]!.completedAtMs ?? Number.POSITIVE_INFINITY
  const last = live.toSorted((a, b) => (doneAt(a) === doneAt(b) ? a.index - b.index : doneAt(a) < doneAt(b) ? 1 : -1))
  const usual = usualOf(cluster, run, live)
  return last.slice(0, most).map((host) => {
    const doneMs = run.hosts[host.index]!.completedAtMs
    const tookMs = (doneMs ?? run.endedAtMs) - host.joinsAtMs
    return { host, doneMs, tookMs, reasons: reasonsOf(cluster, run, host, usual) }
  })
}

function usualOf(cluster: Cluster, run: RunResult, live: readonly Host[]): Usual {
  const ledgers = live.map(({ index }) => run.hosts[index]!)
  const builder = cluster.hosts.find((host) => host.builder)
  const sent = builder === undefined ? 0 : run.hosts[builder.index]!.sentBytes * cluster.image.wireRatio
  return {
    joinsAtMs: median(live.map(({ joinsAtMs }) => joinsAtMs)),
    rate: median(live.map(rateOf)),
    bytes: median(ledgers.map(fetchedBytes)),
    peersLost: median(ledgers.map(peersLost)),
    tookMs: median(live.map((host, i) => (ledgers[i]!.completedAtMs ?? run.endedAtMs) - host.joinsAtMs)),
    builderUse: builder === undefined ? 0 : sent / (Math.min(builder.upBytes, builder.rateUpBytes ?? Infinity) * (run.endedAtMs / 1000)),
  }
}

function reasonsOf(cluster: Cluster, run: RunResult, host: Host, usual: Usual): Reason[] {
  const ledger = run.hosts[host.index]!
  const untilMs = ledger.completedAtMs ?? run.endedAtMs
  const tookMs = untilMs - host.joinsAtMs
  const found = [
    ...ofItsOwn(cluster, host, ledger, usual),
    ...ofTheNetwork(cluster, run, host, untilMs, usual),
    ...ofTheFetch(cluster, host, ledger, run.idleMs[host.index]!, usual),
  ]
    .filter(({ kind, ms }) => kind === 'lost peers' || ms >= SHARE_MIN * Math.max(tookMs, untilMs))
    .toSorted((a, b) => b.ms - a.ms)
    .slice(0, REASONS_MAX)
  if (ledger.completedAtMs === undefined) {
    const lacking = cluster.image.blockBytes - ledger.bytes.localHot - fetchedBytes(ledger) + ledger.twiceBytes
    const share = percent(Math.max(0, lacking) / cluster.image.blockBytes)
    return [{ kind: 'unfinished', ms: tookMs, text: `had not got ${share} of the image when the run ended` }, ...found]
  }
  return found.length > 0 ? found : [compared(cluster, ledger, tookMs, usual)]
}

function ofItsOwn(cluster: Cluster, host: Host, ledger: HostLedger, usual: Usual): Reason[] {
  const { grain } = cluster
  const found: Reason[] = []
  const lateMs = host.joinsAtMs - usual.joinsAtMs
  found.push({ kind: 'joined late', ms: lateMs, text: `joined ${duration(lateMs)} after most others` })
  const fetched = fetchedBytes(ledger) * cluster.image.wireRatio
  const rate = rateOf(host)
  if (rate < 0.95 * usual.rate) {
    const ms = 1000 * fetched * (1 / rate - 1 / usual.rate)
    const text = `its link has ${linkRate(rate * grain)} where most have ${linkRate(usual.rate * grain)}`
    found.push({ kind: 'slow link', ms, text })
  }
  const moreBytes = fetchedBytes(ledger) - ledger.twiceBytes - usual.bytes
  const text = `had ${bytesText(moreBytes * grain)} more to fetch than most: fewer of its blocks were there already`
  found.push({ kind: 'more to fetch', ms: (1000 * moreBytes) / rate, text })
  return found
}

function ofTheNetwork(cluster: Cluster, run: RunResult, host: Host, untilMs: number, usual: Usual): Reason[] {
  const found: Reason[] = []
  const ledger = run.hosts[host.index]!
  for (const { hosts, fromMs, untilMs: healsMs } of cluster.partitions) {
    // Those on the larger side were cut off from few.
    if (!hosts.includes(host.index) || hosts.length > cluster.hosts.length / 2) continue
    const ms = Math.min(untilMs, healsMs) - Math.max(host.joinsAtMs, fromMs)
    found.push({ kind: 'cut off', ms, text: `was cut off from the others for ${duration(ms)}` })
  }
  const builder = cluster.hosts.find((other) => other.builder)
  const span = { fromMs: host.joinsAtMs, untilMs }
  const intoMs = fullMs(cluster, run.samples, host.rack, 'down', span)
  if (ledger.bytes.builder + ledger.bytes.otherRack > 0) {
    const text = `the uplink of its rack was full for ${duration(intoMs)}`
    found.push({ kind: 'rack uplink', ms: intoMs, text })
  }
  if (builder !== undefined && ledger.bytes.builder > fetchedBytes(ledger) / 4) {
    const outMs = builder.rack === host.rack ? 0 : fullMs(cluster, run.samples, builder.rack, 'up', span)
    found.push({ kind: 'builder uplink', ms: outMs, text: `the uplink of the builder's rack was full for ${duration(outMs)}` })
    const needMs = (1000 * fetchedBytes(ledger) * cluster.image.wireRatio) / rateOf(host)
    const ms = usual.builderUse >= FULL - 0.05 ? untilMs - host.joinsAtMs - needMs : 0
    found.push({ kind: 'builder link', ms, text: "shared the builder's link, which was full all the time" })
  }
  return found
}

function ofTheFetch(cluster: Cluster, host: Host, ledger: HostLedger, idleMs: number, usual: Usual): Reason[] {
  const found: Reason[] = [{ kind: 'waited', ms: idleMs, text: `waited ${duration(idleMs)} in which nothing came` }]
  const twice = bytesText(ledger.twiceBytes * cluster.grain)
  const twiceMs = (1000 * ledger.twiceBytes) / rateOf(host)
  found.push({ kind: 'twice', ms: twiceMs, text: `${twice} came although they were there already` })
  const { brokenPeers: broken, droppedPeers: dropped } = ledger
  if (peersLost(ledger) > usual.peersLost) {
    const parts = [
      broken > 0 && `lost ${plural(broken, 'connection')}`,
      dropped > 0 && `gave up ${plural(dropped, 'peer')}`,
    ]
    found.push({ kind: 'lost peers', ms: 0, text: parts.filter((part) => part !== false).join(' and ') })
  }
  return found
}

function compared({ grain }: Cluster, ledger: HostLedger, tookMs: number, usual: Usual): Reason {
  const later = tookMs / usual.tookMs - 1
  if (later < SHARE_MIN) {
    const text = later < 0.001 ? 'as fast as the median node' : `${percent(later)} later than the median node: nothing stands out`
    return { kind: 'like the others', ms: 0, text }
  }
  const speed = (bytes: number, ms: number): string => `${bytesText((1000 * grain * bytes) / ms)}/s`
  const text = `got ${speed(fetchedBytes(ledger), tookMs)} on average, the median node ${speed(usual.bytes, usual.tookMs)}`
  return { kind: 'less speed', ms: tookMs - usual.tookMs, text }
}

/** Milliseconds in which a rack's uplink was full. */
function fullMs(
  cluster: Cluster,
  samples: readonly Sample[],
  rack: number,
  way: 'up' | 'down',
  { fromMs, untilMs }: { fromMs: number; untilMs: number },
): number {
  let total = 0
  let beforeMs = 0
  for (const sample of samples) {
    const ms = Math.min(sample.atMs, untilMs) - Math.max(beforeMs, fromMs)
    beforeMs = sample.atMs
    if (ms > 0 && uplinkShare(cluster, sample, rack, way) >= FULL) total += ms
  }
  return total
}

/** Share of a rack's uplink in use, of what it could carry at that moment. */
export function uplinkShare(cluster: Cluster, sample: Sample, rack: number, way: 'up' | 'down'): number {
  const share = (way === 'up' ? sample.rackUp : sample.rackDown)[rack] ?? 0
  const key = way === 'up' ? 'upBytes' : 'downBytes'
  let capacity = cluster.racks[rack]?.[key] ?? Number.POSITIVE_INFINITY
  const first = capacity
  for (const change of cluster.rateChanges) if (change.rack === rack && change.atMs < sample.atMs) capacity = change[key]
  if (!Number.isFinite(first)) return 0
  return Math.min(1, (share * first) / capacity)
}

function rateOf({ downBytes, rateDownBytes }: Host): number {
  return Math.min(downBytes, rateDownBytes ?? Number.POSITIVE_INFINITY)
}

/** All that came over the network. */
function fetchedBytes({ bytes, twiceBytes }: HostLedger): number {
  return bytes.builder + bytes.sameRack + bytes.otherRack + twiceBytes
}

function peersLost({ brokenPeers, droppedPeers }: HostLedger): number {
  return brokenPeers + droppedPeers
}

/**
 * Why a node was slow. Nothing was recorded as a reason: what each one cost is estimated from what the node was given
 * (link, rack, hot blocks, moment of joining) and from what happened to it.
 */
import type { NodeResult, SimulationResult, StrategyResult } from '../result.ts'
import { bytes as bytesText, duration, linkRate, percent, plural } from './format.ts'
import { builderUse, sum } from './outcome.ts'

const REASONS_MAX = 3
/** What costs less than this part of a node's time is no reason. */
const PART_MIN = 0.05
/** A link that carries this part of what it can is full. */
const FULL = 0.85
/** An uplink of which this part is used on average has little left at any time. */
const MOSTLY = 0.7
/** Who had this part of its bytes from the builder depended on the builder's link. */
const FROM_BUILDER = 0.5

export interface Reason {
  readonly kind:
    | 'lost'
    | 'unfinished'
    | 'joined late'
    | 'cut off'
    | 'slow link'
    | 'more to fetch'
    | 'rack uplink'
    | 'builder link'
    | 'waited'
    | 'twice'
    | 'lost peers'
    | 'less speed'
    | 'like the others'
  /** What it cost, about; 0 where that cannot be told. */
  readonly seconds: number
  readonly text: string
}

/** @returns what explains the node's time, what cost most first; at least one */
export function reasonsOf(result: SimulationResult, strategy: StrategyResult, node: NodeResult): Reason[] {
  const took = node.seconds ?? strategy.endedSeconds - node.joinedSeconds
  const found = [...ofItsOwn(result, node), ...ofTheNetwork(result, strategy, node, took), ...ofTheFetch(result, node)]
    .filter(({ kind, seconds }) => kind === 'lost peers' || seconds > PART_MIN * took)
    .toSorted((a, b) => b.seconds - a.seconds)
    .slice(0, REASONS_MAX)
  if (node.seconds === null) {
    const lacking = Math.max(0, node.neededBytes - fetched(node)) / result.image.blockBytes
    const rest = lacking > 0 ? `: ${percent(lacking)} of the image was lacking` : ''
    const kind = node.gone ? 'lost' : 'unfinished'
    const text = node.gone
      ? `was lost before it had the image${rest}`
      : `had not got the image when the run ended${rest}`
    return [{ kind, seconds: took, text }, ...found]
  }
  const late = joinedLate(node)
  if (found.length === 0) found.push(compared(result, strategy, node, took))
  return late === undefined ? found : [...found, late]
}

function joinedLate({ joinedSeconds }: NodeResult): Reason | undefined {
  if (joinedSeconds === 0) return undefined
  return { kind: 'joined late', seconds: 0, text: `joined at ${duration(joinedSeconds)}` }
}

function ofItsOwn({ image, cluster }: SimulationResult, node: NodeResult): Reason[] {
  const found: Reason[] = []
  const rate = rateOf(node)
  const usualRate = cluster.nodeDownBytes
  if (rate < 0.95 * usualRate) {
    const seconds = node.neededBytes * image.wireRatio * (1 / rate - 1 / usualRate)
    const text = `its link takes ${linkRate(rate)} where most take ${linkRate(usualRate)}`
    found.push({ kind: 'slow link', seconds, text })
  }
  const more = node.neededBytes - image.blockBytes * (1 - image.hotFraction)
  const text = `had ${bytesText(more)} more to fetch than nodes have on average: fewer of the blocks were there already`
  if (more > 0) found.push({ kind: 'more to fetch', seconds: (more * image.wireRatio) / rate, text })
  return found
}

function ofTheNetwork(result: SimulationResult, strategy: StrategyResult, node: NodeResult, took: number): Reason[] {
  const { partedSeconds: parted, bytes } = node
  const found: Reason[] = [
    { kind: 'cut off', seconds: parted, text: `was cut off from others for ${duration(parted)}` },
  ]
  if (bytes.builder + bytes.otherRack > 0) {
    found.push(ofTheUplink(strategy, node, took))
  }
  if (bytes.builder > FROM_BUILDER * fetched(node) && builderUse(result, strategy) >= FULL) {
    const seconds = took - (fetched(node) * result.image.wireRatio) / rateOf(node)
    found.push({
      kind: 'builder link',
      seconds,
      text: "shared the builder's link with the others, and it was always full",
    })
  }
  return found
}

function ofTheFetch({ image }: SimulationResult, node: NodeResult): Reason[] {
  const { idleSeconds: idle, twiceBytes, brokenPeers: broken, droppedPeers: dropped } = node
  // While it was cut off nothing could come.
  const waited = Math.max(0, idle - node.partedSeconds)
  const found: Reason[] = [{ kind: 'waited', seconds: waited, text: `nothing came for ${duration(waited)}` }]
  const twice = (twiceBytes * image.wireRatio) / rateOf(node)
  found.push({ kind: 'twice', seconds: twice, text: `${bytesText(twiceBytes)} came although they were there already` })
  const parts = [
    ...(broken > 0 ? [`lost ${plural(broken, 'connection')}`] : []),
    ...(dropped > 0 ? [`gave up ${plural(dropped, 'peer')}`] : []),
  ]
  if (parts.length > 0) found.push({ kind: 'lost peers', seconds: 0, text: parts.join(' and ') })
  return found
}

/** For a node of which nothing of its own is known: how it went beside the median node. */
function compared({ image }: SimulationResult, { p50Seconds }: StrategyResult, node: NodeResult, took: number): Reason {
  const later = p50Seconds === null || p50Seconds === 0 ? 0 : took / p50Seconds - 1
  if (later < PART_MIN) {
    const text = later < 0.001 ? 'as fast as the median node' : `only ${percent(later)} slower than the median node`
    return { kind: 'like the others', seconds: 0, text }
  }
  const speed = (fetched(node) * image.wireRatio) / took
  const text = `got ${bytesText(speed)}/s on average over a link of ${bytesText(rateOf(node))}/s: its sources had no more for it`
  return { kind: 'less speed', seconds: took - p50Seconds!, text }
}

/** How much of the uplink of its rack was in use, into the rack, while the node fetched. */
function ofTheUplink({ racks, samples }: StrategyResult, node: NodeResult, took: number): Reason {
  const use = racks.find(({ name }) => name === node.rack)?.down ?? []
  let full = 0
  let used = 0
  let before = 0
  samples.forEach(({ atSeconds }, i) => {
    const from = Math.max(before, node.joinedSeconds)
    const until = Math.min(atSeconds, node.joinedSeconds + took)
    before = atSeconds
    if (until <= from) return
    used += (use[i] ?? 0) * (until - from)
    if ((use[i] ?? 0) >= FULL) full += until - from
  })
  if (used >= MOSTLY * took) {
    const text = `${percent(Math.min(1, used / took))} of its rack's uplink was in use, on average`
    return { kind: 'rack uplink', seconds: used, text }
  }
  return { kind: 'rack uplink', seconds: full, text: `the uplink of its rack was full for ${duration(full)}` }
}

function rateOf({ downBytes, rateDownBytes }: NodeResult): number {
  return Math.min(downBytes, rateDownBytes ?? Number.POSITIVE_INFINITY)
}

/** All of use that came over the network. */
function fetched({ bytes }: NodeResult): number {
  return sum(bytes) - bytes.localHot
}

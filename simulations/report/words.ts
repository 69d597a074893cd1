/** What a result says, in sentences. Each is worked out from the figures. */
import type { SimulationResult, StrategyResult } from '../result.ts'
import { bytes, count, duration, linkRate, percent, plural, times } from './format.ts'
import { builderUse, liveNodes, partOf, type Shown, shownOf, sum } from './outcome.ts'

/** p99 over p50 from which the slowest are worth a word. */
const SPREAD_MIN = 1.25
/** Part of the builder's link from which it is what all wait for. */
const FULL = 0.9

/** The cluster and the image, a sentence for each. */
export function scenarioWords({ nodes, image, cluster, grain }: SimulationResult): string[] {
  const { racks, oversubscription, builderUpBytes, nodeUpBytes, nodeDownBytes } = cluster
  const links =
    nodeUpBytes === nodeDownBytes
      ? `${linkRate(nodeDownBytes)} each way`
      : `${linkRate(nodeDownBytes)} down and ${linkRate(nodeUpBytes)} up`
  const inRacks = racks > 1 ? ` in ${plural(racks, 'rack')}` : ''
  const over =
    oversubscription === undefined
      ? []
      : [`The links of a rack's nodes together carry up to ${plainTimes(oversubscription)} times what its uplink does.`]
  const distinct =
    image.blockBytes < 0.995 * image.fileBytes
      ? `, of which ${bytes(image.blockBytes)} are distinct blocks; the rest is zeros and repeated blocks`
      : ''
  const ratio = image.wireRatio === 1 ? '' : ` A byte of blocks is ${times(image.wireRatio)} bytes on the wire.`
  return [
    `${plural(nodes, 'node')}${inRacks} with links of ${links}; the builder sends at most ${linkRate(builderUpBytes)}.`,
    ...over,
    `The image has ${bytes(image.fileBytes)}${distinct}.${ratio}`,
    image.hotFraction > 0
      ? `On average, nodes have ${percent(image.hotFraction)} of the blocks already, in other images.`
      : 'No node has any of its blocks.',
    cluster.arrival === 'together' ? 'All nodes want it at once.' : 'Nodes come at different times.',
    cluster.faults === 0
      ? 'Nothing fails.'
      : `${plural(cluster.faults, 'thing')} goes wrong: nodes or parts of the network.`,
    ...(grain > 1
      ? [
          `Played with sizes and rates ${times(grain)} times smaller; times are what they are, and bytes below are the real ones.`,
        ]
      : []),
  ]
}

/** hotblock against the bound and the best of the others; the first of all where hotblock was not played. */
export function headline(result: SimulationResult): string | undefined {
  const done = finished(result)
  const own = done.find(({ name }) => name === 'hotblock') ?? done[0]
  if (own === undefined) return undefined
  const other = done.find(({ name }) => !name.startsWith('hotblock') && name !== own.name)
  const than =
    other === undefined ? '' : `; of the others, ${other.title} is the fastest with ${duration(other.seconds)}`
  return `${sentence(own.title)} has the image on all nodes after ${duration(own.seconds)}${overBound(result, own.seconds)}${than}.`
}

/** What the figures of one strategy mean: one sentence, without its name. */
export function meaning(result: SimulationResult, shown: Shown): string {
  const { result: strategy } = shown
  const clauses = [
    progress(result, strategy),
    bottleneck(result, strategy),
    slowTail(strategy),
    comparison(result, shown),
  ].filter((clause) => clause !== undefined)
  return sentence(`${clauses.join('; ')}.`)
}

function progress(result: SimulationResult, strategy: StrategyResult): string {
  const { makespanSeconds, p50Seconds, completed, endedSeconds } = strategy
  if (completed === 0) return `no node has the image after ${duration(endedSeconds)}`
  if (makespanSeconds === null) {
    return `only ${count(completed)} of the ${count(liveNodes(strategy))} live nodes have the image after ${duration(endedSeconds)}`
  }
  const all = `all nodes have the image after ${duration(makespanSeconds)}${overBound(result, makespanSeconds)}`
  if (p50Seconds === null || result.cluster.arrival === 'spread') return all
  if (p50Seconds > 0.99 * makespanSeconds) return `${all}, at about the same time`
  return `half of the nodes have the image after ${duration(p50Seconds)} and all after ${duration(makespanSeconds)}${overBound(result, makespanSeconds)}`
}

function bottleneck(result: SimulationResult, strategy: StrategyResult): string | undefined {
  const { builderCopies, bytesByOrigin } = strategy
  const fetched = sum(bytesByOrigin) - bytesByOrigin.localHot
  const copies = builderCopies.toFixed(1) === '1.0' ? 'one copy' : `${plainTimes(builderCopies)} copies`
  if (fetched === 0) return undefined
  const fromBuilder = bytesByOrigin.builder / fetched
  const hot = partOf(bytesByOrigin, 'localHot')
  const there = hot >= 0.01 ? `, and ${percent(hot)} of what nodes have was there already` : ''
  if (fromBuilder > 0.5) {
    const full = builderUse(result, strategy) >= FULL ? ', over a link that is always full' : ''
    return `the builder sends ${copies}${full}${there}`
  }
  const near = result.cluster.racks > 1 ? ` (${percent(bytesByOrigin.sameRack / fetched)} within their rack)` : ''
  return `the builder sends ${copies}, and nodes fetch ${percent(1 - fromBuilder)} from others${near}${there}`
}

function slowTail({ p50Seconds, p99Seconds }: StrategyResult): string | undefined {
  if (p50Seconds === null || p99Seconds === null || p99Seconds < SPREAD_MIN * p50Seconds) return undefined
  return `the slowest 1\u00a0% need at least ${times(p99Seconds / p50Seconds)} times as long as the median`
}

function comparison(result: SimulationResult, { result: strategy }: Shown): string | undefined {
  const [first] = finished(result)
  if (first === undefined || first.name === strategy.name || strategy.makespanSeconds === null) return undefined
  const ratio = strategy.makespanSeconds / first.seconds
  return ratio < 1.005 ? `as fast as ${first.title}` : `it takes ${times(ratio)} times as long as ${first.title}`
}

/** Strategies that brought the image to all nodes, the fastest first. */
export function finished(
  result: SimulationResult,
): { readonly name: string; readonly title: string; readonly seconds: number }[] {
  return shownOf(result)
    .flatMap(({ title, result: { name, makespanSeconds } }) => {
      return makespanSeconds === null ? [] : [{ name, title, seconds: makespanSeconds }]
    })
    .sort((a, b) => a.seconds - b.seconds)
}

function overBound({ boundSeconds }: SimulationResult, seconds: number): string {
  return boundSeconds === 0 ? '' : `, ${times(seconds / boundSeconds)} times the bound`
}

/** With a capital, unless it begins with the name of the program. */
export function sentence(text: string): string {
  return text.startsWith('hotblock') ? text : text.slice(0, 1).toUpperCase() + text.slice(1)
}

/** '4', '1.3', '25': without digits that say nothing. */
function plainTimes(ratio: number): string {
  return ratio < 10 ? String(Number(ratio.toFixed(1))) : count(ratio)
}

/** The tables of a report. */
import type { Origin } from '../ledger.ts'
import type { NodeResult, Published, SimulationResult, StrategyResult, TargetResult } from '../result.ts'
import { bytes, count, duration, percent, times } from './format.ts'
import { html, type Markup } from './markup.ts'
import { liveNodes, ORIGIN_NAMES, partOf, type Shown } from './outcome.ts'
import { type Reason, reasonsOf } from './reasons.ts'

const SLOWEST_SHOWN = 5
/** Times that differ by no more than this part are the same to a reader. */
const ALIKE = 0.03
const ORIGINS_SHOWN = ['builder', 'sameRack', 'otherRack', 'localHot'] as const satisfies readonly Origin[]
const TARGET_NAMES: Readonly<Record<TargetResult['what'], string>> = {
  makespanPerBound: 'makespan / bound',
  builderCopies: 'copies that the builder sends',
  p99PerP50: 'p99 / p50',
  rackP50Spread: "slowest rack's p50 / fastest rack's",
}
/** A table that is wider than the page can be scrolled, with keys too. */
function table(label: string, content: Markup, kind = ''): Markup {
  return html`<div class="table ${kind}" role="region" aria-label="${label}" tabindex="0"><table>${content}</table></div>`
}

export function summaryTable({ boundSeconds, nodes, published }: SimulationResult, shown: readonly Shown[]): Markup {
  const spread = shown.some(({ result }) => result.rackP50Spread !== null)
  const lacking = shown.some(({ result }) => result.completed < nodes)
  const more = Number(spread) + Number(lacking)
  const rows = shown.map(({ title, result }) => {
    const { makespanSeconds, p50Seconds, p99Seconds, p999Seconds, builderCopies, bytesByOrigin, completed } = result
    const over = makespanSeconds === null || boundSeconds === 0 ? '–' : times(makespanSeconds / boundSeconds)
    const ofRacks = html`<td>${result.rackP50Spread === null ? '–' : times(result.rackP50Spread)}</td>`
    const cells = ORIGINS_SHOWN.map((origin, i) => {
      return html`<td${i === 0 && html` class="edge"`}>${percent(partOf(bytesByOrigin, origin))}<small>${bytes(bytesByOrigin[origin])}</small></td>`
    })
    return html`<tr><th scope="row">${title}</th><td>${time(makespanSeconds)}</td><td>${over}</td><td>${time(p50Seconds)}</td><td>${time(p99Seconds)}</td><td>${time(p999Seconds)}</td>${spread && ofRacks}${lacking && html`<td>${completed === nodes ? 'all' : `${count(completed)} of ${count(nodes)}`}</td>`}<td>${times(builderCopies)}</td>${cells}</tr>`
  })
  const empty = (cells: number): Markup[] => Array.from({ length: cells }, () => html`<td>–</td>`)
  const bound = html`<tr class="none"><th scope="row">lower bound</th><td>${duration(boundSeconds)}</td><td>1.00</td>${empty(8 + more)}</tr>`
  const known = published.map((one) => publishedRow(one, empty(5 + more)))
  return table(
    'Figures of each strategy',
    html`<thead><tr><th scope="col" rowspan="2">strategy</th><th scope="col" rowspan="2">makespan</th><th scope="col" rowspan="2">× bound</th><th scope="col" rowspan="2">p50</th><th scope="col" rowspan="2">p99</th><th scope="col" rowspan="2">p99.9</th>${spread && html`<th scope="col" rowspan="2">racks’<br>spread</th>`}${lacking && html`<th scope="col" rowspan="2">nodes<br>done</th>`}<th scope="col" rowspan="2">builder<br>copies</th><th scope="colgroup" colspan="4" class="group edge">bytes by origin</th></tr>
<tr>${ORIGINS_SHOWN.map((origin, i) => html`<th scope="col"${i === 0 && html` class="edge"`}>${ORIGIN_NAMES[origin]}</th>`)}</tr></thead>
<tbody>${bound}${rows}${known}</tbody>`,
    'summary',
  )
}

function publishedRow(published: Published, rest: readonly Markup[]): Markup {
  const { source, makespanSeconds, p50Seconds, p99Seconds, p999Seconds } = published
  const known = (seconds: number | undefined): string => time(seconds ?? null)
  return html`<tr class="none"><th scope="row">published: ${source}</th><td>${known(makespanSeconds)}</td><td>–</td><td>${known(p50Seconds)}</td><td>${known(p99Seconds)}</td><td>${known(p999Seconds)}</td>${rest}</tr>`
}

export function targetsTable(targets: readonly TargetResult[], shown: readonly Shown[]): Markup {
  const rows = targets.map(({ strategy, what, limit, value, met }) => {
    const title = shown.find(({ result }) => result.name === strategy)?.title ?? strategy
    const verdict = met ? html`<span class="good">met</span>` : html`<span class="bad">missed</span>`
    return html`<tr><th scope="row">${title}</th><td class="text">${TARGET_NAMES[what]}</td><td>${value === null ? 'not known' : times(value)}</td><td>at most ${limit}</td><td>${verdict}</td></tr>`
  })
  return table(
    'Targets of the scenario',
    html`<thead><tr><th scope="col">strategy</th><th scope="col" class="text">what</th><th scope="col">is</th><th scope="col">target</th><th scope="col">verdict</th></tr></thead><tbody>${rows}</tbody>`,
  )
}

/** Nodes that took equally long for the same reasons: the first, and how many more of those that are known. */
interface Alike {
  readonly node: NodeResult
  readonly reasons: readonly Reason[]
  more: number
}

function alike(result: SimulationResult, strategy: StrategyResult): Alike[] {
  const groups: Alike[] = []
  for (const node of strategy.slowest) {
    const reasons = reasonsOf(result, strategy, node)
    const same = groups.find((group) => isAlike(group, node, reasons))
    if (same === undefined) groups.push({ node, reasons, more: 0 })
    else same.more++
  }
  return groups.slice(0, SLOWEST_SHOWN)
}

function isAlike({ node, reasons }: Alike, other: NodeResult, otherReasons: readonly Reason[]): boolean {
  if (reasons.length !== otherReasons.length || (node.seconds === null) !== (other.seconds === null)) return false
  const apart = Math.abs((node.seconds ?? 0) - (other.seconds ?? 0))
  if (apart > ALIKE * (node.seconds ?? 0)) return false
  return reasons.every(({ kind, seconds }, i) => {
    const second = otherReasons[i]!
    return kind === second.kind && Math.abs(seconds - second.seconds) <= ALIKE * seconds
  })
}

export function slowestTable(result: SimulationResult, { title, result: strategy }: Shown): Markup {
  const rows = alike(result, strategy).map(({ node, reasons, more }) => {
    const why =
      reasons.length === 1 ? reasons[0]!.text : html`<ul>${reasons.map(({ text }) => html`<li>${text}</li>`)}</ul>`
    const rack = result.cluster.racks > 1 && html` <small>${node.rack}</small>`
    const others = more > 0 && html`<small class="more">and ${count(more)} more of the slowest</small>`
    return html`<tr><th scope="row">${node.name}${rack}${others}</th><td>${time(node.seconds, 'never')}</td><td>${overMedian(node, strategy.p50Seconds)}</td><td>${bytes(node.bytes.builder + node.bytes.sameRack + node.bytes.otherRack)}</td><td class="text">${why}</td></tr>`
  })
  const { failed, lost } = strategy
  const lacking = [
    ...(failed > 0 ? [`${count(failed)} of ${count(liveNodes(strategy))} live nodes have not got the image.`] : []),
    ...(lost > 0 ? [`${count(lost)} were lost before they had it.`] : []),
  ].join(' ')
  return html`<h3>${title}</h3>${lacking !== '' && html`<p>${lacking}</p>`}${table(
    `Slowest nodes: ${title}`,
    html`<thead><tr><th scope="col">node</th><th scope="col">took</th><th scope="col">× median</th><th scope="col">fetched</th><th scope="col" class="text">why</th></tr></thead><tbody>${rows}</tbody>`,
    'slow',
  )}`
}

function overMedian({ seconds }: NodeResult, p50Seconds: number | null): string {
  return seconds === null || p50Seconds === null || p50Seconds === 0 ? '–' : times(seconds / p50Seconds)
}

function time(seconds: number | null, none = '–'): string {
  return seconds === null ? none : duration(seconds)
}

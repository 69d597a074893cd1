/** A result as people read it on a terminal of 80 columns. Pure. */
import prettyBytes from 'pretty-bytes'
import { type ByOrigin, ORIGINS } from '../ledger.ts'
import type { SimulationResult, StrategyResult, TargetResult } from '../result.ts'
import type { MakeTable, Style } from './terminal.ts'

const VIOLATIONS_SHOWN = 3
const LOST = 'were lost before they had the image'
const TARGET_NAMES: Readonly<Record<TargetResult['what'], string>> = {
  makespanPerBound: 'makespan over the bound',
  builderCopies: 'copies that the builder sends',
  p99PerP50: 'p99 over p50',
  rackP50Spread: "slowest rack's p50 over the fastest's",
}

export function readable(result: SimulationResult, style: Style, table: MakeTable): string {
  const { strategies } = result
  const parts = [
    heading(result, style),
    timesTable(result, style, table),
    originsTable(strategies, style, table),
    ...(result.targets.length === 0 ? [] : [targetLines(result.targets, style)]),
    ...[problems(strategies, style)].filter((lines) => lines !== ''),
  ]
  return parts.join('\n\n')
}

function heading({ scenario, title, nodes, seed, grain, image, cluster }: SimulationResult, style: Style): string {
  const { racks, oversubscription, faults, arrival } = cluster
  const facts = [
    `${nodes.toLocaleString('en-US')} nodes`,
    ...(racks > 1 ? [`${racks} racks${oversubscription === undefined ? '' : ` at ${oversubscription}:1`}`] : []),
    `${prettyBytes(cluster.nodeDownBytes * 8, { bits: true })}/s`,
    `image ${prettyBytes(image.fileBytes)}`,
    ...(image.hotFraction > 0 ? [`${percent(image.hotFraction)} hot`] : []),
    ...(arrival === 'spread' ? ['times from the arrival of each'] : []),
    ...(faults > 0 ? [`${faults} ${faults === 1 ? 'fault' : 'faults'}`] : []),
  ]
  const how = `seed ${seed}${grain > 1 ? `, grain ${grain}` : ''}`
  const first = title === '' ? scenario : `${scenario}: ${title}`
  return [`  ${style.bold(first)}`, `  ${facts.join(', ')}`, `  ${style.dim(how)}`].join('\n')
}

function timesTable({ boundSeconds, strategies, published }: SimulationResult, style: Style, table: MakeTable): string {
  const columns = columnsOf(['strategy', 'makespan', '× bound', 'p50', 'p99', 'p99.9', 'copies'])
  const bound = ['lower bound', time(boundSeconds), '1.00', '', '', '', '']
  const rows = strategies.map((strategy) => {
    const { name, makespanSeconds, p50Seconds, p99Seconds, p999Seconds, builderCopies } = strategy
    const times = makespanSeconds === null || boundSeconds === 0 ? '-' : factor(makespanSeconds / boundSeconds)
    return [
      name,
      makespanSeconds === null
        ? `${strategy.completed}/${strategy.completed + strategy.failed}`
        : time(makespanSeconds),
      times,
      time(p50Seconds),
      time(p99Seconds),
      time(p999Seconds),
      factor(builderCopies),
    ]
  })
  const known = published.map(({ makespanSeconds, p50Seconds, p99Seconds, p999Seconds }) => {
    const cells = [
      'published',
      ...[makespanSeconds].map(given),
      '',
      ...[p50Seconds, p99Seconds, p999Seconds].map(given),
    ]
    return [...cells, '']
  })
  const sources = published.map(({ source }) => `\n  ${style.dim(`published: ${source}`)}`)
  const ours = strategies.map(({ name }) => (name.startsWith('hotblock') ? style.bold : undefined))
  const looks = [style.dim, ...ours, ...known.map(() => style.dim)]
  return table(columns, [bound, ...rows, ...known], style, looks) + sources.join('')
}

function originsTable(strategies: readonly StrategyResult[], style: Style, table: MakeTable): string {
  const columns = columnsOf(['what nodes have', 'builder', 'same rack', 'other rack', 'local hot', 'came twice'])
  const rows = strategies.map(({ name, bytesByOrigin, twiceBytes }) => {
    const all = sum(bytesByOrigin)
    const part = (bytes: number): string => (all === 0 ? '-' : percent(bytes / all))
    return [name, ...ORIGINS.map((origin) => part(bytesByOrigin[origin])), part(twiceBytes)]
  })
  return table(columns, rows, style)
}

function targetLines(targets: readonly TargetResult[], style: Style): string {
  return targets
    .map(({ strategy, what, limit, value, met }) => {
      const mark = met ? style.green('met') : style.red('missed')
      return `  ${mark}  ${strategy}: ${TARGET_NAMES[what]} ${value === null ? 'is not known' : `is ${factor(value)}`}, at most ${limit}`
    })
    .join('\n')
}

function problems(strategies: readonly StrategyResult[], style: Style): string {
  const lost = new Map(strategies.map(({ name, lost }) => [name, lost]))
  const sameLost = new Set(lost.values()).size === 1
  const lines = strategies.flatMap(({ name, failed, violations }) => {
    const more = violations.length - VIOLATIONS_SHOWN
    return [
      ...(failed > 0 ? [style.yellow(`${name}: ${failed} live nodes have not got the image`)] : []),
      ...(lost.get(name)! > 0 && !sameLost ? [style.dim(`${name}: ${lost.get(name)} nodes ${LOST}`)] : []),
      ...violations.slice(0, VIOLATIONS_SHOWN).map((text) => style.red(`${name}: ${text}`)),
      ...(more > 0 ? [style.red(`${name}: and ${more} more`)] : []),
    ]
  })
  const [first] = lost.values()
  if (sameLost && first! > 0) lines.push(style.dim(`${first} nodes ${LOST}`))
  return lines.map((line) => `  ${line}`).join('\n')
}

function columnsOf(heads: readonly string[]): { head: string; right: boolean }[] {
  return heads.map((head, i) => ({ head, right: i > 0 }))
}

function given(seconds: number | undefined): string {
  return seconds === undefined ? '' : time(seconds)
}

/** '12.3 s', '3 min 12 s', '2 h 5 min' */
function time(seconds: number | null): string {
  if (seconds === null) return '-'
  if (seconds < 100) return `${seconds.toFixed(seconds < 1 ? 2 : 1)} s`
  const whole = Math.round(seconds)
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}

function factor(value: number): string {
  return value < 100 ? value.toFixed(2) : Math.round(value).toLocaleString('en-US')
}

function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(1)} %`
}

function sum(bytes: ByOrigin): number {
  return ORIGINS.reduce((all, origin) => all + bytes[origin], 0)
}

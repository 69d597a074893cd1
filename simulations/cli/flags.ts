/** What flags change in a scenario. Pure. */
import { HotblockError } from '../../protocols/errors.ts'
import { NODES_MAX } from '../scenario/fields.ts'
import { withNodes } from '../scenario/layout.ts'
import { GRAIN_MAX, type Scenario } from '../scenario/schema.ts'
import { STRATEGY_NAMES, type StrategyName } from '../strategies/names.ts'

export interface SimulateFlags {
  readonly list?: boolean
  readonly nodes?: string
  readonly grain?: string
  readonly seed?: string
  readonly strategy?: readonly string[]
  readonly table?: readonly string[]
  readonly report?: string
}

/** @throws USAGE */
export function applyFlags(
  given: Scenario,
  { nodes, grain, seed, strategy, table }: SimulateFlags,
  path: (given: string) => string,
): { scenario: Scenario; seed: number } {
  let scenario = given
  if (nodes !== undefined) scenario = withNodes(scenario, whole('--nodes', nodes, 1, NODES_MAX))
  if (grain !== undefined) scenario = { ...scenario, grain: grainNamed(grain) }
  if (strategy !== undefined) {
    const wanted = strategy.map(strategyNamed)
    scenario = { ...scenario, strategies: STRATEGY_NAMES.filter((name) => wanted.includes(name)) }
  }
  if (table !== undefined) scenario = withTables(scenario, table.map(path))
  return { scenario, seed: seed === undefined ? given.seed : whole('--seed', seed, 0, 2 ** 32 - 1) }
}

/** Arguments that play the same again, the seed said. */
export function replayOf(
  given: string,
  seed: number,
  { nodes, grain, strategy = [], table = [] }: SimulateFlags,
): string[] {
  return [
    given,
    '--seed',
    String(seed),
    ...(nodes === undefined ? [] : ['--nodes', nodes]),
    ...(grain === undefined ? [] : ['--grain', grain]),
    ...strategy.flatMap((name) => ['--strategy', name]),
    ...table.flatMap((path) => ['--table', path]),
  ]
}

/** The first table is the image's; where there are more, all nodes have those images. */
function withTables(scenario: Scenario, [table, ...others]: string[]): Scenario {
  const { block, ratio } = scenario.image
  const groups = scenario.groups.map((group) =>
    others.length === 0 ? group : { ...group, hot: undefined, has: others },
  )
  return { ...scenario, image: { table, block, ratio }, groups }
}

function strategyNamed(text: string): StrategyName {
  const name = STRATEGY_NAMES.find((known) => known === text)
  if (name !== undefined) return name
  throw new HotblockError('USAGE', `--strategy: ${JSON.stringify(text)} is none of ${STRATEGY_NAMES.join(', ')}`)
}

function grainNamed(text: string): Scenario['grain'] {
  if (text === 'auto') return text
  const value = /^\d{1,6}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN
  if (value >= 1 && value <= GRAIN_MAX) return value
  throw new HotblockError(
    'USAGE',
    `--grain: ${JSON.stringify(text)} is neither auto nor a number from 1 to ${GRAIN_MAX}`,
  )
}

function whole(option: string, text: string, least: number, most: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new HotblockError('USAGE', `${option}: ${JSON.stringify(text)} is no whole number from ${least} to ${most}`)
}

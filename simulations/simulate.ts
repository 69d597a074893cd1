/** Plays a scenario, one strategy after the other. The same scenario and seed give the same result, byte for byte. */
import type { Cluster } from './cluster.ts'
import type { SimulationResult, StrategyResult, TargetResult } from './result.ts'
import { playing } from './run.ts'
import { type Attached, makeCluster } from './scenario/cluster.ts'
import type { Scenario } from './scenario/schema.ts'
import { strategyOf } from './strategies/strategies.ts'
import { summarise, summariseBound, summariseCluster, summariseImage } from './summary.ts'

const HOTBLOCK: readonly string[] = ['hotblock-whole', 'hotblock']

export interface Progress {
  readonly strategy: string
  /** Of all strategies, from 0. */
  readonly number: number
  readonly of: number
  /** Nodes that have the image, of those that shall have it. */
  readonly completed: number
  readonly nodes: number
  readonly atSeconds: number
}

export interface Simulation {
  readonly scenario: Scenario
  readonly seed: number
  readonly attached: Attached
  /** What to call the scenario in messages. */
  readonly source: string
}

/**
 * Plays the strategies of the scenario in turn, slice by slice, so that who drives it can do something else meanwhile.
 *
 * @param progress told now and then
 * @throws BAD_SCENARIO where it makes no cluster
 */
export function* simulate(
  { scenario, seed, attached, source }: Simulation,
  progress: (progress: Progress) => void = () => {},
): Generator<void, SimulationResult> {
  const cluster = makeCluster(scenario, seed, attached, source)
  const { strategies: names, caches, name, title, description, published } = scenario
  const hasHot = cluster.hosts.some(({ hot }) => hot !== undefined)
  const strategies: StrategyResult[] = []
  for (const [number, strategyName] of names.entries()) {
    // Where no node has any of the blocks, whole images are all there is.
    const same = hasHot ? undefined : strategies.find((one) => HOTBLOCK.includes(one.name))
    if (same !== undefined && HOTBLOCK.includes(strategyName)) {
      strategies.push({ ...same, name: strategyName })
      continue
    }
    const strategy = strategyOf(strategyName, caches)
    const tell = (completed: number, nodes: number, atMs: number): void => {
      progress({ strategy: strategyName, number, of: names.length, completed, nodes, atSeconds: atMs / 1000 })
    }
    strategies.push(summarise(cluster, strategy, yield* playing(cluster, strategy, seed, tell)))
  }
  return {
    scenario: name,
    title,
    description,
    seed,
    nodes: nodesOf(cluster),
    boundSeconds: summariseBound(cluster),
    grain: Number(cluster.grain.toFixed(3)),
    image: summariseImage(cluster),
    cluster: summariseCluster(cluster),
    published,
    strategies,
    targets: targetsOf(scenario, summariseBound(cluster), strategies),
  }
}

function nodesOf({ hosts }: Cluster): number {
  return hosts.filter(({ wants, complete }) => wants && !complete).length
}

function targetsOf({ targets }: Scenario, bound: number, strategies: readonly StrategyResult[]): TargetResult[] {
  return targets.flatMap(({ strategy, ...limits }) => {
    const result = strategies.find(({ name }) => name === strategy)
    if (result === undefined) return []
    const values = valuesOf(result, bound)
    return WHATS.flatMap((what) => {
      const limit = limits[what]
      const value = values[what]
      if (limit === undefined) return []
      return [{ strategy, what, limit, value, met: value !== null && value <= limit }]
    })
  })
}

const WHATS = ['makespanPerBound', 'builderCopies', 'p99PerP50', 'rackP50Spread'] as const

function valuesOf(result: StrategyResult, bound: number): Record<TargetResult['what'], number | null> {
  const { makespanSeconds, p50Seconds, p99Seconds, builderCopies, rackP50Spread } = result
  return {
    makespanPerBound: ratio(makespanSeconds, bound),
    builderCopies,
    p99PerP50: ratio(p99Seconds, p50Seconds),
    rackP50Spread,
  }
}

function ratio(value: number | null, of: number | null): number | null {
  return value === null || of === null || of === 0 ? null : Number((value / of).toFixed(4))
}

/** Small scenarios for tests, and playing them. */
import type { Cluster } from '../../simulations/cluster.ts'
import { play, type RunResult } from '../../simulations/run.ts'
import { type Attached, makeCluster } from '../../simulations/scenario/cluster.ts'
import { checkScenario } from '../../simulations/scenario/read.ts'
import type { Scenario } from '../../simulations/scenario/schema.ts'
import type { StrategyName } from '../../simulations/strategies/names.ts'
import { strategyOf } from '../../simulations/strategies/strategies.ts'

export const NOTHING: Attached = { tables: new Map() }

/** 20 nodes with 1 Gbit/s and an image of 64 MiB, unless `changed` says otherwise. */
export function scenarioOf(changed: Record<string, unknown> = {}): Scenario {
  return checkScenario(
    { name: 'small', image: { size: '64 MiB' }, groups: [{ name: 'node', nodes: 20 }], ...changed },
    'small',
  )
}

export function clusterOf(changed: Record<string, unknown> = {}, seed = 1, attached = NOTHING): Cluster {
  return makeCluster(scenarioOf(changed), seed, attached)
}

export function playing(name: StrategyName, cluster: Cluster, seed = 1): RunResult {
  return play(cluster, strategyOf(name, undefined), seed)
}

/** When each node that wants the image had it, in seconds; undefined: never. The builder is left out. */
export function timesOf(cluster: Cluster, run: RunResult): (number | undefined)[] {
  return cluster.hosts.flatMap(({ index, wants, complete }) => {
    const { completedAtMs } = run.hosts[index]!
    return wants && !complete ? [completedAtMs === undefined ? undefined : completedAtMs / 1000] : []
  })
}

/** When the last of them had it; Infinity: some have not. */
export function makespanOf(cluster: Cluster, run: RunResult): number {
  return Math.max(...timesOf(cluster, run).map((time) => time ?? Number.POSITIVE_INFINITY))
}

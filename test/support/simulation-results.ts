/** Results of simulations that were made up, for tests of what is shown of them. */
import type { ByOrigin } from '../../simulations/ledger.ts'
import {
  COMPLETIONS_MAX,
  type NodeResult,
  type RackResult,
  type SimulationResult,
  SLOWEST_MAX,
  type StrategyResult,
} from '../../simulations/result.ts'
import { STRATEGY_NAMES } from '../../simulations/strategies/names.ts'

const SAMPLES = 120

/** 100 nodes in 4 racks, an image of 1 GB over 1 Gbit/s: 8 s at least. */
export function resultOf(changed: Partial<SimulationResult> = {}): SimulationResult {
  return {
    scenario: 'made-up',
    title: 'made up',
    description: 'Nobody played this.',
    seed: 7,
    nodes: 100,
    boundSeconds: 8,
    grain: 1,
    image: { fileBytes: 1_200_000_000, blockBytes: 1e9, wireRatio: 1, hotFraction: 0 },
    cluster: {
      racks: 4,
      builderUpBytes: 125e6,
      nodeUpBytes: 125e6,
      nodeDownBytes: 125e6,
      oversubscription: 4,
      arrival: 'together',
      faults: 0,
    },
    published: [],
    strategies: [strategyResult('http', { times: 100 }), strategyResult('hotblock')],
    targets: [],
    ...changed,
  }
}

/** 100 nodes that take 8.8 to 9.2 s, or so many times as long. */
export function strategyResult(
  name: string,
  {
    times = 1,
    racks = 4,
    ...changed
  }: Partial<Omit<StrategyResult, 'racks'>> & { times?: number; racks?: number } = {},
): StrategyResult {
  const last = 9.2 * times
  const bytesByOrigin = { builder: 1.2e9, sameRack: 6e10, otherRack: 3.88e10, localHot: 0 }
  return {
    name,
    makespanSeconds: last,
    p50Seconds: 9 * times,
    p99Seconds: 9.18 * times,
    p999Seconds: last,
    builderCopies: 1.2,
    bytesByOrigin,
    twiceBytes: 0,
    completed: 100,
    failed: 0,
    lost: 0,
    rackP50Spread: 1.05,
    violations: [],
    endedSeconds: last,
    events: 1,
    completions: Array.from({ length: 100 }, (_, i) => ({
      seconds: (8.8 + (0.4 * i) / 99) * times,
      part: (i + 1) / 100,
    })),
    samples: Array.from({ length: SAMPLES }, (_, i) => ({
      atSeconds: (last * (i + 1)) / SAMPLES,
      completed: i === SAMPLES - 1 ? 100 : 0,
      bytes: part(bytesByOrigin, SAMPLES),
      upMean: 0.5,
      upMax: 0.9,
      downMean: 0.5,
      downMax: 0.9,
    })),
    slowest: Array.from({ length: SLOWEST_MAX }, (_, i) => nodeResult({ name: `node-${i}`, seconds: last })),
    ...changed,
    racks: Array.from({ length: racks }, (_, rack) => rackResult(`rack-${rack}`)),
  }
}

export function rackResult(name: string, use = 0.5): RackResult {
  const uses = Array.from({ length: SAMPLES }, (_, i) => (i % 2 === 0 ? use : use / 2))
  return { name, nodes: 25, p50Seconds: 9, up: uses, down: uses }
}

/** One that has 1 GB from others of its rack after 9 s, and of which nothing special is known. */
export function nodeResult(changed: Partial<NodeResult> = {}): NodeResult {
  return {
    name: 'node-1',
    rack: 'rack-1',
    joinedSeconds: 0,
    seconds: 9,
    gone: false,
    upBytes: 125e6,
    downBytes: 125e6,
    neededBytes: 1e9,
    bytes: { builder: 0, sameRack: 1e9, otherRack: 0, localHot: 0 },
    twiceBytes: 0,
    sentBytes: 0,
    idleSeconds: 0,
    droppedPeers: 0,
    brokenPeers: 0,
    partedSeconds: 0,
    ...changed,
  }
}

/** As large as a result can be: 10,000 nodes in 250 racks, all strategies, no two values alike. */
export function largestResult(): SimulationResult {
  const uneven = (i: number): number => (Math.sin(i * 12.9898) + 1) / 2
  const strategies = STRATEGY_NAMES.map((name, number) => ({
    ...strategyResult(name, { times: 1.7 ** number }),
    completions: Array.from({ length: COMPLETIONS_MAX }, (_, i) => ({
      seconds: (8 + i / 17 + uneven(i) / 17) * 1.7 ** number,
      part: (i + 1) / COMPLETIONS_MAX,
    })),
    racks: Array.from({ length: 250 }, (_, rack) => {
      const uses = Array.from({ length: SAMPLES }, (_, i) => uneven(rack * SAMPLES + i + number))
      return { name: `rack-${rack}`, nodes: 40, p50Seconds: 9, up: uses, down: uses.toReversed() }
    }),
    slowest: Array.from({ length: SLOWEST_MAX }, (_, i) =>
      nodeResult({ name: `node-${i}`, seconds: 20 * uneven(i), idleSeconds: 5, brokenPeers: i, partedSeconds: 3 }),
    ),
  }))
  return resultOf({ nodes: 10_000, strategies, cluster: { ...resultOf().cluster, racks: 250 } })
}

function part(bytes: ByOrigin, of: number): ByOrigin {
  const { builder, sameRack, otherRack, localHot } = bytes
  return { builder: builder / of, sameRack: sameRack / of, otherRack: otherRack / of, localHot: localHot / of }
}

/** Strategies when things break: live nodes have the image once that is over, and books balance. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { STRATEGY_NAMES, type StrategyName } from '../../../simulations/strategies/names.ts'
import { clusterOf, playing } from '../../support/scenarios.ts'
import { integer, withSeeds } from '../../support/seeds.ts'

const NETWORK = { racks: 3, oversubscription: 3 }

/** Plays a strategy; all live nodes have to have the image in the end. */
function survives(name: StrategyName, changed: Record<string, unknown>, seed = 1): void {
  const cluster = clusterOf({ network: NETWORK, groups: [{ name: 'node', nodes: 24 }], ...changed }, seed)
  const run = playing(name, cluster, seed)
  assert.equal(run.violations, [], `${name}, seed ${seed}`)
  const without = cluster.hosts.filter(({ index, wants }) => {
    const { completedAtMs, gone } = run.hosts[index]!
    return wants && !gone && completedAtMs === undefined
  })
  assert.equal(
    without.map((host) => host.name),
    [],
    `${name}, seed ${seed}`,
  )
}

/** Coarse frames are passed on while they still come. */
const COARSE = { image: { size: '256 MiB' }, grain: 4 }
const VARIANTS = [
  ...STRATEGY_NAMES.map((name) => ({ name, what: name as string, image: {} })),
  { name: 'hotblock' as const, what: 'hotblock, coarse', image: COARSE },
]

for (const { name, what, image } of VARIANTS) {
  test(`${what}: nodes crash`, () => {
    survives(name, { ...image, faults: [{ kind: 'loss', part: 0.3, atSeconds: 0.1, overSeconds: 3 }] })
  })

  test(`${what}: nodes vanish`, () => {
    survives(name, { ...image, faults: [{ kind: 'loss', part: 0.3, atSeconds: 0.1, overSeconds: 3, how: 'vanish' }] })
  })

  test(`${what}: nodes stall`, () => {
    survives(name, { ...image, faults: [{ kind: 'stall', nodes: 4, atSeconds: 0.2 }] })
  })

  test(`${what}: nodes send wrong bytes`, () => {
    survives(name, { ...image, faults: [{ kind: 'wrong', nodes: 3 }] })
  })

  test(`${what}: a rack is cut off, and comes back`, () => {
    survives(name, { ...image, faults: [{ kind: 'partition', racks: [1], fromSeconds: 0.3, untilSeconds: 40 }] })
  })

  test(`${what}: slow nodes, and uplinks that others use too`, () => {
    survives(name, {
      ...image,
      faults: [{ kind: 'slow', nodes: 4, factor: 20 }],
      load: [{ part: 0.8, untilSeconds: 10 }],
    })
  })
}

test('all of it together, at random', () => {
  withSeeds(6, (random) => {
    const seconds = (most: number): number => integer(random, 0, most * 10) / 10
    const faults = [
      { kind: 'loss', part: 0.1, atSeconds: seconds(2), overSeconds: seconds(5) },
      { kind: 'loss', part: 0.1, atSeconds: seconds(2), overSeconds: seconds(5), how: 'vanish' },
      { kind: 'stall', nodes: 2, atSeconds: seconds(3) },
      { kind: 'wrong', nodes: 1 },
      { kind: 'slow', nodes: 2, factor: 5 },
      { kind: 'partition', racks: [integer(random, 0, 2)], fromSeconds: seconds(2), untilSeconds: 3 + seconds(30) },
    ]
    const arrival = { kind: 'spread', overSeconds: seconds(10) }
    const seed = integer(random, 0, 1e6)
    for (const { name, image } of VARIANTS) survives(name, { ...image, faults, arrival, untilSeconds: 7200 }, seed)
  })
})

test('without a builder from the middle on, nobody claims what cannot be', () => {
  for (const name of STRATEGY_NAMES) {
    const cluster = clusterOf({ builder: { diesAfterCopies: 0.5 }, network: NETWORK })
    const run = playing(name, cluster)
    assert.equal(run.violations, [], name)
    assert.not(
      run.hosts.slice(1).some(({ completedAtMs }) => completedAtMs !== undefined),
      name,
    )
  }
})

test.run()

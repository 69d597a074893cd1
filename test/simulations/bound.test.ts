/** The bound, where it is known by hand, and that no strategy is below it. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { boundSeconds } from '../../simulations/bound.ts'
import { STRATEGY_NAMES } from '../../simulations/strategies/names.ts'
import { clusterOf, makespanOf, playing } from '../support/scenarios.ts'
import { integer, withSeeds } from '../support/seeds.ts'

const SIZE = 125_000_000

function bound(changed: Record<string, unknown>): number {
  return Math.round(boundSeconds(clusterOf({ image: { size: SIZE, block: '64 KiB' }, ...changed })) * 1000) / 1000
}

test('an image over a link', () => {
  assert.is(bound({}), 1)
  assert.is(bound({ network: { down: '500 Mbit/s' } }), 2)
})

test('what all nodes have counts for nothing, and so do zeros', () => {
  assert.is(Math.round(bound({ groups: [{ name: 'node', nodes: 9, hot: 0.54 }] }) * 100), 46)
  assert.is(Math.round(bound({ image: { size: SIZE, zero: 0.5, block: '64 KiB' } }) * 100), 50)
  assert.is(Math.round(bound({ image: { size: SIZE, ratio: 0.4, block: '64 KiB' } }) * 100), 40)
})

test('a slow builder has to send once what only it has', () => {
  assert.is(bound({ builder: { up: '250 Mbit/s' } }), 4)
  const groups = [
    { name: 'node', nodes: 9 },
    { name: 'old', nodes: 1, complete: true },
  ]
  // With another who has it, all links up count: 9 images over 10 * 1 + 0.25 links.
  assert.is(bound({ builder: { up: '250 Mbit/s' }, groups }), 1)
})

test('all links up together carry all that nodes lack', () => {
  assert.is(Math.round(bound({ network: { up: '500 Mbit/s' }, builder: { up: '1 Gbit/s' } }) * 1000), 1818)
})

test('an uplink has to let the image in once', () => {
  assert.is(bound({ network: { racks: 2, uplink: '250 Mbit/s' } }), 4)
  const load = [{ part: 0.5, fromSeconds: 2 }]
  assert.is(bound({ network: { racks: 2, uplink: '250 Mbit/s' }, load }), 6)
})

test('who comes late is done late; a slow node is slow; one that is lost does not count', () => {
  const late = { name: 'late', nodes: 1, joinsAtSeconds: 50 }
  assert.is(bound({ groups: [{ name: 'node', nodes: 5 }, late] }), 51)
  assert.is(bound({ faults: [{ kind: 'slow', nodes: 1, factor: 7 }] }), 7)
  assert.is(bound({ groups: [{ name: 'node', nodes: 5, rateDown: '12.5 MB/s' }] }), 10)
  const faults = [{ kind: 'loss', nodes: 1, atSeconds: 1, group: 'late' }]
  assert.is(bound({ groups: [{ name: 'node', nodes: 5 }, late], faults }), 1)
})

test('while nodes are cut off, they get no more than had left the builder', () => {
  const faults = [{ kind: 'partition', nodes: 3, fromSeconds: 0.25, untilSeconds: 10 }]
  assert.is(bound({ faults }), 10.75)
})

test('no strategy is below it', () => {
  withSeeds(8, (random) => {
    const rate = (): string => `${integer(random, 100, 2000)} Mbit/s`
    const racks = integer(random, 1, 4)
    const changed = {
      image: {
        size: integer(random, 1, 60) * 1_000_000,
        zero: random() < 0.5 ? 0.3 : 0,
        ratio: random() < 0.5 ? 0.5 : 1,
      },
      network: { racks, up: rate(), down: rate(), ...(racks > 1 ? { oversubscription: integer(random, 1, 5) } : {}) },
      builder: { up: rate(), down: rate() },
      groups: [
        { name: 'a', nodes: integer(random, 1, 12), hot: Math.floor(random() * 10) / 10 },
        { name: 'b', nodes: integer(random, 1, 12), up: rate(), down: rate(), joinsAtSeconds: integer(random, 0, 5) },
        { name: 'c', nodes: integer(random, 1, 3), hot: Math.floor(random() * 10) / 10, complete: random() < 0.3 },
      ],
      faults: [
        { kind: 'slow', part: 0.1, factor: 3 },
        { kind: 'partition', part: 0.2, fromSeconds: random(), untilSeconds: 1 + random() * 5 },
      ],
      load: [{ part: 0.3, fromSeconds: random() }],
      untilSeconds: 20_000,
    }
    const seed = integer(random, 0, 1e6)
    const cluster = clusterOf(changed, seed)
    const least = boundSeconds(cluster)
    for (const name of STRATEGY_NAMES) {
      const run = playing(name, cluster, seed)
      assert.equal(run.violations, [], name)
      const seconds = makespanOf(cluster, run)
      // Rates are worked out for steps of time; what is left of one may be counted as had.
      assert.ok(seconds >= least * 0.999 - 0.005, `${name}: ${seconds} s, below ${least} s`)
    }
  })
})

test.run()

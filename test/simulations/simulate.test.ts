/** Whole simulations: the same result each time, and what it says. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { SimulationResult } from '../../simulations/result.ts'
import { type Progress, simulate } from '../../simulations/simulate.ts'
import { NOTHING, scenarioOf } from '../support/scenarios.ts'

const CHANGED = {
  network: { racks: 3, oversubscription: 3 },
  groups: [{ name: 'node', nodes: 30, hot: 0.5 }],
  faults: [{ kind: 'loss', part: 0.1, atSeconds: 0.3, overSeconds: 0.5 }],
  arrival: { kind: 'spread', overSeconds: 1 },
  targets: [
    { strategy: 'hotblock', builderCopies: 100, makespanPerBound: 0.5 },
    { strategy: 'http', builderCopies: 1.3 },
  ],
}

function run(changed: Record<string, unknown>, seed = 1, progress?: (progress: Progress) => void): SimulationResult {
  const steps = simulate({ scenario: scenarioOf(changed), seed, attached: NOTHING, source: 'small' }, progress)
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

test('the same scenario and seed give the same bytes; another seed gives others', () => {
  const first = JSON.stringify(run(CHANGED, 7))
  assert.is(JSON.stringify(run(CHANGED, 7)), first)
  assert.is.not(JSON.stringify(run(CHANGED, 8)), first)
})

test('a result adds up', () => {
  const result = run(CHANGED)
  assert.is(result.nodes, 30)
  assert.is(result.strategies.length, 7)
  assert.ok(result.image.hotFraction > 0.48 && result.image.hotFraction < 0.52)
  assert.is(result.cluster.racks, 3)
  assert.is(result.cluster.oversubscription, 3)
  assert.is(result.cluster.arrival, 'spread')
  for (const strategy of result.strategies) {
    const { name, completed, failed, lost, completions, samples, bytesByOrigin } = strategy
    assert.equal(strategy.violations, [], name)
    assert.is(completed + failed + lost, 30, name)
    assert.ok(lost <= 3, name)
    assert.ok(strategy.makespanSeconds! >= result.boundSeconds, name)
    assert.ok(strategy.p50Seconds! <= strategy.p99Seconds! && strategy.p99Seconds! <= strategy.p999Seconds!, name)
    assert.is(completions.at(-1)!.part, 1, name)
    assert.is(samples.at(-1)!.completed >= completed, true, name)
    const sampled = samples.reduce((sum, { bytes }) => sum + bytes.builder, 0)
    assert.ok(Math.abs(sampled - bytesByOrigin.builder) <= samples.length, `${name}: ${sampled}`)
    assert.ok(
      samples.every(({ upMax, downMax }) => upMax <= 1 && downMax <= 1),
      name,
    )
    assert.is(strategy.slowest.length, 12, name)
    assert.is(strategy.racks.length, 4, name)
    assert.not.ok(JSON.stringify(strategy).includes('null,null'), name)
  }
})

test('blocks that nodes have are local where blocks are known, and fetched where files are moved', () => {
  const { strategies } = run({ ...CHANGED, faults: [], strategies: ['chain', 'hotblock-whole', 'hotblock'] })
  const [chain, whole, hot] = strategies.map(({ bytesByOrigin }) => bytesByOrigin)
  assert.is(chain!.localHot, 0)
  assert.is(whole!.localHot, 0)
  assert.ok(hot!.localHot > 0.48 * 30 * 64 * 1024 * 1024)
})

test('without anything hot, whole images are all there is', () => {
  const { strategies } = run({ strategies: ['hotblock-whole', 'hotblock'] })
  assert.equal({ ...strategies[0], name: '' }, { ...strategies[1], name: '' })
})

test('targets are compared with what came out', () => {
  const { targets, strategies } = run(CHANGED)
  assert.equal(
    targets.map(({ strategy, what, met }) => [strategy, what, met]),
    [
      ['hotblock', 'makespanPerBound', false],
      ['hotblock', 'builderCopies', true],
      ['http', 'builderCopies', false],
    ],
  )
  assert.is(targets[2]!.value, strategies[0]!.builderCopies)
})

test('who has not got the image is counted, and there is no makespan then', () => {
  const [http] = run({ strategies: ['http'], builder: { crashesAtSeconds: 0.2 } }).strategies
  assert.is(http!.completed, 0)
  assert.is(http!.failed, 20)
  assert.is(http!.makespanSeconds, null)
  assert.is(http!.p50Seconds, null)
  assert.equal(http!.completions, [])
  assert.equal(http!.violations, [])
})

test('a run that ends too early says so', () => {
  const [http] = run({ strategies: ['http'], untilSeconds: 2 }).strategies
  assert.match(http!.violations[0]!, /^host 1 has not got the image by/)
})

test('progress names the strategy and never goes back', () => {
  const seen: Progress[] = []
  run({ strategies: ['tree', 'chain'] }, 1, (progress) => seen.push(progress))
  const steps = seen.map(({ number, nodes, completed }) => number * nodes + completed)
  assert.ok(steps.length > 5)
  assert.equal(
    steps,
    [...steps].sort((a, b) => a - b),
  )
  assert.equal([...new Set(seen.map(({ strategy }) => strategy))], ['tree', 'chain'])
})

test.run()

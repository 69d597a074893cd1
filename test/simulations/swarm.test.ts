import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { bytesOf, evenImage, type NodePlan } from '../../simulations/plan.ts'
import { type NodeResult, type SwarmResult, simulateSwarm } from '../../simulations/swarm.ts'

const MB = 1_000_000
const LINK = { upBytes: 125 * MB, downBytes: 125 * MB }
const BUILDER: NodePlan = { name: 'builder', builder: true, holds: 'all', ...LINK }
/** 27,000 blocks of 12 KiB, as an image's delta is when cut at files. */
const IMAGE = evenImage(27_000, 12_288, 128)
const IMAGE_BYTES = bytesOf(IMAGE)
/** What one transfer over one link takes, when nothing is lost. */
const SINGLE_MS = (IMAGE_BYTES / LINK.downBytes) * 1000
const SEEDS = [1, 2, 3]

function workers(count: number, special: Partial<NodePlan> = {}): NodePlan[] {
  return Array.from({ length: count }, (_, i) => ({ name: `w${i}`, ...LINK, ...(i === 0 ? special : {}) }))
}

function play(seed: number, nodes: NodePlan[]): SwarmResult {
  return simulateSwarm({ seed, image: IMAGE, nodes, untilMs: 120_000 })
}

function finished(result: SwarmResult, except: string[] = []): NodeResult[] {
  const nodes = result.nodes.filter(({ name }) => name.startsWith('w') && !except.includes(name))
  for (const { name, finishedAtMs, bytesFrom } of nodes) {
    assert.ok(finishedAtMs !== undefined, `${name} has the image`)
    assert.is(sum(Object.values(bytesFrom)), IMAGE_BYTES, `${name} took every block once`)
  }
  return nodes
}

function slowest(nodes: NodeResult[]): number {
  return Math.max(...nodes.map(({ finishedAtMs }) => finishedAtMs!))
}

function copiesOf(result: SwarmResult, name: string): number {
  return result.nodes.find((node) => node.name === name)!.sentBytes / IMAGE_BYTES
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

test('one worker has the image in the time of one transfer', () => {
  const nodes = finished(play(1, [BUILDER, ...workers(1)]))
  assert.ok(slowest(nodes) < 1.1 * SINGLE_MS, `${slowest(nodes)} ms`)
  assert.ok(slowest(nodes) > SINGLE_MS, 'faster than the link')
})

test('four workers at once: each draws from all the others, the builder sends hardly more than one copy', () => {
  for (const seed of SEEDS) {
    const result = play(seed, [BUILDER, ...workers(4)])
    const nodes = finished(result)
    for (const { bytesFrom } of nodes) assert.is(Object.keys(bytesFrom).length, 4)
    assert.ok(copiesOf(result, 'builder') < 1.5, `${copiesOf(result, 'builder')} copies`)
    assert.ok(slowest(nodes) < 1.4 * SINGLE_MS, `${slowest(nodes)} ms`)
    assert.ok(sum(nodes.flatMap(({ duplicatesFrom }) => Object.values(duplicatesFrom))) < 0.05 * IMAGE_BYTES)
  }
})

test("thirty workers at once: the builder's copies and the time stay bounded", () => {
  const result = play(1, [BUILDER, ...workers(30)])
  const nodes = finished(result)
  assert.ok(copiesOf(result, 'builder') < 3, `${copiesOf(result, 'builder')} copies`)
  assert.ok(slowest(nodes) < 2.5 * SINGLE_MS, `${slowest(nodes)} ms`)
  const twice = sum(nodes.flatMap(({ duplicatesFrom }) => Object.values(duplicatesFrom)))
  assert.ok(twice < 0.06 * nodes.length * IMAGE_BYTES, `${twice} bytes twice`)
})

test('a worker that ends in the middle costs the others less than two seconds', () => {
  for (const kind of ['crash', 'vanish'] as const) {
    for (const seed of SEEDS) {
      const without = slowest(finished(play(seed, [BUILDER, ...workers(4)])))
      const nodes = finished(play(seed, [BUILDER, ...workers(4, { fault: { kind, atMs: SINGLE_MS / 2 } })]), ['w0'])
      assert.ok(slowest(nodes) < without + 2000, `${kind}: ${slowest(nodes)} ms, without ${without} ms`)
    }
  }
})

test('when the builder vanishes, those that hold its blocks finish the distribution', () => {
  const seeder: NodePlan = { name: 'seeder', holds: 'all', ...LINK }
  const gone: NodePlan = { ...BUILDER, fault: { kind: 'vanish', atMs: SINGLE_MS / 2 } }
  const nodes = finished(play(1, [gone, seeder, ...workers(4)]))
  assert.ok(slowest(nodes) < 1.4 * SINGLE_MS + 2000, `${slowest(nodes)} ms`)
})

test('a peer that is connected and answers nothing costs less than two seconds', () => {
  for (const seed of SEEDS) {
    const without = slowest(finished(play(seed, [BUILDER, ...workers(4)])))
    const fault = { kind: 'stall', atMs: SINGLE_MS / 4 } as const
    const nodes = finished(play(seed, [BUILDER, ...workers(4, { fault })]))
    assert.ok(slowest(nodes) < without + 2000, `${slowest(nodes)} ms, without ${without} ms`)
  }
})

test('a worker with a slow uplink does not hold up the others', () => {
  for (const seed of SEEDS) {
    const without = slowest(finished(play(seed, [BUILDER, ...workers(4)])))
    const nodes = finished(play(seed, [BUILDER, ...workers(4, { upBytes: LINK.upBytes / 20 })]))
    assert.ok(slowest(nodes) < without + 2000, `${slowest(nodes)} ms, without ${without} ms`)
  }
})

test('the builder is not spared for the sake of one slow holder', () => {
  const slow: NodePlan = { name: 'slow', holds: 'all', upBytes: LINK.upBytes / 20, downBytes: LINK.downBytes }
  const nodes = finished(play(1, [BUILDER, slow, ...workers(1)]))
  assert.ok(slowest(nodes) < 1.3 * SINGLE_MS, `${slowest(nodes)} ms`)
})

test('a fast holder spares the builder', () => {
  const result = play(1, [BUILDER, { name: 'seeder', holds: 'all', ...LINK }, ...workers(1)])
  finished(result)
  assert.ok(copiesOf(result, 'builder') < 0.25, `${copiesOf(result, 'builder')} copies`)
})

test('a peer that sends wrong blocks is dropped by everybody at once, and nothing of it is kept', () => {
  const wrong: NodePlan = { name: 'liar', holds: 'all', ...LINK, fault: { kind: 'wrong' } }
  const nodes = finished(play(1, [BUILDER, wrong, ...workers(4)]))
  for (const { bytesFrom, dropped } of nodes) {
    assert.is(bytesFrom.liar, undefined)
    assert.equal(
      dropped.map(({ peer, reason }) => `${peer} ${reason}`),
      ['liar wrong-block'],
    )
  }
  assert.ok(slowest(nodes) < 1.4 * SINGLE_MS, `${slowest(nodes)} ms`)
})

test('a late worker takes from the others, not from the builder', () => {
  const joinsAtMs = SINGLE_MS / 2
  const nodes = finished(play(1, [BUILDER, ...workers(4, { joinsAtMs })]))
  const late = nodes.find(({ name }) => name === 'w0')!
  assert.ok((late.bytesFrom.builder ?? 0) < 0.35 * IMAGE_BYTES, `${late.bytesFrom.builder} bytes`)
  assert.ok(late.finishedAtMs! - joinsAtMs < 1.4 * SINGLE_MS, `${late.finishedAtMs! - joinsAtMs} ms`)
})

test('blocks that a node holds in another image come from it, not from the builder', () => {
  const other: NodePlan = { name: 'other', holds: (item) => item % 10 < 6, fetches: false, ...LINK }
  const [node] = finished(play(1, [BUILDER, other, ...workers(1)]))
  assert.ok(node!.bytesFrom.other! > 0.5 * IMAGE_BYTES, `${node!.bytesFrom.other} bytes`)
})

test('an upload limit holds', () => {
  const rateUpBytes = 20 * MB
  const result = play(1, [{ ...BUILDER, rateUpBytes }, ...workers(1)])
  const seconds = slowest(finished(result)) / 1000
  // A burst of one second's worth at the start, and frames in the making when the limit was reached.
  assert.ok(IMAGE_BYTES <= rateUpBytes * (seconds + 1) + 8 * 1024 * 1024, `${seconds} s`)
  assert.ok(seconds < (IMAGE_BYTES / rateUpBytes) * 1.2, `${seconds} s`)
})

test('a download limit holds', () => {
  const rateDownBytes = 20 * MB
  const seconds = slowest(finished(play(1, [BUILDER, ...workers(1, { rateDownBytes })]))) / 1000
  assert.ok(IMAGE_BYTES <= rateDownBytes * (seconds + 1) + 1024 * 1024, `${seconds} s`)
  assert.ok(seconds < (IMAGE_BYTES / rateDownBytes) * 1.2, `${seconds} s`)
})

test('the same seed gives the same result, another seed another', () => {
  const image = evenImage(4000, 12_288, 128)
  const nodes = [BUILDER, ...workers(6, { fault: { kind: 'crash', atMs: 200 } })]
  const first = simulateSwarm({ seed: 7, image, nodes })
  assert.equal(simulateSwarm({ seed: 7, image, nodes }), first)
  assert.not.equal(simulateSwarm({ seed: 8, image, nodes }), first)
})

test.run()

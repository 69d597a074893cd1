/** Strategies where theory says how long they take: a file that passes a node's link in T seconds, on n nodes. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { StrategyName } from '../../../simulations/strategies/names.ts'
import { clusterOf, makespanOf, playing } from '../../support/scenarios.ts'

const BYTES = 125_000_000
const SECONDS = 1

function ran(
  name: StrategyName,
  nodes: number,
  changed: Record<string, unknown> = {},
): { seconds: number; copies: number } {
  const cluster = clusterOf({ image: { size: BYTES }, groups: [{ name: 'node', nodes }], ...changed })
  const run = playing(name, cluster)
  assert.equal(run.violations, [], name)
  return { seconds: makespanOf(cluster, run), copies: run.hosts[0]!.sentBytes / BYTES }
}

function near(actual: number, expected: number, part: number): void {
  assert.ok(Math.abs(actual - expected) <= expected * part, `${actual}, not ${expected}`)
}

test('one server takes n T, and sends n copies', () => {
  for (const nodes of [1, 2, 7, 40]) {
    const { seconds, copies } = ran('http', nodes)
    near(seconds, nodes * SECONDS, 0.01)
    near(copies, nodes, 0.01)
  }
})

test('a server with a faster link takes less', () => {
  near(ran('http', 40, { builder: { up: '10 Gbit/s' } }).seconds, 4, 0.01)
})

test('caches take what the server takes for them, or they for their clients', () => {
  // Eight caches of one rack: the server takes 8 T; a cache has 4 clients, and hands on what comes at an eighth.
  const { seconds, copies } = ran('caches', 40)
  near(seconds, 8, 0.03)
  near(copies, 8, 0.01)
  // One a rack: a cache has 9 clients, the server two caches.
  near(ran('caches', 20, { network: { racks: 2 } }).seconds, 9, 0.03)
})

test('the tree doubles: the least number of T in which 2^k - 1 are n', () => {
  for (const nodes of [1, 2, 3, 4, 7, 8, 31, 32, 60]) {
    near(ran('tree', nodes).seconds, Math.ceil(Math.log2(nodes + 1)) * SECONDS, 0.02)
  }
})

test('the chain takes T and a chunk for each node', () => {
  const chunkSeconds = (1024 * 1024) / BYTES
  for (const nodes of [1, 2, 20, 100]) {
    const { seconds, copies } = ran('chain', nodes)
    near(seconds, SECONDS + (nodes - 1) * chunkSeconds, 0.03)
    near(copies, 1, 0.01)
  }
})

test('the chain passes each uplink once: racks with thin ones cost nothing', () => {
  const racks = ran('chain', 40, { network: { racks: 8, uplink: '1 Gbit/s' } })
  near(racks.seconds, ran('chain', 40).seconds, 0.02)
})

test('a swarm is between one pass and three, and spares the builder', () => {
  for (const nodes of [10, 60]) {
    const { seconds, copies } = ran('bittorrent', nodes, { image: { size: 4 * BYTES } })
    assert.ok(seconds >= 4 * SECONDS && seconds <= 12 * SECONDS, `${nodes} nodes: ${seconds} s`)
    assert.ok(copies <= 4 * 2.5, `${copies / 4} copies`)
  }
})

test('nodes that have the image are sources too', () => {
  const groups = [
    { name: 'node', nodes: 20 },
    { name: 'old', nodes: 20, complete: true },
  ]
  near(ran('tree', 0, { groups }).seconds, SECONDS, 0.02)
})

test('whoever comes later begins later', () => {
  const groups = [
    { name: 'node', nodes: 5 },
    { name: 'late', nodes: 1, joinsAtSeconds: 30 },
  ]
  for (const name of ['http', 'caches', 'tree', 'bittorrent'] as const) near(ran(name, 0, { groups }).seconds, 31, 0.05)
  // A line is begun when nodes have had a second to come.
  near(ran('chain', 0, { groups }).seconds, 32, 0.05)
})

test.run()

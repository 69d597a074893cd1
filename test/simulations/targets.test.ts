/** What hotblock promises of a rollout, in clusters small enough for a test; large ones are played by `hotblock simulate`. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Cluster } from '../../simulations/cluster.ts'
import type { RunResult } from '../../simulations/run.ts'
import { clusterOf, makespanOf, playing, timesOf } from '../support/scenarios.ts'

const GIGABIT = 125e6

function played(changed: Record<string, unknown>): { cluster: Cluster; run: RunResult } {
  const cluster = clusterOf({ image: { size: '600 MB' }, grain: 1, ...changed })
  const run = playing('hotblock', cluster)
  assert.equal(run.violations, [])
  return { cluster, run }
}

function sorted(cluster: Cluster, run: RunResult): number[] {
  return timesOf(cluster, run)
    .map((time) => time ?? Number.POSITIVE_INFINITY)
    .sort((a, b) => a - b)
}

function copiesOf(cluster: Cluster, run: RunResult): number {
  return run.hosts[0]!.sentBytes / cluster.image.blockBytes
}

function boundOf(cluster: Cluster): number {
  return cluster.image.blockBytes / GIGABIT
}

test('a flash crowd: near the bound, all at about the same time, and the builder sends each block about once', () => {
  const { cluster, run } = played({ groups: [{ name: 'node', nodes: 40 }] })
  const times = sorted(cluster, run)
  const p50 = times[times.length >> 1]!
  assert.ok(makespanOf(cluster, run) <= 1.2 * boundOf(cluster), `${makespanOf(cluster, run)} s`)
  assert.ok(times.at(-1)! <= 1.1 * p50, `${times.at(-1)} s, half after ${p50} s`)
  assert.ok(copiesOf(cluster, run) <= 1.3, `${copiesOf(cluster, run)} copies`)
})

test('on slow links nobody takes those who keep them waiting for dead', () => {
  const rates = { up: '4 Mbit/s', down: '4 Mbit/s' }
  const groups = [{ name: 'node', nodes: 12 }]
  const { cluster, run } = played({ image: { size: '50 MB' }, network: rates, groups, untilSeconds: 1000 })
  assert.is(
    run.hosts.reduce((sum, { droppedPeers }) => sum + droppedPeers, 0),
    0,
  )
  assert.ok(makespanOf(cluster, run) <= 1.7 * (50e6 / 5e5), `${makespanOf(cluster, run)} s`)
  assert.ok(copiesOf(cluster, run) <= 1.5, `${copiesOf(cluster, run)} copies`)
})

test('racks behind thin uplinks are served alike', () => {
  const network = { racks: 4, oversubscription: 4 }
  const { cluster, run } = played({ network, groups: [{ name: 'node', nodes: 48 }] })
  const medians = cluster.racks.flatMap((_, rack) => {
    const times = cluster.hosts.flatMap(({ index, rack: own, wants }) =>
      wants && own === rack ? [run.hosts[index]!.completedAtMs ?? Number.POSITIVE_INFINITY] : [],
    )
    return times.length === 0 ? [] : [times.sort((a, b) => a - b)[times.length >> 1]!]
  })
  assert.ok(Math.max(...medians) <= 1.3 * Math.min(...medians), medians.join(', '))
  assert.ok(makespanOf(cluster, run) <= 1.3 * boundOf(cluster), `${makespanOf(cluster, run)} s`)
  assert.ok(copiesOf(cluster, run) <= 1.3, `${copiesOf(cluster, run)} copies`)
})

test('a rack behind a link that is thin does not starve: each block passes it about once', () => {
  const groups = [
    { name: 'near', nodes: 24, racks: 1 },
    { name: 'far', nodes: 24, racks: 1, uplink: '1 Gbit/s' },
  ]
  const { cluster, run } = played({ network: { latencyMs: 2 }, groups })
  // With two copies over the thin link alone it would take twice the bound.
  assert.ok(makespanOf(cluster, run) <= 1.8 * boundOf(cluster), `${makespanOf(cluster, run)} s`)
})

test('three times the nodes take little longer', () => {
  const small = played({ groups: [{ name: 'node', nodes: 20 }] })
  const large = played({ groups: [{ name: 'node', nodes: 60 }] })
  const [few, many] = [makespanOf(small.cluster, small.run), makespanOf(large.cluster, large.run)]
  assert.ok(many <= 1.15 * few, `${few} s, then ${many} s`)
})

test('nobody is asked for what all have: a new release moves its new blocks alone', () => {
  const { cluster, run } = played({ groups: [{ name: 'node', nodes: 20, hot: 0.54 }] })
  const moved = run.hosts.reduce((sum, { sentBytes }) => sum + sentBytes, 0)
  const cold = 0.46 * 20 * cluster.image.blockBytes
  assert.ok(moved <= 1.03 * cold && moved >= 0.97 * cold, `${moved} bytes, ${cold} are cold`)
})

test('what bystanders have in other images comes from them, and the builder sends the rest about once', () => {
  const groups = [
    { name: 'bystander', nodes: 30, hot: 0.54, wants: false },
    { name: 'fresh', nodes: 8 },
  ]
  const { cluster, run } = played({ groups })
  const fromBystanders = run.hosts.slice(1, 31).reduce((sum, { sentBytes }) => sum + sentBytes, 0)
  assert.ok(copiesOf(cluster, run) <= 0.6, `${copiesOf(cluster, run)} copies`)
  assert.ok(fromBystanders >= 0.5 * cluster.image.blockBytes, `${fromBystanders} bytes from bystanders`)
  assert.ok(makespanOf(cluster, run) <= 1.5 * boundOf(cluster), `${makespanOf(cluster, run)} s`)
})

test('a coarse run says what a fine one does: coarse frames are passed on while they still come', () => {
  const groups = [{ name: 'node', nodes: 60 }]
  const image = { size: '1200 MB' }
  const fine = played({ groups, image })
  const coarse = played({ groups, image, grain: 5 })
  const ratio = makespanOf(coarse.cluster, coarse.run) / makespanOf(fine.cluster, fine.run)
  assert.ok(Math.abs(ratio - 1) <= 0.12, `${ratio} ×`)
})

test.run()

/** From scenarios to clusters. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { getBit } from '../../../protocols/bits.ts'
import { boundSeconds } from '../../../simulations/bound.ts'
import { loadAttached, loadScenario, shippedNames } from '../../../simulations/files.ts'
import { makeCluster } from '../../../simulations/scenario/cluster.ts'
import { withNodes } from '../../../simulations/scenario/layout.ts'
import { readTrace } from '../../../simulations/scenario/swf.ts'
import { clusterOf, NOTHING, scenarioOf } from '../../support/scenarios.ts'

const RACKS = { racks: 4, oversubscription: 4 }

test('the builder is the first host; without racks all are in one', () => {
  const { hosts, racks, racksKnown, image } = clusterOf()
  assert.is(hosts.length, 21)
  assert.ok(hosts[0]!.builder && hosts[0]!.complete && !hosts[0]!.wants)
  assert.ok(hosts.every(({ rack, index }, i) => rack === 0 && index === i))
  assert.is(racks.length, 1)
  assert.not(racksKnown)
  assert.is(image.blockBytes, 64 * 1024 * 1024)
  assert.is(image.segmentCount, 16)
})

test('nodes are spread over racks in their order; the builder has a place of its own', () => {
  const { hosts, racks } = clusterOf({ network: RACKS })
  assert.equal(
    racks.map(({ name }) => name),
    ['rack-1', 'rack-2', 'rack-3', 'rack-4', 'builder'],
  )
  assert.is(hosts[0]!.rack, 4)
  assert.equal(
    [0, 1, 2, 3].map((rack) => hosts.filter((host) => host.rack === rack).length),
    [5, 5, 5, 5],
  )
  assert.is(racks[0]!.upBytes, (5 * 125e6) / 4)
  assert.is(racks[4]!.upBytes, Number.POSITIVE_INFINITY)
})

test('a group can have racks of its own, and the builder one of them', () => {
  const groups = [
    { name: 'near', nodes: 8 },
    { name: 'far', nodes: 4, racks: 2, uplink: '100 Mbit/s' },
  ]
  const { hosts, racks } = clusterOf({ network: { racks: 2 }, groups, builder: { rack: 0 } })
  assert.equal(
    racks.map(({ name, upBytes }) => [name, upBytes]),
    [
      ['rack-1', Number.POSITIVE_INFINITY],
      ['rack-2', Number.POSITIVE_INFINITY],
      ['far-rack-1', 12.5e6],
      ['far-rack-2', 12.5e6],
    ],
  )
  assert.is(hosts[0]!.rack, 0)
  assert.equal(
    hosts.slice(9).map(({ name, rack }) => `${name} ${rack}`),
    ['far-1 2', 'far-2 2', 'far-3 3', 'far-4 3'],
  )
})

test('the part that is hot is met to a block, and is the same for all of the group', () => {
  for (const hot of [0.01, 0.3, 0.54, 0.99]) {
    const { image, hosts } = clusterOf({
      image: { size: '64 MiB', block: '64 KiB' },
      groups: [{ name: 'n', nodes: 5, hot }],
    })
    const bits = hosts[1]!.hot!
    let bytes = 0
    image.lengths.forEach((length, item) => {
      if (getBit(bits, item)) bytes += length
    })
    assert.ok(Math.abs(bytes / image.blockBytes - hot) <= 65_536 / image.blockBytes)
    assert.ok(hosts.slice(1).every((host) => host.hot === bits))
  }
})

test('a grain divides bytes and rates, and leaves the bound where it is', () => {
  const fine = clusterOf({ image: { size: '1 GB' } })
  const coarse = clusterOf({ image: { size: '1 GB' }, grain: 4 })
  assert.is(coarse.grain, 4)
  assert.is(coarse.hosts[1]!.upBytes, fine.hosts[1]!.upBytes / 4)
  assert.is(coarse.image.blockBytes, 25e7)
  assert.is(boundSeconds(coarse), boundSeconds(fine))
})

test('large rollouts are coarse by themselves, but never so that pieces weigh', () => {
  const grain = (nodes: number, size: string, hot = 0): number => {
    return clusterOf({ image: { size }, groups: [{ name: 'n', nodes, hot }] }).grain
  }
  assert.is(grain(400, '1 GB'), 1)
  assert.ok(Math.abs(grain(2600, '3 GB') - 17) < 0.1)
  assert.ok(Math.abs(grain(10_000, '10 GB') - 100) < 0.1)
  assert.ok(Math.abs(grain(2600, '3 GB', 0.5) - 8.5) < 0.2)
  assert.is(grain(50_000, '300 MB'), 3)
})

test('the same seed draws the same; another one another', () => {
  const changed = {
    faults: [{ kind: 'loss', part: 0.3, atSeconds: 1, overSeconds: 5 }],
    arrival: { kind: 'spread', overSeconds: 10 },
    groups: [{ name: 'n', nodes: 40, hot: 0.4 }],
  }
  assert.equal(clusterOf(changed, 5), clusterOf(changed, 5))
  assert.not.equal(clusterOf(changed, 5).hosts, clusterOf(changed, 6).hosts)
})

test('so many are hit as the scenario says, each by one fault', () => {
  const faults = [
    { kind: 'loss', part: 0.5, atSeconds: 1 },
    { kind: 'wrong', nodes: 6 },
    { kind: 'stall', nodes: 100, atSeconds: 2 },
    { kind: 'slow', nodes: 3, factor: 10 },
  ]
  const { hosts } = clusterOf({ faults })
  const count = (kind: string): number => hosts.filter(({ fault }) => fault?.kind === kind).length
  assert.equal([count('crash'), count('wrong'), count('stall')], [10, 6, 4])
  assert.is(hosts.filter(({ upBytes }) => upBytes === 12.5e6).length, 3)
  assert.is(hosts[0]!.fault, undefined)
})

test('a partition of racks is that of their hosts', () => {
  const faults = [{ kind: 'partition', racks: [1], fromSeconds: 2, untilSeconds: 9 }]
  assert.equal(clusterOf({ network: RACKS, faults }).partitions, [
    { hosts: [6, 7, 8, 9, 10], fromMs: 2000, untilMs: 9000 },
  ])
})

test('loads of an uplink add up, begin and end', () => {
  const load = [
    { part: 0.5, racks: [0], fromSeconds: 1, untilSeconds: 5 },
    { part: 0.3, fromSeconds: 3, untilSeconds: 4 },
  ]
  const { rateChanges } = clusterOf({ network: { racks: 2, uplink: 1_000_000 }, load })
  const of = (rack: number): number[][] => {
    return rateChanges.filter((change) => change.rack === rack).map(({ atMs, upBytes }) => [atMs, Math.round(upBytes)])
  }
  assert.equal(of(0), [
    [1000, 500_000],
    [3000, 200_000],
    [4000, 500_000],
    [5000, 1_000_000],
  ])
  assert.equal(of(1), [
    [3000, 700_000],
    [4000, 1_000_000],
  ])
})

test('waves have their shares', () => {
  const waves = [
    { atSeconds: 0, share: 1 },
    { atSeconds: 60, share: 3 },
  ]
  const { hosts } = clusterOf({ arrival: { kind: 'waves', waves } })
  assert.is(hosts.slice(1).filter(({ joinsAtMs }) => joinsAtMs === 60_000).length, 15)
})

test('a node wants the image when its first job with it begins, and not at all without one', () => {
  const job = (at: number, run: number, processors: number, executable: number): string => {
    return `1 ${at} 0 ${run} ${processors} -1 -1 -1 -1 -1 1 1 1 ${executable} 1 1 -1 -1`
  }
  // Two nodes; one; another program on the two that are free; one again on a node that has the image.
  const trace = readTrace([job(10, 100, 8, 3), job(20, 10, 1, 3), job(30, 500, 8, 1), job(200, 10, 1, 3)].join('\n'))
  const arrival = { kind: 'jobs', trace: 'a.swf', processorsPerNode: 4, executable: 3, fromSeconds: 10 }
  const { hosts } = clusterOf({ groups: [{ name: 'n', nodes: 6 }], arrival }, 1, { ...NOTHING, trace })
  assert.equal(
    hosts.slice(1).map(({ wants, joinsAtMs }) => (wants ? joinsAtMs : undefined)),
    [0, 0, 10_000, undefined, undefined, undefined],
  )
})

test('jobs that are larger than the cluster get all of it', () => {
  const trace = readTrace('1 0 0 5 999 -1 -1 -1 -1 -1 1 1 1 1 1 1 -1 -1')
  const { hosts } = clusterOf({ arrival: { kind: 'jobs', trace: 'a.swf' } }, 1, { ...NOTHING, trace })
  assert.ok(hosts.slice(1).every(({ wants }) => wants))
})

test('what makes no cluster is named', () => {
  const faults = [{ kind: 'partition', racks: [0, 9], fromSeconds: 1, untilSeconds: 2 }]
  assert.throws(() => clusterOf({ network: RACKS, faults }), /faults\[0\]\.racks\[1\]: there is no rack 9/)
  assert.throws(() => clusterOf({ builder: { rack: 3 } }), /builder\.rack: there is no rack 3/)
  const trace = readTrace('')
  assert.throws(
    () => clusterOf({ arrival: { kind: 'jobs', trace: 'a.swf' } }, 1, { ...NOTHING, trace }),
    /arrival: no node ever wants the image/,
  )
})

test('another number of nodes keeps the proportions of groups', () => {
  const groups = [
    { name: 'a', nodes: 90 },
    { name: 'b', nodes: 9 },
    { name: 'c', nodes: 1 },
  ]
  const counts = (nodes: number): number[] =>
    withNodes(scenarioOf({ groups }), nodes).groups.map((group) => group.nodes)
  assert.equal(counts(1000), [900, 90, 10])
  assert.equal(counts(10), [9, 1, 1])
  assert.equal(counts(1), [1, 1, 1])
})

test('every scenario that ships makes a cluster with a bound', async () => {
  const names = await shippedNames()
  for (const needed of ['cern-2010', 'kraken-2600', 'flash-crowd-racks', 'late-rack', 'node-loss', 'new-release']) {
    assert.ok(names.includes(needed), needed)
  }
  for (const name of names) {
    const file = await loadScenario(name, name)
    assert.is(file.scenario.name, name)
    assert.ok(file.scenario.title !== '' && file.scenario.description !== '', name)
    const cluster = makeCluster(file.scenario, file.scenario.seed, await loadAttached(file))
    const bound = boundSeconds(cluster)
    assert.ok(bound > 0 && bound < file.scenario.untilSeconds, `${name}: ${bound}`)
  }
})

test.run()

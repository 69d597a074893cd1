/** Why nodes were slow: each reason is found where it holds, and not where it does not. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Reason, reasonsOf } from '../../../simulations/report/reasons.ts'
import type { NodeResult, SimulationResult, StrategyResult } from '../../../simulations/result.ts'
import { nodeResult, rackResult, resultOf, strategyResult } from '../../support/simulation-results.ts'

function found(
  node: Partial<NodeResult>,
  strategy: Partial<StrategyResult> = {},
  result: Partial<SimulationResult> = {},
): Reason[] {
  return reasonsOf(resultOf(result), { ...strategyResult('hotblock'), ...strategy }, nodeResult(node))
}

function kinds(...args: Parameters<typeof found>): string[] {
  return found(...args).map(({ kind }) => kind)
}

function text(...args: Parameters<typeof found>): string {
  return found(...args)
    .map(({ text }) => text)
    .join('; ')
    .replaceAll('\u00a0', ' ')
}

test('a node like the others', () => {
  assert.is(text({ seconds: 9 }), 'as fast as the median node')
  assert.is(text({ seconds: 9.2 }), 'only 2.2 % slower than the median node')
})

test('a slow link, the one that it has or the limit that it was given', () => {
  assert.is(text({ seconds: 80, downBytes: 12.5e6 }), 'its link takes 100 Mbit/s where most take 1 Gbit/s')
  assert.equal(kinds({ seconds: 80, rateDownBytes: 12.5e6 }), ['slow link'])
  assert.equal(kinds({ seconds: 80, downBytes: 124e6, idleSeconds: 71 }), ['waited'])
})

test('more to fetch than others', () => {
  const image = { ...resultOf().image, hotFraction: 0.6 }
  assert.match(text({ seconds: 18 }, {}, { image }), /^had 600 MB more to fetch than nodes have on average/)
  assert.equal(kinds({ seconds: 9, neededBytes: 4e8 }, {}, { image }), ['like the others'])
})

test('a rack whose uplink was full, all the time or for a while', () => {
  const bytes = { builder: 0, sameRack: 5e8, otherRack: 5e8, localHot: 0 }
  const busy = { ...rackResult('rack-1'), down: Array.from({ length: 120 }, () => 0.97) }
  assert.is(text({ seconds: 9.2, bytes }, { racks: [busy] }), "97 % of its rack's uplink was in use, on average")
  const half = { ...busy, down: busy.down.map((use, i) => (i < 60 ? use : 0)) }
  assert.is(text({ seconds: 9.2, bytes }, { racks: [half] }), 'the uplink of its rack was full for 4.6 s')
  // Who had everything from its own rack did not wait for the uplink.
  assert.equal(kinds({ seconds: 9.2 }, { racks: [busy] }), ['like the others'])
  // What was full before it came is no reason.
  assert.equal(kinds({ seconds: 4, joinedSeconds: 4.6, bytes }, { racks: [half] }), ['like the others', 'joined late'])
})

test("the builder's link, where it was always full and the node depended on it", () => {
  const bytes = { builder: 1e9, sameRack: 0, otherRack: 0, localHot: 0 }
  const bytesByOrigin = { ...bytes, builder: 1e11 }
  const full = { bytesByOrigin, endedSeconds: 800, p50Seconds: 800 }
  assert.equal(kinds({ seconds: 800, bytes }, full), ['builder link'])
  assert.equal(kinds({ seconds: 800 }, full), ['like the others'])
  assert.equal(kinds({ seconds: 800, bytes }, { ...full, endedSeconds: 1600 }), ['like the others'])
})

test('being cut off explains that nothing came', () => {
  assert.is(text({ seconds: 70, partedSeconds: 60, idleSeconds: 60 }), 'was cut off from others for 60 s')
  assert.equal(kinds({ seconds: 100, partedSeconds: 60, idleSeconds: 90 }), ['cut off', 'waited'])
})

test('what came in vain, and peers that were lost', () => {
  assert.is(text({ seconds: 10, twiceBytes: 2e8 }), '200 MB came although they were there already')
  assert.is(text({ brokenPeers: 1, droppedPeers: 2 }), 'lost 1 connection and gave up 2 peers')
})

test('what cost most comes first, and there are at most three', () => {
  const node = { seconds: 100, downBytes: 62.5e6, idleSeconds: 50, twiceBytes: 5e8, partedSeconds: 20, brokenPeers: 3 }
  assert.equal(kinds(node), ['waited', 'cut off', 'slow link'])
  assert.is(kinds({ seconds: 100, downBytes: 12.5e6, idleSeconds: 20 })[0], 'slow link')
})

test('less speed than its link has, for no reason that is known', () => {
  assert.match(text({ seconds: 20 }), /^got 50 MB\/s on average over a link of 125 MB\/s/)
})

test('nodes that have not got it: lost ones, and those that live', () => {
  const bytes = { builder: 0, sameRack: 7.5e8, otherRack: 0, localHot: 0 }
  assert.is(
    text({ seconds: null, bytes }, { endedSeconds: 10 }),
    'had not got the image when the run ended: 25 % of the image was lacking',
  )
  assert.equal(kinds({ seconds: null, gone: true, bytes, idleSeconds: 5 }), ['lost', 'waited'])
  assert.equal(kinds({ seconds: null, joinedSeconds: 2, bytes }), ['unfinished'])
})

test.run()

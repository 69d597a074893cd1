/** Figures as people read them, and what a report says in sentences. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  bytes,
  count,
  duration,
  durationTick,
  linkRate,
  percent,
  plural,
  times,
} from '../../../simulations/report/format.ts'
import { shownOf } from '../../../simulations/report/outcome.ts'
import { headline, meaning, scenarioWords } from '../../../simulations/report/words.ts'
import type { SimulationResult } from '../../../simulations/result.ts'
import { resultOf, strategyResult } from '../../support/simulation-results.ts'

const seen = (text: string): string => text.replaceAll('\u00a0', ' ')

function meanings(result: SimulationResult): string[] {
  return shownOf(result).map((one) => seen(meaning(result, one)))
}

test('times', () => {
  const cases: [number, string][] = [
    [0, '0 ms'],
    [0.0421, '42 ms'],
    [0.0999, '0.0999 s'],
    [8.421, '8.42 s'],
    [119.6, '120 s'],
    [120, '2 min'],
    [725.4, '12 min 5 s'],
    [7199.6, '120 min'],
    [12_000, '3 h 20 min'],
    [200_000, '2 d 8 h'],
    [Number.POSITIVE_INFINITY, '–'],
  ]
  for (const [seconds, text] of cases) assert.is(seen(duration(seconds)), text)
  assert.equal(
    [0, 0.5, 30, 90, 7200, 86_400].map((s) => seen(durationTick(s))),
    ['0', '0.5 s', '30 s', '1.5 min', '2 h', '1 d'],
  )
})

test('sizes, rates, parts, counts', () => {
  assert.equal(
    [0, 999, 999.6, 4.6e9, 3e15, 5e18].map((n) => seen(bytes(n))),
    ['0 B', '999 B', '1 kB', '4.6 GB', '3 PB', '5,000 PB'],
  )
  assert.equal(
    [125e6, 12.5e6, 3e8, 1.25e12].map((n) => seen(linkRate(n))),
    ['1 Gbit/s', '100 Mbit/s', '2.4 Gbit/s', '10 Tbit/s'],
  )
  assert.equal(
    [0, 0.0001, 0.003, 0.536, 0.9996, 1].map((n) => seen(percent(n))),
    ['0 %', '< 0.1 %', '0.3 %', '54 %', '> 99.9 %', '100 %'],
  )
  assert.equal([0, 999, 1000, 1_234_567].map(count), ['0', '999', '1,000', '1,234,567'])
  assert.equal([plural(1, 'node'), plural(2600, 'node')], ['1 node', '2,600 nodes'])
  assert.equal([1.081, 23.44, 1204.2, Number.NaN].map(times), ['1.08', '23.4', '1,204', '–'])
})

test('hotblock is held against the bound and the best of the others', () => {
  const others = [strategyResult('chain', { times: 2 }), strategyResult('http', { times: 50 })]
  assert.is(
    seen(headline(resultOf({ strategies: [...others, strategyResult('hotblock')] }))!),
    'hotblock has the image on all nodes after 9.2 s, 1.15 times the bound; of the others, pipeline chain is the fastest with 18.4 s.',
  )
  assert.match(headline(resultOf({ strategies: others }))!, /^Pipeline chain has .*one HTTP server is/)
  assert.is(headline(resultOf({ strategies: [strategyResult('http', { makespanSeconds: null })] })), undefined)
})

test('a sentence says what each strategy comes to', () => {
  const http = strategyResult('http', {
    times: 100,
    builderCopies: 100,
    bytesByOrigin: { builder: 1.16e11, sameRack: 0, otherRack: 0, localHot: 0 },
    p50Seconds: 600,
    p99Seconds: 920,
  })
  const hot = strategyResult('hotblock', {
    builderCopies: 1.04,
    bytesByOrigin: { builder: 1e9, sameRack: 3e10, otherRack: 1.5e10, localHot: 5.4e10 },
  })
  assert.equal(meanings(resultOf({ strategies: [http, hot] })), [
    'Half of the nodes have the image after 10 min and all after 15 min 20 s, 115 times the bound; the builder sends 100 copies, over a link that is always full; the slowest 1 % need at least 1.53 times as long as the median; it takes 100 times as long as hotblock.',
    'Half of the nodes have the image after 9 s and all after 9.2 s, 1.15 times the bound; the builder sends one copy, and nodes fetch 98 % from others (65 % within their rack), and 54 % of what nodes have was there already.',
  ])
})

test('who has not got it is said', () => {
  const none = strategyResult('tree', {
    makespanSeconds: null,
    p50Seconds: null,
    p99Seconds: null,
    completed: 0,
    failed: 90,
  })
  const some = { ...none, completed: 60, failed: 30 }
  const [first, second] = meanings(resultOf({ strategies: [none, some] }))
  assert.match(first!, /^No node has the image after 9\.2 s;/)
  assert.match(second!, /^Only 60 of the 90 live nodes have the image after 9\.2 s;/)
})

test('the scenario in words', () => {
  assert.is(
    seen(scenarioWords(resultOf()).join(' ')),
    "100 nodes in 4 racks with links of 1 Gbit/s each way; the builder sends at most 1 Gbit/s. The links of a rack's nodes together carry up to 4 times what its uplink does. The image has 1.2 GB, of which 1 GB are distinct blocks; the rest is zeros and repeated blocks. No node has any of its blocks. All nodes want it at once. Nothing fails.",
  )
  const { cluster, image } = resultOf()
  const other = resultOf({
    grain: 8,
    image: { ...image, wireRatio: 0.4, hotFraction: 0.54 },
    cluster: { ...cluster, racks: 1, nodeUpBytes: 12.5e6, arrival: 'spread', faults: 1 },
  })
  const words = seen(scenarioWords(other).join(' '))
  assert.match(words, /100 nodes with links of 1 Gbit\/s down and 100 Mbit\/s up/)
  assert.match(words, /A byte of blocks is 0\.40 bytes on the wire\. On average, nodes have 54 % of the blocks already/)
  assert.match(words, /Nodes come at different times\. 1 thing goes wrong: .* 8\.00 times smaller/)
})

test.run()

/** The page of a simulation: what it holds, and that nothing given to it becomes part of its structure. */
import { SaxesParser } from 'saxes'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { html } from '../../../simulations/report/markup.ts'
import { renderReport } from '../../../simulations/report/report.ts'
import type { SimulationResult } from '../../../simulations/result.ts'
import { simulate } from '../../../simulations/simulate.ts'
import { NOTHING, scenarioOf } from '../../support/scenarios.ts'
import { largestResult, nodeResult, resultOf, strategyResult } from '../../support/simulation-results.ts'

const BYTES_MAX = 2_000_000
const HOSTILE = `</svg></script><script>alert(1)</script>"' onload="x" &amp; \u0000\u0007\ud800`

/** Text as it is read: without markup, and with spaces for what keeps words on one line. */
function textOf(page: string): string {
  return page
    .replace(/<style>.*?<\/style>/s, '')
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll('&#39;', "'")
    .replaceAll(/[\u00a0\s]+/g, ' ')
}

/** Reads the page strictly, as XML: what HTML leaves open is closed before. @returns the names of its elements */
function parsed(page: string): Set<string> {
  const names = new Set<string>()
  const parser = new SaxesParser()
  parser.on('error', (error) => {
    throw error
  })
  parser.on('opentag', ({ name }) => names.add(name))
  parser.write(page.replace('<!doctype html>', '').replaceAll(/<(meta|br)\b([^>]*)>/g, '<$1$2/>')).close()
  return names
}

function played(changed: Record<string, unknown>): SimulationResult {
  const steps = simulate({ scenario: scenarioOf(changed), seed: 1, attached: NOTHING, source: 'small' })
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

test('figures, sentences and plots of a result are there', () => {
  const targets = [
    { strategy: 'hotblock', what: 'makespanPerBound', limit: 1.15, value: 1.15, met: true },
    { strategy: 'hotblock', what: 'builderCopies', limit: 1.1, value: 1.2, met: false },
  ] as const
  const published = [{ source: 'A paper, 2010', makespanSeconds: 12 }]
  const page = renderReport(resultOf({ targets, published }))
  const text = textOf(page)
  for (const expected of [
    'Made up',
    'Nobody played this.',
    '100 nodes in 4 racks with links of 1 Gbit/s each way',
    'hotblock has the image on all nodes after 9.2 s, 1.15 times the bound',
    'one HTTP server 15 min 20 s 115',
    'published: A paper, 2010 12 s',
    'makespan / bound 1.15 at most 1.15 met',
    'copies that the builder sends 1.20 at most 1.1 missed',
    'bound 8 s',
    'Use of the racks’ uplinks',
    'node-0 rack-1 and 11 more of the slowest',
    'hotblock simulate made-up --seed 7',
  ]) {
    assert.ok(text.includes(expected), `${expected}\n${text.slice(0, 3000)}`)
  }
  // Completion for wide and narrow pages, origins and uplinks of each strategy.
  assert.is(page.match(/<svg /g)?.length, 2 + 2 + 2)
})

test('a page stands for itself: no scripts, nothing to load', () => {
  const page = renderReport(resultOf())
  assert.not.match(page, /<script|<link|<img|<iframe|https?:|@import|\burl\(|\son\w+=/i)
  assert.match(page, /default-src 'none'|default-src &#39;none&#39;/)
})

test('what was played gives a page that is well formed, the same each time', () => {
  const result = played({
    network: { racks: 3, oversubscription: 3 },
    groups: [{ name: 'node', nodes: 30, hot: 0.5 }],
    faults: [{ kind: 'loss', part: 0.1, atSeconds: 0.3, overSeconds: 0.5 }],
    arrival: { kind: 'spread', overSeconds: 1 },
  })
  const page = renderReport(result)
  assert.is(renderReport(JSON.parse(JSON.stringify(result))), page)
  assert.ok(parsed(page).has('svg'))
  assert.not.match(page, /NaN|undefined|Infinity|\[object/)
})

test('hostile names are text, wherever they are', () => {
  const strategy = strategyResult(HOSTILE, { violations: [HOSTILE], failed: 1 })
  const result = resultOf({
    scenario: HOSTILE,
    title: HOSTILE,
    description: HOSTILE,
    published: [{ source: HOSTILE }],
    strategies: [
      {
        ...strategy,
        racks: strategy.racks.map((rack) => ({ ...rack, name: HOSTILE })),
        slowest: [nodeResult({ name: HOSTILE, rack: HOSTILE, seconds: null })],
      },
    ],
    targets: [{ strategy: HOSTILE, what: 'builderCopies', limit: 1, value: null, met: false }],
  })
  const page = renderReport(result, [HOSTILE])
  const names = parsed(page)
  assert.not(names.has('script'))
  assert.ok(textOf(page).includes('Rules were broken'))
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that none is left is what is tested.
  assert.not.match(page, /[\u0000\u0007]/)
  assert.ok(page.isWellFormed())
})

test('runs without anything to show have a page too', () => {
  const nothing = { makespanSeconds: null, p50Seconds: null, p99Seconds: null, p999Seconds: null, rackP50Spread: null }
  const empty = strategyResult('hotblock', {
    ...nothing,
    completed: 0,
    failed: 100,
    completions: [],
    samples: [],
    slowest: [],
    bytesByOrigin: { builder: 0, sameRack: 0, otherRack: 0, localHot: 0 },
    builderCopies: 0,
    endedSeconds: 0,
    racks: 0,
  })
  for (const result of [
    resultOf({ strategies: [empty] }),
    resultOf({ strategies: [] }),
    resultOf({ boundSeconds: 0, strategies: [strategyResult('hotblock'), empty] }),
    resultOf({ strategies: [strategyResult('new-one', { failed: 50, completions: [{ seconds: 3, part: 0.5 }] })] }),
  ]) {
    const page = renderReport(result)
    parsed(page)
    assert.not.match(page, /NaN|undefined|Infinity/)
  }
})

test('the page of 10,000 nodes in 250 racks and all strategies is small', () => {
  const page = renderReport(largestResult())
  parsed(page)
  assert.ok(Buffer.byteLength(page) < BYTES_MAX, `${Buffer.byteLength(page)} bytes`)
})

test('the command that plays it again is quoted as a shell needs it', () => {
  const text = textOf(renderReport(resultOf(), ['my own.json', "it's", '--nodes', '5']))
  assert.ok(text.includes(`hotblock simulate 'my own.json' 'it'\\''s' --nodes 5`))
})

test('templates escape all but markup', () => {
  const { markup } = html`<b title="${'"><i>'}">${'<&'}${html`<br>`}${[1, html`<hr>`, '>']}${undefined}${false}</b>`
  assert.is(markup, '<b title="&quot;&gt;&lt;i&gt;">&lt;&amp;<br>1<hr>&gt;</b>')
})

test.run()

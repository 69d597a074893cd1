/** A page of its own that shows a result: no scripts, nothing to load, on a screen or on paper. */
import type { SimulationResult } from '../result.ts'
import { bytes, count, duration, plural, times } from './format.ts'
import { html, type Markup, raw } from './markup.ts'
import { type Shown, shownOf } from './outcome.ts'
import { completionPlot } from './plots/completion.ts'
import { mostBytes, originKey, originsPlot } from './plots/origins.ts'
import { hasUplinks, uplinkKey, uplinksPlot, uplinkWords } from './plots/uplinks.ts'
import { STYLE } from './style.ts'
import { slowestTable, summaryTable, targetsTable } from './tables.ts'
import { finished, headline, meaning, scenarioWords, sentence } from './words.ts'

/** Even if some text became markup, it could load and run nothing. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
/** What a shell takes as it is. */
const PLAIN_WORD = /^[\w./:=@%+-]+$/

/**
 * @param replay arguments of `hotblock simulate` that play the same again
 * @returns HTML, UTF-8, some 100 to 500 kB whatever the number of nodes; the same bytes for the same result
 */
export function renderReport(result: SimulationResult, replay: readonly string[] = replayOf(result)): string {
  const shown = shownOf(result)
  const { scenario, title } = result
  const name = sentence(title === '' ? scenario : title)
  return `<!doctype html>\n${
    html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${name} · hotblock simulation</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<header>
<p class="kind">hotblock simulation · ${scenario}</p>
<h1>${name}</h1>
${introduction(result)}
</header>
<main>
${problems(shown)}
<h2>Figures</h2>
<p class="dim">Makespan is counted from the start; p50, p99 and p99.9 are the times of nodes from when each joined. A copy is the whole image, or its distinct blocks where a strategy knows blocks.</p>
${summaryTable(result, shown)}
${result.targets.length > 0 && html`<h2>Targets</h2>${targetsTable(result.targets, shown)}`}
<h2>What this means</h2>
<dl class="meanings">${shown.map((one) => html`<div><dt>${one.title}</dt><dd>${meaning(result, one)}</dd></div>`)}</dl>
<h2>When nodes have the image</h2>
<figure>${completionPlot(result)}<figcaption>Above: from the first to the last node; the dot is the median, the tall mark the 99th percentile. Below: the part of the live nodes that has the image.</figcaption></figure>
<h2>Where the bytes came from</h2>
<p>Bytes of a node on average, added up over time. All have the same scale of bytes, each its own of time.</p>
${originKey()}
<div class="many">${shown.map((one) => figure(one, originsPlot(one, result.nodes, mostBytes(result))))}</div>
${uplinks(result, shown)}
<h2>The slowest nodes, and why</h2>
<p>Why is worked out from what each node was given and what happened to it.</p>
${shown.map((one) => slowestTable(result, one))}
</main>
<footer>${howToReplay(result, replay)}</footer>
</body>
</html>
`.markup
  }`
}

function introduction(result: SimulationResult): Markup {
  const { description, nodes, boundSeconds, image, cluster, strategies } = result
  const lead = headline(result)
  const done = finished(result)
  const own = done.find((one) => one.name === 'hotblock')
  const other = done.find((one) => !one.name.startsWith('hotblock'))
  const tiles = [own, other].flatMap((one) => {
    if (one === undefined) return []
    const label = one === own ? one.title : `fastest other: ${one.title}`
    const over = boundSeconds > 0 && html`<small>${times(one.seconds / boundSeconds)} times the bound</small>`
    return [html`<div><dt>${label}</dt><dd>${duration(one.seconds)}${over}</dd></div>`]
  })
  return html`${description !== '' && html`<p class="lead">${description}</p>`}
${lead !== undefined && strategies.length > 0 && html`<p class="lead"><strong>${lead}</strong></p>`}
<p class="dim">${scenarioWords(result).join(' ')}</p>
<dl class="facts">
<div><dt>nodes</dt><dd>${count(nodes)}<small>${cluster.racks > 1 ? `in ${plural(cluster.racks, 'rack')}` : 'in one network'}</small></dd></div>
<div><dt>image</dt><dd>${bytes(image.fileBytes)}<small>${bytes(image.blockBytes)} of distinct blocks</small></dd></div>
<div><dt>lower bound</dt><dd>${duration(boundSeconds)}<small>no strategy can do better</small></dd></div>
${tiles}
</dl>`
}

function problems(shown: readonly Shown[]): Markup | undefined {
  const items = shown.flatMap(({ title, result }) => result.violations.map((text) => html`<li>${title}: ${text}</li>`))
  if (items.length === 0) return undefined
  return html`<section class="problem"><h2>Rules were broken</h2><p>What follows must never happen; the figures below are not to be trusted.</p><ul>${items}</ul></section>`
}

function uplinks(result: SimulationResult, shown: readonly Shown[]): Markup | undefined {
  if (!hasUplinks(result)) return undefined
  const plots = shown.map((one) => figure(one, uplinksPlot(one), uplinkWords(one.result)))
  return html`<h2>Use of the racks’ uplinks</h2>
<p>A row is a rack, time goes from left to right; shown is the way, out or in, of which more is used.</p>
${uplinkKey()}<div class="many">${plots}</div>`
}

function figure({ title }: Shown, plot: Markup, text?: string): Markup {
  return html`<figure><h3>${title}</h3>${plot}${text !== undefined && html`<figcaption>${text}</figcaption>`}</figure>`
}

function howToReplay({ seed, grain }: SimulationResult, replay: readonly string[]): Markup {
  const words = ['hotblock', 'simulate', ...replay].map(quoted).join(' ')
  return html`<p>Seed ${seed}${grain !== 1 && `, grain ${grain}`}. The same scenario and seed give the same result: <code>${words}</code></p>
<p>Times are virtual: they are those of the cluster, not of the machine that played it.</p>`
}

function replayOf({ scenario, seed }: SimulationResult): string[] {
  return [scenario, '--seed', String(seed)]
}

/** As it is typed in a shell. */
function quoted(word: string): string {
  return PLAIN_WORD.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

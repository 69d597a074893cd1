/** Where the bytes of a strategy came from, over time: for each node on average, one origin upon the other. */
import { scaleLinear } from 'd3-scale'
import { area, stack } from 'd3-shape'
import type { Cluster } from '../../cluster.ts'
import { type ByOrigin, ORIGINS, type Origin } from '../../ledger.ts'
import { bytes, duration, percent } from '../format.ts'
import { html, type Markup } from '../markup.ts'
import { type Outcome, sum } from '../outcome.ts'
import { amountAxis, type Box, linearTime, px, timeAxis } from './axis.ts'

const POINTS_MAX = 80
const LABEL_HEIGHT = 14

/** From below: what was there already, what was near, what was far, and what the builder had to send. */
const LAYERS = ['localHot', 'sameRack', 'otherRack', 'builder'] as const satisfies readonly Origin[]
export const ORIGIN_NAMES: Readonly<Record<Origin, string>> = {
  builder: 'builder',
  sameRack: 'same rack',
  otherRack: 'other rack',
  localHot: 'local hot',
}

/** Names of the origins with their colours, in the order in which they lie upon each other. */
export function originKey(): Markup {
  return html`<ul class="key">${LAYERS.toReversed().map((origin) => html`<li><span class="swatch o-${origin}"></span>${ORIGIN_NAMES[origin]}</li>`)}</ul>`
}

/** @param mostBytes of a node, in all strategies that are shown: they share the scale */
export function originsPlot(cluster: Cluster, outcome: Outcome, mostBytes: number): Markup {
  const { name, run, wanted } = outcome
  const box: Box = { left: 58, right: 258, top: 12, bottom: 162 }
  const x = linearTime(Math.max(1, run.endedAtMs), box.left, box.right, 4)
  const y = scaleLinear([0, mostBytes], [box.bottom, box.top])
  const ticks = y.ticks(4).map((value) => ({ value, label: bytes(value) }))
  const points = cumulated(cluster, outcome)
  const shape = area<{ 0: number; 1: number; data: Point }>()
    .x(({ data }) => x(data.atMs))
    .y0((at) => y(at[0]))
    .y1((at) => y(at[1]))
    .digits(1)
  const series = stack<unknown, Point, Origin>()
    .keys(LAYERS)
    .value((point, origin) => point.bytes[origin] / Math.max(1, wanted))(points)
  const total = sum(outcome.bytes)
  const layers = series.map((layer) => {
    const share = total === 0 ? 0 : outcome.bytes[layer.key] / total
    const told = `${name}: ${percent(share)} from ${ORIGIN_NAMES[layer.key]}, ${bytes(outcome.bytes[layer.key])} in all`
    const last = layer.at(-1)!
    return { share, origin: layer.key, at: y((last[0] + last[1]) / 2), markup: html`<path class="layer o-${layer.key}" d="${shape(layer) ?? ''}"><title>${told}</title></path>` }
  })
  const shown = layers.filter(({ share }) => share > 0)
  const label = `${name}: bytes of a node by origin over ${duration(run.endedAtMs)}: ${shown.map(({ origin, share }) => `${ORIGIN_NAMES[origin]} ${percent(share)}`).join(', ')}.`
  return html`<svg viewBox="0 0 360 204" role="img" aria-label="${label}" class="plot">
${timeAxis(x, box, '')}${amountAxis(y, ticks, box)}${shown.map(({ markup }) => markup)}
<g aria-hidden="true">${spread(shown.map(({ at }) => at), box).map((at, i) => html`<text class="direct" x="${box.right + 8}" y="${px(at + 4)}">${ORIGIN_NAMES[shown[i]!.origin]} ${percent(shown[i]!.share)}</text>`)}</g>
</svg>`
}

interface Point {
  readonly atMs: number
  readonly bytes: ByOrigin
}

/** Bytes of all nodes up to each moment; the last moment is always among them. */
function cumulated({ grain }: Cluster, { run }: Outcome): Point[] {
  const points: Point[] = [{ atMs: 0, bytes: { builder: 0, sameRack: 0, otherRack: 0, localHot: 0 } }]
  const every = Math.ceil(run.samples.length / POINTS_MAX)
  const total = { builder: 0, sameRack: 0, otherRack: 0, localHot: 0 }
  run.samples.forEach(({ atMs, bytes: came }, i) => {
    for (const origin of ORIGINS) total[origin] += grain * came[origin]
    if ((i + 1) % every === 0 || i === run.samples.length - 1) points.push({ atMs, bytes: { ...total } })
  })
  return points
}

/** Moves labels apart that would lie on each other. @param wanted heights, from the lowest label up */
function spread(wanted: readonly number[], box: Box): number[] {
  const placed: number[] = []
  for (const at of wanted) placed.push(Math.min(at, (placed.at(-1) ?? box.bottom + LABEL_HEIGHT - 4) - LABEL_HEIGHT))
  // What was pushed out above the plot pushes the others down again.
  for (let i = placed.length - 1, least = box.top; i >= 0; i--, least += LABEL_HEIGHT) {
    placed[i] = Math.max(placed[i]!, least)
  }
  return placed
}

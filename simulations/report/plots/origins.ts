/** Where the bytes of a strategy came from, over time: of a node on average, one origin upon the other. */
import { scaleLinear } from 'd3-scale'
import { area, stack } from 'd3-shape'
import { type ByOrigin, ORIGINS, type Origin } from '../../ledger.ts'
import type { SimulationResult, StrategyResult } from '../../result.ts'
import { bytes, duration, percent } from '../format.ts'
import { html, type Markup } from '../markup.ts'
import { ORIGIN_NAMES, partOf, type Shown, sum } from '../outcome.ts'
import { amountAxis, type Box, linearTime, px, timeAxis } from './axis.ts'

const POINTS_MAX = 80
const LABEL_HEIGHT = 14
/** From below: what was there already, what was near, what was far, and what the builder had to send. */
export const LAYERS = ['localHot', 'sameRack', 'otherRack', 'builder'] as const satisfies readonly Origin[]
const BOX: Box = { left: 58, right: 250, top: 12, bottom: 162 }

interface Point {
  readonly atSeconds: number
  readonly bytes: ByOrigin
}

/** Names of the origins with their colours, in the order in which they lie upon each other. */
export function originKey(): Markup {
  const items = LAYERS.toReversed().map((origin) => {
    return html`<li><span class="swatch o-${origin}"></span>${ORIGIN_NAMES[origin]}</li>`
  })
  return html`<ul class="key">${items}</ul>`
}

/** Bytes of a node on average, of the strategy in which there are most: all plots have this scale. */
export function mostBytes({ nodes, strategies }: SimulationResult): number {
  return Math.max(1, ...strategies.map(({ bytesByOrigin }) => sum(bytesByOrigin) / Math.max(1, nodes)))
}

export function originsPlot({ title, result }: Shown, nodes: number, most: number): Markup {
  const { bytesByOrigin, endedSeconds } = result
  const x = linearTime(Math.max(0.001, endedSeconds), BOX.left, BOX.right, 4)
  const y = scaleLinear([0, most], [BOX.bottom, BOX.top])
  const ticks = y.ticks(4).map((value) => ({ value, label: bytes(value) }))
  const shape = area<{ 0: number; 1: number; data: Point }>()
    .x(({ data }) => x(data.atSeconds))
    .y0((at) => y(at[0]))
    .y1((at) => y(at[1]))
    .digits(1)
  const series = stack<unknown, Point, Origin>()
    .keys(LAYERS)
    .value((point, origin) => point.bytes[origin] / Math.max(1, nodes))(cumulated(result))
  const layers = series
    .filter(({ key }) => bytesByOrigin[key] > 0)
    .map((layer) => {
      const text = `${ORIGIN_NAMES[layer.key]} ${percent(partOf(bytesByOrigin, layer.key))}`
      const [low, high] = layer.at(-1)!
      const path = html`<path class="layer o-${layer.key}" d="${shape(layer) ?? ''}"><title>${title}: ${text}, ${bytes(bytesByOrigin[layer.key])} in all</title></path>`
      return { text, at: y((low + high) / 2), path }
    })
  const places = spread(
    layers.map(({ at }) => at),
    BOX,
  )
  const names = layers.map(({ text }, i) => {
    return html`<text class="direct" x="${BOX.right + 8}" y="${px(places[i]! + 4)}">${text}</text>`
  })
  const label = `${title}: bytes of a node by origin over ${duration(endedSeconds)}: ${layers.map(({ text }) => text).join(', ')}.`
  return html`<svg viewBox="0 0 360 186" role="img" aria-label="${label}" class="plot">
${timeAxis(x, BOX, '')}${amountAxis(y, ticks, BOX)}${layers.map(({ path }) => path)}<g aria-hidden="true">${names}</g></svg>`
}

/** Bytes of all nodes up to each moment; the last moment is always among them. */
function cumulated({ samples }: StrategyResult): Point[] {
  const total = { builder: 0, sameRack: 0, otherRack: 0, localHot: 0 }
  const points: Point[] = [{ atSeconds: 0, bytes: { ...total } }]
  const every = Math.ceil(samples.length / POINTS_MAX)
  samples.forEach(({ atSeconds, bytes: came }, i) => {
    for (const origin of ORIGINS) total[origin] += came[origin]
    if ((i + 1) % every === 0 || i === samples.length - 1) points.push({ atSeconds, bytes: { ...total } })
  })
  return points
}

/** Moves labels apart that would lie on each other. @param wanted heights, the lowest label's first */
function spread(wanted: readonly number[], { top, bottom }: Box): number[] {
  const placed: number[] = []
  for (const at of wanted) placed.push(Math.min(at, (placed.at(-1) ?? bottom + LABEL_HEIGHT) - LABEL_HEIGHT))
  // Those that were pushed out above the plot push the others down again.
  for (let i = placed.length - 1, least = top; i >= 0; i--, least += LABEL_HEIGHT) {
    placed[i] = Math.max(placed[i]!, least)
  }
  return placed
}

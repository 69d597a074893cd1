/**
 * When nodes have the image: for each strategy a row with its first, median, 99th and last node, and below them, on
 * the same axis of time, the share of nodes that have it.
 */
import { curveStepAfter, line } from 'd3-shape'
import { duration, percent } from '../format.ts'
import { html, type Markup } from '../markup.ts'
import { type Outcome, quantile } from '../outcome.ts'
import { amountAxis, type Box, linearTime, logTime, px, type TimeScale, textWidth, timeAxis } from './axis.ts'
import { placeLabels } from './labels.ts'

/** Points of a curve, at most: as many as a screen can show. */
const POINTS_MAX = 160
/** Where the longest time is more than this many times the bound, time is drawn by its logarithm. */
const LINEAR_TIMES_MAX = 6
const SIZE = 13

interface Shape {
  readonly width: number
  readonly left: number
  readonly right: number
  readonly row: number
  readonly plot: number
  readonly ticks: number
  /** Names stand above their rows: there is no room beside them. */
  readonly above: boolean
}
const WIDE: Shape = { width: 1040, left: 190, right: 24, row: 26, plot: 300, ticks: 12, above: false }
const NARROW: Shape = { width: 360, left: 44, right: 14, row: 40, plot: 260, ticks: 6, above: true }

/** One picture for wide pages, one for narrow ones; the style sheet shows one of them. */
export function completionPlot(all: readonly Outcome[], boundMs: number): Markup {
  return html`<div class="wide">${draw(all, boundMs, WIDE)}</div><div class="narrow">${draw(all, boundMs, NARROW)}</div>`
}

function draw(all: readonly Outcome[], boundMs: number, shape: Shape): Markup {
  const rows = all.length * shape.row
  const box: Box = {
    left: shape.left,
    right: shape.width - shape.right,
    top: 44 + rows + 14,
    bottom: 44 + rows + 14 + shape.plot,
  }
  const x = timeScale(all, boundMs, box, shape)
  const y = (share: number): number => box.bottom - share * (box.bottom - box.top)
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((value) => ({ value, label: percent(value) }))
  const height = box.bottom + 44
  const label = `Share of nodes that have the image over time, for ${all.map(({ name }) => name).join(', ')}. The figures are in the table above.`
  const boundX = px(x(boundMs))
  return html`<svg viewBox="0 0 ${shape.width} ${px(height)}" role="img" aria-label="${label}" class="plot">
${timeAxis(x, { ...box, top: 40 }, `time since the start${x.log ? ' (logarithmic)' : ''}`)}
${amountAxis(y, ticks, box)}
<text class="axis" x="${px(box.left - 6)}" y="${px(box.top - 10)}" text-anchor="${shape.above ? 'start' : 'end'}"${shape.above && html` dx="-30"`}>nodes with the image</text>
<path class="bound" d="M${boundX} 30V${px(box.bottom)}"><title>No strategy can be done before ${duration(boundMs)}</title></path>
${boundLabel(boundX, boundMs, box)}
${all.map((outcome, row) => range(outcome, x, 44 + row * shape.row, box, shape))}
${all.toReversed().map((outcome) => curve(outcome, x, y, box))}
${shape.above ? undefined : labels(all, x, boundX, box)}
</svg>`
}

function boundLabel(x: number, boundMs: number, box: Box): Markup {
  const text = `bound ${duration(boundMs)}`
  const before = x + 6 + textWidth(text, SIZE) > box.right
  return html`<text class="name" x="${before ? x - 6 : x + 6}" y="24" text-anchor="${before ? 'end' : 'start'}" aria-hidden="true">${text}</text>`
}

function timeScale(
  all: readonly Outcome[],
  boundMs: number,
  box: Box,
  { ticks }: Shape,
): TimeScale & { readonly log: boolean } {
  const lastMs = Math.max(boundMs, ...all.map(endMs))
  if (lastMs <= LINEAR_TIMES_MAX * boundMs) {
    return Object.assign(linearTime(lastMs * 1.04, box.left, box.right, ticks), { log: false })
  }
  const firstMs = Math.min(boundMs, ...all.map(({ timesMs }) => timesMs[0] ?? boundMs))
  const minMs = Math.max(firstMs, boundMs / 50, 1) * 0.7
  return Object.assign(logTime(minMs, lastMs * 1.08, box.left, box.right, ticks), { log: true })
}

/** Up to where a strategy's curve is drawn. */
function endMs({ run, makespanMs }: Outcome): number {
  return makespanMs ?? run.endedAtMs
}

function range(outcome: Outcome, x: TimeScale, top: number, box: Box, shape: Shape): Markup {
  const { name, index, timesMs, p50Ms, p99Ms, makespanMs } = outcome
  const y = px(top + (shape.above ? shape.row - 9 : shape.row / 2))
  const text = fitted(name, shape.above ? box.right - box.left : box.left - 46)
  const nameX = shape.above ? box.left : px(box.left - 12)
  const nameY = px(shape.above ? top + 18 : top + shape.row / 2 + 4.5)
  const swatchX = shape.above ? box.left - 32 : 6
  const head = html`<path class="curve s${index % 8}" d="M${swatchX} ${px(nameY - 4.5)}h24"/><text class="name" x="${nameX}" y="${nameY}" text-anchor="${shape.above ? 'start' : 'end'}">${text}<title>${name}</title></text>`
  if (timesMs.length === 0) {
    return html`<g>${head}<text class="tick" x="${px(box.left + 8)}" y="${px(y + 4)}">no node has it after ${duration(outcome.run.endedAtMs)}</text></g>`
  }
  const first = px(x(timesMs[0]!))
  const last = px(x(makespanMs ?? timesMs.at(-1)!))
  const marks = [
    p50Ms !== undefined && html`<circle class="dot s${index % 8}" cx="${px(x(p50Ms))}" cy="${y}" r="5"><title>${name}: half of the nodes after ${duration(p50Ms)}</title></circle>`,
    p99Ms !== undefined && html`<path class="mark s${index % 8}" d="M${px(x(p99Ms))} ${px(y - 6)}v12"><title>${name}: 99 % of the nodes after ${duration(p99Ms)}</title></path>`,
    makespanMs !== undefined && html`<path class="mark s${index % 8}" d="M${last} ${px(y - 4)}v8"><title>${name}: all nodes after ${duration(makespanMs)}</title></path>`,
  ]
  return html`<g>${head}<path class="range s${index % 8}" d="M${first} ${y}H${last}"/>${marks}</g>`
}

function curve({ name, index, timesMs, wanted, gone, run, makespanMs }: Outcome, x: TimeScale, y: (share: number) => number, box: Box): Markup | undefined {
  const count = timesMs.length
  if (count === 0) return undefined
  const live = wanted - gone
  const points: [number, number][] = [[timesMs[0]!, 0]]
  const steps = Math.min(count, POINTS_MAX)
  for (let step = 1; step <= steps; step++) {
    const rank = Math.round((step * count) / steps)
    points.push([timesMs[rank - 1]!, rank / live])
  }
  if (makespanMs === undefined) points.push([run.endedAtMs, count / live])
  const path = line<[number, number]>()
    .x(([ms]) => x(ms))
    .y(([, share]) => y(share))
    .curve(curveStepAfter)
    .digits(1)
  const bold = /^hotblock/.test(name) ? ' own' : ''
  const told = `${name}: ${count === live ? 'all nodes' : percent(count / live)} after ${duration(timesMs[count - 1]!)}`
  const start = `M${px(box.left)} ${px(box.bottom)}`
  return html`<path class="curve s${index % 8}${bold}" d="${start}${path(points)!.replace('M', 'L')}"><title>${told}</title></path>`
}

function labels(all: readonly Outcome[], x: TimeScale, boundX: number, box: Box): Markup {
  const texts = all.map(({ name }) => fitted(name, 150))
  const curves = all.map(({ timesMs, wanted, gone }, i) => ({
    width: textWidth(texts[i]!, SIZE) + 4,
    xAt(share: number): number | undefined {
      const part = (share * (wanted - gone)) / timesMs.length
      return timesMs.length === 0 || part > 1 ? undefined : x(quantile(timesMs, part))
    },
  }))
  const places = placeLabels(curves, [boundX], box)
  return html`<g aria-hidden="true">${places.map((place, i) => place !== undefined && html`<text class="name halo" x="${px(place.x)}" y="${px(place.y)}" text-anchor="${place.anchor}">${texts[i]}</text>`)}</g>`
}

/** The text, or as much of it as has room. */
function fitted(text: string, width: number): string {
  const chars = [...text]
  const most = Math.floor(width / textWidth('x', SIZE))
  return chars.length <= most ? text : `${chars.slice(0, most - 1).join('')}…`
}

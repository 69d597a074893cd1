/**
 * When nodes have the image: for each strategy a row with its first, median, 99th and last node, and below them, on
 * the same axis of time, the part of the nodes that have it.
 */
import { curveStepAfter, line } from 'd3-shape'
import type { SimulationResult } from '../../result.ts'
import { duration, percent } from '../format.ts'
import { html, type Markup } from '../markup.ts'
import { type Shown, secondsAt, shownOf } from '../outcome.ts'
import { amountAxis, type Box, fitted, linearTime, logTime, px, type TimeScale, textWidth, timeAxis } from './axis.ts'
import { placeLabels } from './labels.ts'

/** Points of a curve, at most: as many as a screen can show. */
const POINTS_MAX = 160
/** Where the longest time is more than this many times the bound, time is drawn by its logarithm. */
const LINEAR_TIMES_MAX = 6
const SIZE = 13
const TOP = 44

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
const WIDE: Shape = { width: 1040, left: 220, right: 24, row: 26, plot: 320, ticks: 14, above: false }
const NARROW: Shape = { width: 360, left: 46, right: 14, row: 40, plot: 260, ticks: 6, above: true }

/** Where things are drawn, and the scales of time and of parts. */
interface Frame {
  readonly shape: Shape
  readonly box: Box
  readonly x: TimeScale
  readonly y: (part: number) => number
}

/** One picture for wide pages, one for narrow ones; the style sheet shows one of them. */
export function completionPlot(result: SimulationResult): Markup {
  return html`<div class="wide">${draw(result, WIDE)}</div><div class="narrow">${draw(result, NARROW)}</div>`
}

function draw(result: SimulationResult, shape: Shape): Markup {
  const shown = shownOf(result)
  const { cluster } = result
  const bound = leastOf(result)
  const top = TOP + shown.length * shape.row + 34
  const box = { left: shape.left, right: shape.width - shape.right, top, bottom: top + shape.plot }
  const log = longest(shown, bound) > LINEAR_TIMES_MAX * bound
  const x = log ? logScale(shown, bound, box) : linearScale(shown, bound, box, shape)
  const frame: Frame = { shape, box, x, y: (part) => box.bottom - part * shape.plot }
  const from = cluster.arrival === 'spread' ? 'time since each node joined' : 'time since the start'
  const label = `Part of the nodes that have the image over time, for ${shown.map(({ title }) => title).join(', ')}. The table above has the figures.`
  return html`<svg viewBox="0 0 ${shape.width} ${px(box.bottom + 44)}" role="img" aria-label="${label}" class="plot">
${timeAxis(x, { ...box, top: TOP - 4 }, log ? `${from}, logarithmic` : from)}
${amountAxis(
  frame.y,
  [0, 0.25, 0.5, 0.75, 1].map((value) => ({ value, label: percent(value) })),
  box,
)}
<text class="axis" x="${shape.above ? 14 : px(box.left - 6)}" y="${px(box.top - 12)}" text-anchor="${shape.above ? 'start' : 'end'}" aria-hidden="true">nodes with the image</text>
${boundLine(bound, frame, cluster.arrival === 'spread')}
${shown.map((one, row) => range(one, TOP + row * shape.row, frame))}
${shown.toReversed().map((one) => curve(one, frame))}
${!shape.above && labels(shown, bound, frame)}
</svg>`
}

function longest(shown: readonly Shown[], bound: number): number {
  return shown.reduce((most, { result }) => Math.max(most, lastOf(result.completions)), bound)
}

function linearScale(shown: readonly Shown[], bound: number, { left, right }: Box, { ticks }: Shape): TimeScale {
  return linearTime(Math.max(0.001, longest(shown, bound)) * 1.04, left, right, ticks)
}

function logScale(shown: readonly Shown[], bound: number, { left, right }: Box): TimeScale {
  const last = longest(shown, bound)
  const first = Math.min(...shown.flatMap(({ result }) => result.completions[0]?.seconds ?? []), bound || last)
  const least = Math.max(first, (bound || last) / 50, last / 1e6)
  return logTime(least * 0.7, last * 1.15, left, right)
}

/**
 * What the curves are held against: the bound of the cluster; where nodes come at different times and each is counted
 * from its own, what a node like most needs when its link is all that limits it.
 */
function leastOf({ boundSeconds, cluster, image }: SimulationResult): number {
  if (cluster.arrival === 'together') return boundSeconds
  return (image.blockBytes * (1 - image.hotFraction) * image.wireRatio) / cluster.nodeDownBytes
}

function boundLine(bound: number, { x, box }: Frame, spread: boolean): Markup {
  const at = px(x(bound))
  const text = spread ? `link alone ${duration(bound)}` : `bound ${duration(bound)}`
  const told = spread
    ? `A node like most needs ${duration(bound)} if nothing but its link limits it`
    : `No strategy can bring it to all nodes before ${duration(bound)}`
  const before = at + 6 + textWidth(text, SIZE) > box.right
  return html`<path class="bound" d="M${at} 28V${px(box.bottom)}"><title>${told}</title></path>
<text class="name" x="${before ? at - 6 : at + 6}" y="24" text-anchor="${before ? 'end' : 'start'}" aria-hidden="true">${text}</text>`
}

function range({ title, look, result }: Shown, top: number, { x, box, shape }: Frame): Markup {
  const { completions, endedSeconds } = result
  const y = px(top + (shape.above ? shape.row - 9 : shape.row / 2))
  const nameY = px(shape.above ? top + 18 : top + shape.row / 2 + 4.5)
  const nameX = shape.above ? box.left : 44
  const text = fitted(title, SIZE, (shape.above ? box.right : box.left - 8) - nameX)
  const head = html`<path class="curve ${look}" d="M${shape.above ? 12 : 8} ${px(nameY - 4.5)}h26"/><text class="name halo" x="${nameX}" y="${nameY}">${text}<title>${title}</title></text>`
  if (completions.length === 0) {
    return html`<g>${head}<text class="tick" x="${px(box.left + 8)}" y="${px(y + 4)}">no node has it after ${duration(endedSeconds)}</text></g>`
  }
  const mark = (part: number, reach: number, told: string): Markup | undefined => {
    const seconds = secondsAt(completions, part)
    if (seconds === undefined) return undefined
    return html`<path class="mark ${look}" d="M${px(x(seconds))} ${px(y - reach)}v${2 * reach}"><title>${title}: ${told} after ${duration(seconds)}</title></path>`
  }
  const half = secondsAt(completions, 0.5)
  const dot =
    half !== undefined &&
    html`<circle class="dot ${look}" cx="${px(x(half))}" cy="${y}" r="5"><title>${title}: half of the nodes after ${duration(half)}</title></circle>`
  return html`<g>${head}<path class="range ${look}" d="M${px(x(completions[0]!.seconds))} ${y}H${px(x(lastOf(completions)))}"/>${mark(0.99, 6, '99 % of the nodes')}${mark(1, 4, 'all nodes')}${dot}</g>`
}

function curve({ title, look, result }: Shown, { x, y, box }: Frame): Markup | undefined {
  const { completions } = result
  const last = completions.at(-1)
  if (last === undefined) return undefined
  const every = Math.ceil(completions.length / POINTS_MAX)
  // Counted from the end: the last points are the ones that matter.
  const points = completions.filter((_, i) => (completions.length - 1 - i) % every === 0)
  const path = line<{ seconds: number; part: number }>()
    .x(({ seconds }) => x(seconds))
    .y(({ part }) => y(part))
    .curve(curveStepAfter)
    .digits(1)
  // It begins at nothing, and what was not reached is not reached any more.
  const start = { seconds: points[0]!.seconds, part: 0 }
  const rest = last.part < 1 ? `H${px(box.right)}` : ''
  const told = `${title}: ${last.part < 1 ? percent(last.part) : 'all nodes'} after ${duration(last.seconds)}`
  return html`<path class="curve ${look}" d="${path([start, ...points])!}${rest}"><title>${told}</title></path>`
}

function labels(shown: readonly Shown[], bound: number, { x, box }: Frame): Markup {
  const texts = shown.map(({ title }) => fitted(title, SIZE, 160))
  const curves = shown.map(({ result }, i) => ({
    width: textWidth(texts[i]!, SIZE) + 4,
    xAt(part: number): number | undefined {
      const seconds = secondsAt(result.completions, part)
      return seconds === undefined ? undefined : x(seconds)
    },
  }))
  const places = placeLabels(curves, [x(bound)], box)
  const written = places.map((place, i) => {
    if (place === undefined) return undefined
    return html`<text class="name halo" x="${px(place.x)}" y="${px(place.y)}" text-anchor="${place.anchor}">${texts[i]}</text>`
  })
  return html`<g aria-hidden="true">${written}</g>`
}

function lastOf(completions: readonly { readonly seconds: number }[]): number {
  return completions.at(-1)?.seconds ?? 0
}

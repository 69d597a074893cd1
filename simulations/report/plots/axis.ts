/** Axes of plots: scales from d3, tick marks at round times and sizes. */
import { scaleLinear, scaleLog } from 'd3-scale'
import { durationTick } from '../format.ts'
import { html, type Markup } from '../markup.ts'

/** Where a plot lies within its picture, in pixels. */
export interface Box {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

export interface TimeScale {
  (ms: number): number
  readonly ticksMs: readonly number[]
}

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** Steps between tick marks that people count in. */
const STEPS_MS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].map((n) => n * DAY),
]
/** Marks of a scale on which each step is some times the one before; the rougher ones are for wide ranges. */
const MARKS_MS = [
  [...STEPS_MS.filter((ms) => ms < SECOND), ...[1, 2, 5, 10, 20, 30].flatMap((n) => [n * SECOND, n * MINUTE]), ...hours()],
  [1, 10, 100, SECOND, 10 * SECOND, MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, DAY, 10 * DAY, 100 * DAY],
]

/** Time from zero. @param most tick marks */
export function linearTime(maxMs: number, from: number, to: number, most: number): TimeScale {
  const scale = scaleLinear([0, maxMs], [from, to])
  const step = STEPS_MS.find((ms) => maxMs / ms <= most) ?? maxMs
  const ticksMs = Array.from({ length: Math.floor(maxMs / step + 1e-6) + 1 }, (_, i) => i * step)
  return Object.assign((ms: number) => scale(ms), { ticksMs })
}

/** Time for ranges in which the longest is many times the shortest. */
export function logTime(minMs: number, maxMs: number, from: number, to: number, most: number): TimeScale {
  const scale = scaleLog([minMs, maxMs], [from, to]).clamp(true)
  const within = MARKS_MS.map((marks) => marks.filter((ms) => ms >= minMs && ms <= maxMs).sort((a, b) => a - b))
  const ticksMs = within.find((marks) => marks.length <= most) ?? within.at(-1)!
  return Object.assign((ms: number) => scale(ms), { ticksMs })
}

/** Grid lines and labels of time below the plot. */
export function timeAxis(scale: TimeScale, box: Box, title: string): Markup {
  const marks = scale.ticksMs.map((ms) => {
    const x = px(scale(ms))
    return html`<path class="grid" d="M${x} ${px(box.top)}V${px(box.bottom)}"/><text class="tick" x="${x}" y="${px(box.bottom + 16)}" text-anchor="middle">${durationTick(ms)}</text>`
  })
  const text = title !== '' && html`<text class="axis" x="${px((box.left + box.right) / 2)}" y="${px(box.bottom + 34)}" text-anchor="middle">${title}</text>`
  return html`<g aria-hidden="true">${marks}${text}</g>`
}

/** Grid lines and labels of amounts, left of the plot. */
export function amountAxis(
  scale: (value: number) => number,
  ticks: readonly { readonly value: number; readonly label: string }[],
  box: Box,
): Markup {
  const marks = ticks.map(({ value, label }) => {
    const y = scale(value)
    return html`<path class="grid" d="M${px(box.left)} ${px(y)}H${px(box.right)}"/><text class="tick" x="${px(box.left - 6)}" y="${px(y + 4)}" text-anchor="end">${label}</text>`
  })
  return html`<g aria-hidden="true">${marks}</g>`
}

/** A coordinate, in tenths of a pixel. */
export function px(value: number): number {
  return Math.round(10 * value) / 10
}

/** Width of text in pixels, about: pages are drawn without measuring. */
export function textWidth(text: string, size: number): number {
  return 0.56 * size * text.length
}

function hours(): number[] {
  return [1, 2, 5, 10, 24, 48, 120, 240, 480, 2400].map((n) => n * HOUR)
}

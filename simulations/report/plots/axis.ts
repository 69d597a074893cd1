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
  (seconds: number): number
  readonly ticks: readonly number[]
}

const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** Steps between tick marks that people count in. */
const STEPS = [
  ...[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30],
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].map((n) => n * DAY),
]
/** Marks of a logarithmic scale, those first that are wanted most. */
const MARKS = [
  ...[0.001, 0.01, 0.1, 1, 10, MINUTE, 10 * MINUTE, HOUR, 10 * HOUR, DAY, 10 * DAY, 100 * DAY],
  ...[0.002, 0.02, 0.2, 2, 30, 2 * MINUTE, 30 * MINUTE, 3 * HOUR, 3 * DAY, 30 * DAY],
  ...[0.005, 0.05, 0.5, 5, 20, 5 * MINUTE, 20 * MINUTE, 2 * HOUR, 5 * HOUR, 2 * DAY, 5 * DAY],
]
/** Between two of them, in pixels: their labels are side by side. */
const MARK_SPACE = 52

/** Time from zero. @param most tick marks */
export function linearTime(max: number, from: number, to: number, most: number): TimeScale {
  const scale = scaleLinear([0, max], [from, to])
  const step = STEPS.find((seconds) => max / seconds <= most) ?? max
  const ticks = Array.from({ length: Math.floor(max / step + 1e-6) + 1 }, (_, i) => i * step)
  return Object.assign((seconds: number) => scale(seconds), { ticks })
}

/** Time for ranges in which the longest is many times the shortest. */
export function logTime(min: number, max: number, from: number, to: number): TimeScale {
  const scale = scaleLog([min, max], [from, to]).clamp(true)
  const ticks: number[] = []
  for (const mark of MARKS) {
    if (mark < min || mark > max) continue
    if (ticks.every((other) => Math.abs(scale(other) - scale(mark)) >= MARK_SPACE)) ticks.push(mark)
  }
  return Object.assign((seconds: number) => scale(seconds), { ticks: ticks.sort((a, b) => a - b) })
}

/** Grid lines and labels of time below the plot. */
export function timeAxis(scale: TimeScale, box: Box, title: string): Markup {
  const marks = scale.ticks.map((seconds) => {
    const x = px(scale(seconds))
    return html`<path class="grid" d="M${x} ${px(box.top)}V${px(box.bottom)}"/><text class="tick" x="${x}" y="${px(box.bottom + 16)}" text-anchor="middle">${durationTick(seconds)}</text>`
  })
  const text =
    title !== '' &&
    html`<text class="axis" x="${px((box.left + box.right) / 2)}" y="${px(box.bottom + 34)}" text-anchor="middle">${title}</text>`
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
  return 0.55 * size * text.length
}

/** The text, or as much of it as has room. */
export function fitted(text: string, size: number, width: number): string {
  const chars = [...text]
  const most = Math.max(2, Math.floor(width / textWidth('x', size)))
  return chars.length <= most ? text : `${chars.slice(0, most - 1).join('')}…`
}

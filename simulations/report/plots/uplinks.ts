/** Use of the racks' uplinks: a row for each rack, time from left to right, the fuller the darker. */
import type { RackResult, SimulationResult, StrategyResult } from '../../result.ts'
import { duration, percent } from '../format.ts'
import { html, type Markup } from '../markup.ts'
import type { Shown } from '../outcome.ts'
import { type Box, fitted, linearTime, px, timeAxis } from './axis.ts'

const COLUMNS = 60
/** With more racks, a row stands for several that follow each other. */
const ROWS_MAX = 40
const LEVELS = 8
/** From the least to the highest: pixels. */
const HEIGHTS = { least: 110, row: 7, most: 210 }

/** Use of the uplinks of a row. Uses are 0 to 1. */
interface Row {
  readonly name: string
  /** In each column of time, of the way in which there is more. */
  readonly columns: Float64Array
  readonly up: Use
  readonly down: Use
}
interface Use {
  readonly mean: number
  readonly most: number
}

/** Whether racks have uplinks that can fill up. */
export function hasUplinks({ strategies }: SimulationResult): boolean {
  return strategies.some(({ racks }) => limited(racks).length > 1)
}

export function uplinkKey(): Markup {
  const levels = Array.from({ length: LEVELS }, (_, level) => html`<span class="heat h${level}"></span>`)
  return html`<p class="key heats"><span>idle</span> <span class="steps">${levels}</span> <span>full</span></p>`
}

export function uplinksPlot({ title, result }: Shown): Markup {
  const { endedSeconds } = result
  const rows = rowsOf(result)
  const height = Math.max(HEIGHTS.least, Math.min(HEIGHTS.most, HEIGHTS.row * rows.length))
  const box: Box = { left: 66, right: 346, top: 8, bottom: 8 + height }
  const x = linearTime(Math.max(0.001, endedSeconds), box.left, box.right, 5)
  const each = height / Math.max(1, rows.length)
  const touch = rows.map(({ name, up, down }, i) => {
    const told = `${name}: out ${useText(up)}; in ${useText(down)}`
    return html`<path class="touch" d="M${box.left} ${px(box.top + i * each)}H${box.right}v${px(each)}H${box.left}z"><title>${told}</title></path>`
  })
  const racks = limited(result.racks)
  const names = [...new Set([0, rows.length - 1])].map((row) => {
    const text = fitted((row === 0 ? racks[0] : racks.at(-1))?.name ?? '', 12, box.left - 10)
    return html`<text class="tick" x="${box.left - 6}" y="${px(box.top + (row + 0.5) * each + 4)}" text-anchor="end">${text}</text>`
  })
  const label = `${title}: use of the uplinks over ${duration(endedSeconds)}. ${uplinkWords(result)}`
  return html`<svg viewBox="0 0 360 ${px(box.bottom + 24)}" role="img" aria-label="${label}" class="plot">
${timeAxis(x, box, '')}${cells(rows, box)}${touch}<g aria-hidden="true">${names}</g></svg>`
}

/** 'Out of racks 41 % on average, 98 % in the busiest; into racks …' */
export function uplinkWords(result: StrategyResult): string {
  const rows = limited(result.racks).map((rack) => rowOf(result, [rack]))
  const words = (means: readonly number[]): string => {
    const mean = means.reduce((total, value) => total + value, 0) / Math.max(1, means.length)
    return `${percent(mean)} on average, ${percent(Math.max(0, ...means))} in the busiest`
  }
  return `Out of racks ${words(rows.map(({ up }) => up.mean))}; into racks ${words(rows.map(({ down }) => down.mean))}.`
}

/** A path for each level of use: neighbours in time of the same level are one piece. */
function cells(rows: readonly Row[], box: Box): Markup[] {
  const height = (box.bottom - box.top) / Math.max(1, rows.length)
  const at = (column: number): number => px(box.left + (column * (box.right - box.left)) / COLUMNS)
  const paths = Array.from({ length: LEVELS }, () => '')
  rows.forEach(({ columns }, row) => {
    for (let from = 0; from < COLUMNS; ) {
      const level = levelOf(columns[from]!)
      let to = from + 1
      while (to < COLUMNS && levelOf(columns[to]!) === level) to++
      paths[level] +=
        `M${at(from)} ${px(box.top + row * height)}H${at(to)}v${px(Math.max(0.5, height - 0.6))}H${at(from)}z`
      from = to
    }
  })
  return paths.flatMap((path, level) => (path === '' ? [] : [html`<path class="cell h${level}" d="${path}"/>`]))
}

function limited(racks: readonly RackResult[]): RackResult[] {
  return racks.filter(({ up, down }) => up.length > 0 && down.length > 0)
}

function rowsOf(result: StrategyResult): Row[] {
  const racks = limited(result.racks)
  const each = Math.max(1, Math.ceil(racks.length / ROWS_MAX))
  return Array.from({ length: Math.ceil(racks.length / each) }, (_, row) => {
    return rowOf(result, racks.slice(row * each, (row + 1) * each))
  })
}

function rowOf({ samples, endedSeconds }: StrategyResult, racks: readonly RackResult[]): Row {
  const columns = new Float64Array(COLUMNS)
  const each = Math.max(1e-9, endedSeconds / COLUMNS)
  const up = { mean: 0, most: 0 }
  const down = { mean: 0, most: 0 }
  let before = 0
  samples.forEach(({ atSeconds }, i) => {
    const now = { up: 0, down: 0 }
    for (const rack of racks) {
      now.up += Math.min(1, rack.up[i] ?? 0) / racks.length
      now.down += Math.min(1, rack.down[i] ?? 0) / racks.length
    }
    up.mean += (now.up * (atSeconds - before)) / Math.max(1e-9, endedSeconds)
    down.mean += (now.down * (atSeconds - before)) / Math.max(1e-9, endedSeconds)
    up.most = Math.max(up.most, now.up)
    down.most = Math.max(down.most, now.down)
    const last = Math.min(COLUMNS - 1, Math.floor(atSeconds / each))
    for (let column = Math.floor(before / each); column <= last; column++) {
      const within = Math.min(atSeconds, (column + 1) * each) - Math.max(before, column * each)
      if (within > 0) columns[column]! += (Math.max(now.up, now.down) * within) / each
    }
    before = atSeconds
  })
  const [first, last] = [racks[0]!.name, racks.at(-1)!.name]
  return { name: racks.length === 1 ? first : `${first} to ${last}`, columns, up, down }
}

function useText({ mean, most }: Use): string {
  return `${percent(mean)} on average, ${percent(most)} at most`
}

function levelOf(use: number): number {
  return Math.min(LEVELS - 1, Math.floor(use * LEVELS))
}

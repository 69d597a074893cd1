/** Use of the racks' uplinks: a row for each rack, time from left to right, the fuller the darker. */
import type { Cluster } from '../../cluster.ts'
import { duration, percent } from '../format.ts'
import { html, type Markup } from '../markup.ts'
import type { Outcome } from '../outcome.ts'
import { uplinkShare } from '../reasons.ts'
import { type Box, linearTime, px, timeAxis } from './axis.ts'

const COLUMNS = 60
/** With more racks, a row stands for several that follow each other. */
const ROWS_MAX = 40
const LEVELS = 8

/** Use of a row of racks. */
interface Row {
  readonly name: string
  /** Use in each column of time, 0 to 1: of the way, out or in, in which there is more. */
  readonly use: Float64Array
  readonly meanUp: number
  readonly meanDown: number
  readonly mostUp: number
  readonly mostDown: number
}

/** Whether racks have uplinks that can fill up. */
export function hasUplinks({ racks }: Cluster): boolean {
  return racks.length > 1 && racks.some(({ upBytes, downBytes }) => Number.isFinite(Math.min(upBytes, downBytes)))
}

export function uplinkKey(): Markup {
  const levels = Array.from({ length: LEVELS }, (_, level) => html`<span class="heat h${level}"></span>`)
  return html`<p class="key heats"><span>idle</span> ${levels} <span>full</span></p>`
}

export function uplinksPlot(cluster: Cluster, outcome: Outcome): Markup {
  const { name, run } = outcome
  const rows = rowsOf(cluster, outcome)
  const box: Box = { left: 58, right: 344, top: 8, bottom: 8 + Math.max(110, Math.min(200, 7 * rows.length)) }
  const x = linearTime(Math.max(1, run.endedAtMs), box.left, box.right, 5)
  const height = (box.bottom - box.top) / rows.length
  const paths = Array.from({ length: LEVELS }, () => '')
  rows.forEach(({ use }, row) => {
    for (let from = 0; from < COLUMNS; ) {
      const level = levelOf(use[from]!)
      let to = from + 1
      while (to < COLUMNS && levelOf(use[to]!) === level) to++
      const left = px(box.left + (from * (box.right - box.left)) / COLUMNS)
      const right = px(box.left + (to * (box.right - box.left)) / COLUMNS)
      paths[level] += `M${left} ${px(box.top + row * height)}H${right}v${px(Math.max(0.5, height - 0.6))}H${left}z`
      from = to
    }
  })
  const cells = paths.map((path, level) => path !== '' && html`<path class="cell h${level}" d="${path}"/>`)
  const touch = rows.map((row, i) => {
    const told = `${row.name}: out ${percent(row.meanUp)} on average, ${percent(row.mostUp)} at most; in ${percent(row.meanDown)} on average, ${percent(row.mostDown)} at most`
    return html`<rect class="touch" x="${box.left}" y="${px(box.top + i * height)}" width="${box.right - box.left}" height="${px(height)}"><title>${told}</title></rect>`
  })
  const label = `${name}: use of ${cluster.racks.length} uplinks over ${duration(run.endedAtMs)}. ${uplinkWords(cluster, outcome)}`
  const ends = rows.length < 2 ? [0] : [0, rows.length - 1]
  const names = ends.map((row) => html`<text class="tick" x="${box.left - 6}" y="${px(box.top + (row + 0.5) * height + 4)}" text-anchor="end">${short(rows[row]!.name)}</text>`)
  return html`<svg viewBox="0 0 360 ${px(box.bottom + 24)}" role="img" aria-label="${label}" class="plot">
${timeAxis(x, box, '')}${cells}${touch}<g aria-hidden="true">${names}</g></svg>`
}

/** 'Out of racks 41 % on average, 98 % in the busiest; into racks …' */
export function uplinkWords(cluster: Cluster, outcome: Outcome): string {
  const rows = cluster.racks.map((_, rack) => rowOf(cluster, outcome, [rack]))
  const words = (of: (row: Row) => number): string => {
    const means = rows.map(of)
    const mean = means.reduce((total, value) => total + value, 0) / means.length
    return `${percent(mean)} on average, ${percent(Math.max(...means))} in the busiest rack`
  }
  return `Out of racks: ${words(({ meanUp }) => meanUp)}. Into racks: ${words(({ meanDown }) => meanDown)}.`
}

function rowsOf(cluster: Cluster, outcome: Outcome): Row[] {
  const each = Math.ceil(cluster.racks.length / ROWS_MAX)
  return Array.from({ length: Math.ceil(cluster.racks.length / each) }, (_, row) => {
    const first = row * each
    const length = Math.min(each, cluster.racks.length - first)
    return rowOf(cluster, outcome, Array.from({ length }, (_, i) => first + i))
  })
}

function rowOf(cluster: Cluster, { run }: Outcome, racks: readonly number[]): Row {
  const use = new Float64Array(COLUMNS)
  const columnMs = Math.max(1e-6, run.endedAtMs / COLUMNS)
  let [sumUp, sumDown, mostUp, mostDown, beforeMs] = [0, 0, 0, 0, 0]
  for (const sample of run.samples) {
    const mean = (way: 'up' | 'down'): number =>
      racks.reduce((total, rack) => total + uplinkShare(cluster, sample, rack, way), 0) / racks.length
    const [up, down] = [mean('up'), mean('down')]
    const ms = sample.atMs - beforeMs
    sumUp += up * ms
    sumDown += down * ms
    mostUp = Math.max(mostUp, up)
    mostDown = Math.max(mostDown, down)
    const last = Math.min(COLUMNS - 1, Math.floor(sample.atMs / columnMs))
    for (let column = Math.floor(beforeMs / columnMs); column <= last; column++) {
      const within = Math.min(sample.atMs, (column + 1) * columnMs) - Math.max(beforeMs, column * columnMs)
      if (within > 0) use[column]! += (Math.max(up, down) * within) / columnMs
    }
    beforeMs = sample.atMs
  }
  const all = Math.max(1e-6, run.endedAtMs)
  const first = cluster.racks[racks[0]!]!.name
  const name = racks.length === 1 ? first : `${first} to ${cluster.racks[racks.at(-1)!]!.name}`
  return { name, use, meanUp: sumUp / all, meanDown: sumDown / all, mostUp, mostDown }
}

function levelOf(use: number): number {
  return Math.min(LEVELS - 1, Math.floor(use * LEVELS * 0.999 + 0.0005))
}

function short(name: string): string {
  const chars = [...name]
  return chars.length <= 8 ? name : `${chars.slice(0, 7).join('')}…`
}

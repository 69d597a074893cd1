/** Tables of a comparison: pure, results in, text out. */
import { formatBytes, type Style, table } from '../../node/cli/format.ts'
import { type Check, isMet, type Row, spreadOf, type WorkResult } from './rows.ts'
import type { Sample } from './tree.ts'

/** What each tool took for each work: wall time as median (least to most), the rest as medians. */
export function printRows(rows: readonly Row[], style: Style): string {
  const columns = [{ head: 'work' }, { head: 'tool' }]
  const right = ['runs', 'time, median', 'least', 'most', 'processor', 'memory', 'received'].map((head) => ({
    head,
    right: true,
  }))
  const shown = rows.map(({ work, tool, runs }) => {
    const of = (field: (sample: Sample) => number) => spreadOf(runs.map(field))
    const wall = of((run) => run.wall)
    const wire = of((run) => run.wire ?? Number.NaN).median
    return [
      work,
      tool,
      String(runs.length),
      ...[wall.median, wall.min, wall.max].map((value) => `${value.toFixed(2)} s`),
      `${of((run) => run.cpu).median.toFixed(2)} s`,
      formatBytes(of((run) => run.rss).median),
      Number.isNaN(wire) ? '' : `${(wire / 1e6).toFixed(1)} MB`,
    ]
  })
  return table([...columns, ...right], shown, style)
}

/** Each target, what it came to, and whether it is met by the median. */
export function printChecks(checks: readonly Check[], style: Style): string {
  const columns = [
    { head: 'target' },
    ...['median', 'least', 'most', 'wanted', ''].map((head) => ({ head, right: true })),
  ]
  const shown = checks.map((check) => {
    const { min, median, max } = spreadOf(check.values)
    const wanted = `${check.bound === 'most' ? '≤' : '≥'} ${amount(check.limit, check.unit)}`
    const values = [median, min, max].map((value) => amount(value, check.unit))
    return [check.what, ...values, wanted, isMet(check) ? 'met' : 'missed']
  })
  return table(columns, shown, style)
}

/** What a program reads: the same, with the spreads worked out. */
export function toJson(results: readonly WorkResult[], about: Readonly<Record<string, unknown>>): string {
  const rows = results.flatMap(({ rows }) => rows)
  const checks = results.flatMap((result) => result.checks)
  const judged = checks.map((check) => ({ ...check, ...spreadOf(check.values), met: isMet(check) }))
  return `${JSON.stringify({ ...about, rows, checks: judged }, null, 2)}\n`
}

function amount(value: number, unit: string): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : value !== 0 && Math.abs(value) < 1 ? 3 : 2
  const text =
    Number.isInteger(value) || digits === 0 ? Math.round(value).toLocaleString('en-US') : value.toFixed(digits)
  return unit === '' ? text : `${text} ${unit}`
}

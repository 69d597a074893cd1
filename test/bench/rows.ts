/** What a comparison gives: runs of tools on the same work, and what they have to come to. */
import type { Sample } from './tree.ts'

export interface Row {
  readonly work: string
  readonly tool: string
  readonly runs: readonly Sample[]
}

/** One target of the work, with its value in each run. */
export interface Check {
  readonly what: string
  /** One value a run; a ratio is of two tools in the same round. */
  readonly values: readonly number[]
  readonly unit: string
  readonly limit: number
  /** Whether the median may be at most, or has to be at least, the limit. */
  readonly bound: 'most' | 'least'
}

export interface WorkResult {
  readonly rows: readonly Row[]
  readonly checks: readonly Check[]
}

export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
  return { min: sorted[0]!, median, max: sorted.at(-1)! }
}

export function isMet({ values, limit, bound }: Check): boolean {
  const { median } = spreadOf(values)
  return bound === 'most' ? median <= limit : median >= limit
}

/** A tool that does the work once. */
export type Contender = readonly [tool: string, once: () => Promise<Sample>]

/** Lets all tools do the work in turn, so that what slows the machine for a while slows all of them. */
export async function alternately(
  work: string,
  runs: number,
  contenders: readonly Contender[],
  say: (text: string) => void,
): Promise<Row[]> {
  const samples = contenders.map((): Sample[] => [])
  for (let run = 0; run < runs; run++) {
    for (let i = 0; i < contenders.length; i++) {
      const at = (run + i) % contenders.length
      const [tool, once] = contenders[at]!
      const sample = await once()
      say(`${work}: ${tool} ${sample.wall.toFixed(2)} s`)
      samples[at]!.push(sample)
    }
  }
  return contenders.map(([tool], i) => ({ work, tool, runs: samples[i]! }))
}

/** Wall time of the first of two tools over that of the second, in each round; none where one of them is not there. */
export function ratioCheck(
  rows: readonly Row[],
  tool: string,
  other: string,
  limit: number,
  bound: 'most' | 'least' = 'most',
): Check[] {
  const [a, b] = [tool, other].map((name) => rows.find((row) => row.tool === name))
  if (a === undefined || b === undefined) return []
  const values = a.runs.map(({ wall }, i) => wall / b.runs[i]!.wall)
  return [{ what: `${a.work}: time of ${tool} over ${other}`, values, unit: '×', limit, bound }]
}

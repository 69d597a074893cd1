import { stripVTControlCharacters } from 'node:util'

export interface Totals {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** Reads the last totals that uvu printed; undefined where there are none. */
export function readTotals(output: string): Totals | undefined {
  const text = stripVTControlCharacters(output)
  const all = [...text.matchAll(/^ {2}Total:\s+(\d+)\n {2}Passed:\s+(\d+)\n {2}Skipped:\s+(\d+)$/gm)]
  const last = all.at(-1)
  if (last === undefined) return undefined
  const [total = 0, passed = 0, skipped = 0] = last.slice(1).map(Number)
  // uvu's total leaves out the skipped ones.
  return { passed, failed: total - passed, skipped }
}

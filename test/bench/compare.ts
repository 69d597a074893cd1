/** hotblock and other tools on the same work, in one run. */
import { writeFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import type { Style } from '../../node/cli/format.ts'
import { withDirectory } from '../support/temporary.ts'
import { printChecks, printRows, toJson } from './print.ts'
import type { WorkResult } from './rows.ts'
import { advertise } from './works/advertise.ts'
import { cold, swarm } from './works/cold.ts'
import { delta } from './works/delta.ts'
import { hash } from './works/hash.ts'
import { idle } from './works/idle.ts'
import { index } from './works/index-of-blocks.ts'
import { local } from './works/local.ts'
import { memory } from './works/memory.ts'
import { transport } from './works/transport.ts'
import type { Pair, Work } from './works/work.ts'

export const WORKS: readonly Work[] = [hash, delta, cold, swarm, local, transport, advertise, memory, index, idle]

export interface CompareOptions {
  /** Names of works; none: all. */
  readonly works: readonly string[]
  readonly first: string
  readonly second: string
  readonly others: readonly Pair[]
  readonly runs: number
  readonly quick: boolean
  /** Where the figures go as JSON. */
  readonly json: string | undefined
}

/** Prints each work's tables as soon as it is done. */
export async function runComparison(options: CompareOptions, style: Style, say: (text: string) => void): Promise<void> {
  const { works, json, ...about } = options
  const results: WorkResult[] = []
  for (const work of WORKS.filter(({ name }) => works.length === 0 || works.includes(name))) {
    say(`${work.name}: ${work.what}`)
    const result = await withDirectory((directory) => work.run({ directory, ...about, say }))
    results.push(result)
    console.log(`\n${style.bold(`${work.name}: ${work.what}`)}\n`)
    if (result.rows.length > 0) console.log(`${printRows(result.rows, style)}\n`)
    console.log(printChecks(result.checks, style))
    const machine = { cpus: cpus().length, model: cpus()[0]?.model, memoryBytes: totalmem() }
    if (json !== undefined) await writeFile(json, toJson(results, { ...about, machine }))
  }
  console.log(`
  time       from the call until the bytes are on the disk (fsync, for every tool); every copy was compared with its original
  processor  of all processes of the tool, both sides
  memory     of all of them together, at its peak; pages that they share count for each
  ratios     are of two tools in the same round; a target is met by the median`)
}

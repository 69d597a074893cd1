import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hashImage } from '../../../node/hashing.ts'
import { createPool } from '../../../node/pool/pool.ts'
import { BLOCK_BYTES_DEFAULT } from '../../../protocols/table/constants.ts'
import { mainProgram } from '../../support/program.ts'
import { ratioCheck, type WorkResult } from '../rows.ts'
import { casyncMake } from '../tools/casync.ts'
import { program, settle } from '../tools/programs.ts'
import { costOf, type Sample } from '../tree.ts'
import { type Bench, compare, simply, type Work } from './work.ts'

const FLOOR = 'read and SHA-256'

export const hash: Work = {
  name: 'hash',
  what: 'hash an image, cut at files',
  async run(bench) {
    const results = [await hashOf('hash', bench.second, bench)]
    for (const { name, second } of bench.others) results.push(await hashOf(`hash, ${name}`, second, bench))
    return { rows: results.flatMap(({ rows }) => rows), checks: results.flatMap(({ checks }) => checks) }
  },
}

async function hashOf(work: string, image: string, bench: Bench): Promise<WorkResult> {
  const list = join(bench.directory, 'rows')
  await writeFile(list, await nonZeroRows(image))
  const tools = [
    simply('hotblock', [], () => nodeProgram([mainProgram(), 'hash', image])),
    simply('casync make', ['casync'], () => casyncMake(bench.directory, image)),
    simply(FLOOR, [], () => nodeProgram([join(import.meta.dirname, '..', 'tools', 'sha256-floor.ts'), image, list])),
  ]
  const rows = await compare(work, tools, bench)
  return {
    rows,
    checks: [
      ...ratioCheck(rows, 'hotblock', 'casync make', 1 / 8),
      ...ratioCheck(rows, FLOOR, 'hotblock', 0.8, 'least'),
    ],
  }
}

/** The whole process, its start included. */
async function nodeProgram(args: readonly string[]): Promise<Sample> {
  await settle()
  return (await costOf([], () => program(process.execPath, args))).sample
}

async function nonZeroRows(file: string): Promise<Uint8Array> {
  const pool = createPool()
  try {
    const { table } = await hashImage(file, pool, { cut: 'auto', blockBytes: BLOCK_BYTES_DEFAULT })
    const rows: number[] = []
    for (let row = 0; row < table.lengths.length; row++) {
      if (!table.zero[row]) rows.push(table.offsets[row]!, table.lengths[row]!)
    }
    return new Uint8Array(Float64Array.from(rows).buffer)
  } finally {
    await pool.close()
  }
}

/** What making images costs, and how much of each is hot where another one is. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hashImage } from '../../node/hashing.ts'
import { createPool } from '../../node/pool/pool.ts'
import { BLOCK_BYTES_DEFAULT } from '../../protocols/table/constants.ts'
import { diffTable, hashesOf } from '../../protocols/table/diff.ts'
import type { Table } from '../../protocols/table/table.ts'
import { type FarmProcess, farmCommandOf, startFarmProcess } from '../support/farm/farm-process.ts'
import { mainProgram } from '../support/program.ts'
import { withDirectory } from '../support/temporary.ts'

export interface BuilderResult {
  readonly times: readonly { readonly what: string; readonly seconds: number; readonly stages: string }[]
  readonly images: readonly { readonly name: string; readonly bytes: number; readonly usedBytes: number }[]
  /** hot[a][b]: hot fraction of image b where image a is. */
  readonly hot: readonly (readonly number[])[]
}

interface Wanted {
  readonly name: string
  readonly class: string
  readonly fileType?: string
  readonly appliance?: string
  readonly packages?: readonly string[]
}

interface Built {
  readonly name: string
  readonly seconds: number
  readonly path: string
  /** It was handed out, not made. */
  readonly existing: boolean
  readonly stages: readonly { readonly stage: string; readonly hit: boolean }[]
}

const CLASSES = ['debian11', 'debian12', 'debian13']
const APPLIANCES = ['batch-worker', 'web-server', 'database', 'login-node', 'compiler-toolbox']
const CLASS = 'debian12'
/** As images are published. */
const CUT = { cut: 'auto', blockBytes: BLOCK_BYTES_DEFAULT }

/** Builds with a farm of its own whose caches are empty; root, and some minutes. */
export function benchBuilder(say: (text: string) => void): Promise<BuilderResult> {
  return withDirectory(async (directory) => {
    const farm = await startFarmProcess(join(directory, 'farm'), [], mainProgram())
    try {
      const times: { what: string; seconds: number; stages: string }[] = []
      const timed = async (what: string, wanted: Wanted): Promise<Built> => {
        say(what)
        const startedAt = performance.now()
        const built = await build(farm, directory, wanted)
        const stages = built.existing ? 'was there already' : built.stages.map(stageText).join(', ')
        times.push({ what, seconds: (performance.now() - startedAt) / 1000, stages })
        return built
      }
      const first = { name: CLASS, class: CLASS, fileType: '.img' }
      const images = [await timed('first image of a class', first)]
      await timed('second image of the class', { ...first, name: 'second', packages: ['vim'] })
      await timed('a request again', first)
      for (const name of CLASSES.filter((each) => each !== CLASS)) {
        images.push(await timed(`first image of ${name}`, { name, class: name, fileType: '.img' }))
      }
      for (const appliance of APPLIANCES) {
        images.push(await timed(`${appliance} on ${CLASS}`, { ...first, name: appliance, appliance }))
      }
      for (const fileType of ['.tar', '.tar.gz', '.qcow2']) {
        const name = `${CLASS}${fileType}`
        images.push(await timed(`the first image as ${fileType}`, { ...first, name, fileType }))
      }
      say('comparing')
      const tables = await tablesOf(images)
      return {
        times,
        images: images.map(({ name }, i) => {
          const { imageBytes, zeroBytes } = tables[i]!
          return { name, bytes: imageBytes, usedBytes: imageBytes - zeroBytes }
        }),
        hot: hotFractions(tables),
      }
    } finally {
      await farm.stop()
    }
  })
}

async function build(farm: FarmProcess, directory: string, wanted: Wanted): Promise<Built> {
  const file = join(directory, 'config.xml')
  const { name, class: className, fileType, appliance, packages = [] } = wanted
  const elements = [
    `<name>${name}</name><class>${className}</class>`,
    fileType === undefined ? '' : `<filetype>${fileType}</filetype>`,
    appliance === undefined ? '' : `<appliance>${appliance}</appliance>`,
    ...packages.map((each) => `<package>${each}</package>`),
  ]
  await writeFile(file, `<image>${elements.join('')}</image>\n`)
  const { status, stdout, stderr } = await farmCommandOf(mainProgram(), farm.home, 'build', file, '--wait', '--json')
  if (status !== 0) throw new Error(`${name}: ${stdout}${stderr}`)
  const { image, build: made } = JSON.parse(stdout)
  return { ...image, existing: made === undefined }
}

function stageText({ stage, hit }: Built['stages'][number]): string {
  return `${stage} ${hit ? 'hit' : 'miss'}`
}

async function tablesOf(images: readonly Built[]): Promise<Table[]> {
  const pool = createPool()
  try {
    const tables: Table[] = []
    for (const { path } of images) tables.push((await hashImage(path, pool, CUT)).table)
    return tables
  } finally {
    await pool.close()
  }
}

function hotFractions(tables: readonly Table[]): number[][] {
  return tables.map((a) => {
    const known = hashesOf(a)
    return tables.map((b) => diffTable(b, (row) => known.has(b, row)).hotFraction)
  })
}

import { join } from 'node:path'
import { publishOn, withMesh } from '../../support/nodes.ts'
import { withDirectory } from '../../support/temporary.ts'
import { measure, peakBytes } from '../measure.ts'
import type { Check } from '../rows.ts'
import { SYNTHETIC_CUT, writeImage } from '../synthetic.ts'
import { checkSame } from '../tools/programs.ts'
import type { Bench, Work } from './work.ts'

const GIB = 1024 ** 3
const SIZES = [0.5 * GIB, 2 * GIB, 8 * GIB]
const FETCH_MS = 400_000
const MEMORY_MB_MOST = 200
/** What may still be called the same. */
const GROWTH_MOST = 1.15

interface Peaks {
  readonly fetching: number
  readonly serving: number
}

export const memory: Work = {
  name: 'memory',
  what: 'resident memory of daemons, of which one serves and two fetch an image and serve it to each other',
  async run(bench) {
    const sizes = bench.quick ? SIZES.slice(0, 1) : SIZES
    const rounds: Peaks[][] = []
    for (let i = 0; i < (bench.quick ? 1 : Math.min(bench.runs, 2)); i++) {
      const round: Peaks[] = []
      for (const size of sizes) round.push(await peaksWith(size, bench))
      rounds.push(round)
    }
    const checks = sizes.flatMap((size, i): Check[] => {
      const what = `memory: ${size / GIB} GiB image, `
      const of = (field: keyof Peaks): number[] => rounds.map((round) => round[i]![field] / 1e6)
      const target = { unit: 'MB', limit: MEMORY_MB_MOST, bound: 'most' as const }
      return [
        { ...target, what: `${what}node that fetches and serves`, values: of('fetching') },
        { ...target, what: `${what}node that serves`, values: of('serving') },
      ]
    })
    if (sizes.length > 1) {
      const growth = rounds.map((round) => round.at(-1)!.fetching / round[0]!.fetching)
      const what = 'memory: largest over smallest image'
      checks.push({ what, values: growth, unit: '×', limit: GROWTH_MOST, bound: 'most' })
    }
    return { rows: [], checks }
  },
}

/** Each size has daemons of its own, as memory that a process once had may stay with it. */
function peaksWith(size: number, { say }: Bench): Promise<Peaks> {
  return withDirectory(async (directory) => {
    const file = join(directory, 'image')
    await writeImage(file, size)
    return withMesh(directory, 2, async ({ builder, workers }) => {
      await publishOn(builder, file, 'image', SYNTHETIC_CUT)
      const pids = [builder, ...workers].map(({ pid }) => pid)
      const { result } = await measure(pids, () =>
        Promise.all(workers.map(({ api }) => api.fetch('image', {}, () => {}, AbortSignal.timeout(FETCH_MS)))),
      )
      const [serving, ...fetching] = await Promise.all(pids.map(peakBytes))
      for (const { path } of result) await checkSame(path, file)
      const peaks = { fetching: Math.max(...fetching), serving: serving! }
      say(`memory: ${size / GIB} GiB: ${(peaks.fetching / 1e6).toFixed(0)} and ${(peaks.serving / 1e6).toFixed(0)} MB`)
      return peaks
    })
  })
}

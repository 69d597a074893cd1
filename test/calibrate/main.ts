/**
 * Plays one scenario with real daemons on links of limited rate, and with the simulator, and says how far they are apart.
 *
 *     npm run calibrate -- [--nodes 8] [--size 40MB] [--rate 24Mbit] [--racks 2] [--runs 3] [--quick] [--json]
 *
 * Needs root and iproute2. Ends with status 1 if they are further apart than they should be.
 */
import { randomFillSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { formatBytes, formatSeconds, makeStyle, table } from '../../node/cli/format.ts'
import { hashImage } from '../../node/hashing.ts'
import { inlinePool } from '../../node/pool/pool.ts'
import { BLOCK_BYTES_DEFAULT } from '../../protocols/table/constants.ts'
import { withDirectory } from '../support/temporary.ts'
import { type Comparison, compare, medianOf } from './figures.ts'
import { makeLinks, whyNoLinks } from './links.ts'
import { type Plan, readPlan, USAGE } from './options.ts'
import { playReal, type RealRun } from './real.ts'
import { PAYLOAD_SHARE, playVirtual, simImage } from './virtual.ts'

/** Simulated runs, of which the median counts. */
const SEEDS = 9
/** A daemon that waits for a processor for more of the time is held up by the machine, not by its links. */
const WAIT_SHARE = 0.15

const style = makeStyle(process.stdout.isTTY === true && !process.env.NO_COLOR)

try {
  process.exitCode = await main()
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 2
}

async function main(): Promise<number> {
  let plan: Plan
  try {
    plan = readPlan(process.argv.slice(2))
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`)
    return 2
  }
  const why = whyNoLinks()
  if (why !== undefined) throw new Error(why)
  return await withDirectory((directory) => calibrate(plan, directory))
}

async function calibrate(plan: Plan, directory: string): Promise<number> {
  const path = join(directory, 'image')
  await writeFile(path, randomFillSync(Buffer.alloc(plan.sizeBytes)))
  const hashed = await hashImage(path, inlinePool(), {
    cut: `fixed:${plan.blockBytes}`,
    blockBytes: BLOCK_BYTES_DEFAULT,
  })
  const image = simImage(hashed.table)
  const simulated = Array.from({ length: SEEDS }, (_, i) => playVirtual(plan, image, plan.seed + i))
  const real: RealRun[] = []
  const links = makeLinks(plan)
  const stop = (): void => {
    links.close()
    process.exit(130)
  }
  process.once('SIGINT', stop).once('SIGTERM', stop)
  try {
    for (let run = 1; run <= plan.runs; run++) {
      const played = await playReal(plan, links, path, image.blockBytes)
      real.push(played)
      const { makespanSeconds, p50Seconds } = played.figures
      say(`run ${run}: makespan ${formatSeconds(makespanSeconds)}, p50 ${formatSeconds(p50Seconds)}`)
    }
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop)
    links.close()
  }
  const rows = compare(
    medianOf(real.map(({ figures }) => figures)),
    medianOf(simulated.map(({ figures }) => figures)),
    plan.racks,
  )
  const processors = Math.max(...real.map((run) => run.processors))
  const waited = Math.max(...real.map((run) => run.waited))
  const held = waited > WAIT_SHARE
  const boundSeconds = plan.sizeBytes / (plan.linkBytes * PAYLOAD_SHARE)
  if (plan.json) {
    const runs = { real, simulated }
    console.log(
      JSON.stringify({ plan, segments: image.segmentCount, boundSeconds, rows, processors, waited, held, runs }),
    )
  } else {
    const { nodes, racks, linkBytes, sizeBytes } = plan
    const bits = (linkBytes * 8) / 1e6
    console.log(
      `\n${nodes} workers in ${racks} rack${racks > 1 ? 's' : ''}, ${bits} Mbit/s each way, ${formatBytes(sizeBytes)} of`,
    )
    console.log(
      `${image.lengths.length} blocks in ${image.segmentCount} segments; at least ${formatSeconds(boundSeconds)}\n`,
    )
    const columns = [{ head: '' }, ...['real', 'simulated', 'off', ''].map((head) => ({ head, right: true }))]
    console.log(table(columns, rows.map(shown), style))
    const overheads = real.map(({ overhead }) => overhead.toFixed(3)).join(', ')
    console.log(`\nthe daemons kept ${processors.toFixed(2)} of ${availableParallelism()} processors busy,`)
    console.log(`and waited for one for at most ${(waited * 100).toFixed(0)} % of the time`)
    console.log(`bytes on the links for each that was received for the fetch: ${overheads}`)
    if (held)
      console.log('that is too much: it was the machine that held the daemons up, not their links; let it do less')
  }
  return rows.every(({ within }) => within) ? 0 : 1
}

function shown({ what, unit, real, simulated, off, within }: Comparison): string[] {
  const text = (value: number): string => {
    if (unit === 'seconds') return formatSeconds(value)
    return unit === 'share' ? `${(value * 100).toFixed(1)} %` : value.toFixed(2)
  }
  const sign = off >= 0 ? '+' : '−'
  const far = `${sign}${Math.abs(off * 100).toFixed(1)} ${unit === 'share' ? 'points' : '%'}`
  return [what, text(real), text(simulated), far, unit === 'copies' ? '' : within ? 'within' : 'TOO FAR']
}

/** Progress goes where it does not mix with results. */
function say(text: string): void {
  console.error(style.dim(text))
}

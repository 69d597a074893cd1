/**
 * The main job on this machine: a builder and four workers, each a process of its own, over TCP. Two related images are
 * published one after the other; all workers fetch each at the same moment; every copy is compared with its original.
 *
 *     npm run demo                    images of this checkout's own files
 *     npm run demo -- A.img B.img     images of yours
 */
import { mkdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import type { FetchReport, PublishReport } from '../../node/api.ts'
import {
  formatBytes,
  formatCount,
  formatPercent,
  formatSeconds,
  formatSpeed,
  makeStyle,
  table,
} from '../../node/cli/format.ts'
import { SOCKET_PATH_BYTES_MAX } from '../../node/control/socket.ts'
import { sameBytes } from '../support/images.ts'
import { fetchOn, publishOn, type RunningNode, withMesh } from '../support/nodes.ts'
import { ROOT } from '../support/sources.ts'
import { makeDemoImages } from './images.ts'

const WORKERS = 4
const style = makeStyle(process.stdout.isTTY === true && !process.env.NO_COLOR)

interface Round {
  readonly file: string
  readonly published: PublishReport
  readonly reports: readonly FetchReport[]
  readonly wrong: number
}

process.exitCode = await main(process.argv.slice(2).map((path) => resolve(path)))

async function main(files: readonly string[]): Promise<number> {
  if (files.length !== 0 && files.length !== 2) {
    console.error('give two images, or none')
    return 2
  }
  for (const file of files) {
    if (!(await stat(file).catch(() => undefined))?.isFile()) {
      console.error(`not a file: ${file}`)
      return 2
    }
  }
  const directory = workDirectory()
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true })
  try {
    const pair = files.length === 2 ? files : await makeDemoImages(directory, say)
    say(`starting a builder and ${WORKERS} workers`)
    const rounds = await withMesh(directory, WORKERS, async ({ builder, workers }) => {
      const done: Round[] = []
      for (const [i, file] of pair.entries()) done.push(await round(builder, workers, file, `image-${i + 1}`))
      return done
    })
    return report(rounds)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function round(
  builder: RunningNode,
  workers: readonly RunningNode[],
  file: string,
  name: string,
): Promise<Round> {
  say(`publishing ${basename(file)}`)
  const published = await publishOn(builder, file, name)
  const { imageBytes, blocks, seconds } = published
  say(
    `  ${formatBytes(imageBytes)}, ${formatCount(blocks)} blocks, in ${formatSeconds(seconds)}; ${WORKERS} workers fetch`,
  )
  const startedAt = performance.now()
  const reports = await Promise.all(workers.map((worker) => fetchOn(worker, name)))
  say(`  all have it after ${formatSeconds((performance.now() - startedAt) / 1000)}; comparing the copies`)
  let wrong = 0
  for (const { path } of reports) if (!(await sameBytes(path, file))) wrong++
  return { file, published, reports, wrong }
}

function report(rounds: readonly Round[]): number {
  const columns = [
    { head: 'image' },
    ...['size', 'zero', 'hot', 'cold', 'transferred', 'fraction', 'virtual speed', 'time', 'peers'].map((head) => {
      return { head, right: true }
    }),
  ]
  const rows = rounds.map(({ file, reports }) => {
    const each = (field: (report: FetchReport) => number): number => mean(reports.map(field))
    return [
      basename(file),
      formatBytes(each(({ imageBytes }) => imageBytes)),
      formatBytes(each(({ zeroBytes }) => zeroBytes)),
      formatPercent(each(({ hotBytes, imageBytes, zeroBytes }) => hotBytes / (imageBytes - zeroBytes))),
      formatBytes(each(({ coldBytes }) => coldBytes)),
      formatBytes(each(({ wireBytes }) => wireBytes)),
      formatPercent(each(({ fractionTransferred }) => fractionTransferred)),
      formatSpeed(each(({ virtualSpeed }) => virtualSpeed)),
      formatSeconds(each(({ seconds }) => seconds)),
      each(({ peers }) => peers.filter(({ blocks }) => blocks > 0).length).toFixed(1),
    ]
  })
  console.log(`\n${style.bold(`What ${WORKERS} workers fetched at the same time, each on average`)}\n`)
  console.log(table(columns, rows, style))
  console.log(`
  hot           of the bytes that are not zero, those that lay on the worker already
  transferred   everything received from other nodes, compressed, hash tables included
  fraction      of the image's size
  virtual speed the image's size over the time that the fetch took
`)
  for (const { file, reports } of rounds) {
    const once = mean(reports.map(({ wireBytes }) => wireBytes))
    const sent = reports.flatMap(({ peers }) => peers).filter(({ role }) => role === 'builder')
    const copies = sent.reduce((sum, { bytes }) => sum + bytes, 0) / once
    console.log(`  ${basename(file)}: the builder sent ${copies.toFixed(2)} copies for ${reports.length} workers`)
  }
  const wrong = rounds.reduce((sum, round) => sum + round.wrong, 0)
  const all = rounds.length * WORKERS
  console.log()
  if (wrong === 0) console.log(style.green(`All ${all} copies equal their originals.`))
  else console.log(style.red(`${wrong} of ${all} copies DIFFER from their originals.`))
  return wrong === 0 ? 0 : 1
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Within the checkout, unless its path is too long for a control socket in it. */
function workDirectory(): string {
  const directory = join(ROOT, '.demo')
  const fits = Buffer.byteLength(join(directory, 'w9', 'control.sock')) <= SOCKET_PATH_BYTES_MAX
  return fits ? directory : join(tmpdir(), `hotblock-demo-${process.pid}`)
}

function say(text: string): void {
  console.log(style.dim(text))
}

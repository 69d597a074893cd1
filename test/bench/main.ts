/**
 * What hotblock costs on this machine, also beside other tools. Figures are for comparing with each other in one run:
 * machines are noisy.
 *
 *     npm run bench                    hotblock and other tools on the same work, all of it; it takes half an hour
 *     npm run bench -- WORK...         some of it: see WORKS in compare.ts
 *          [--first A.img --second B.img] [--runs N] [--quick] [--json FILE]
 *     npm run bench -- transfer [A.img B.img] [--runs N] [--json]
 *     npm run bench -- scale [WANTED.img] [--images 20] [--blocks 1500000] [--json]
 *     npm run bench -- growth [WANTED.img] [--json]
 *     npm run bench -- builder [--json]
 *     npm run bench -- slurm [A.img B.img] [--runs N] [--ways none,hooks,seeds,sbcast,lz4] [--json]
 *     npm run bench -- orders [--hosts 1000] [--json]
 *
 * Without images, two Debian trees are made with mmdebstrap and mke2fs (root; once, then kept in .bench/).
 */
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { formatBytes, formatCount, formatSeconds, keyValues, makeStyle, table } from '../../node/cli/format.ts'
import { makeDemoImages } from '../demo/images.ts'
import { useBuilt } from '../support/program.ts'
import { ROOT } from '../support/sources.ts'
import { withDirectory } from '../support/temporary.ts'
import { benchBuilder } from './builder.ts'
import { runComparison, WORKS } from './compare.ts'
import { debianPair, debians } from './debian.ts'
import { benchGrowth, printGrowth } from './growth.ts'
import { benchOrders } from './orders.ts'
import { benchScale } from './scale.ts'
import { benchSlurm } from './slurm.ts'
import { benchTransfer } from './transfer.ts'
import type { Pair } from './works/work.ts'

/** Rounds of each measurement, where nothing else is said. */
const RUNS = 3
const QUICK_IMAGE_BYTES = 1024 ** 3
/** How many files each command takes that is no comparison. */
const FILES: Readonly<Record<string, readonly number[]>> = {
  transfer: [0, 2],
  scale: [0, 1],
  growth: [0, 1],
  builder: [0],
  slurm: [0, 2],
  orders: [0],
}
const USAGE =
  'usage: npm run bench [-- WORK...] [--first A.img --second B.img] [--runs N] [--quick] [--json FILE] | -- transfer [A.img B.img] [--runs N] | scale [WANTED.img] [--images N] [--blocks N] | growth [WANTED.img] | builder | slurm [A.img B.img] [--runs N] | orders [--hosts N]'
const style = makeStyle(process.stdout.isTTY === true && !process.env.NO_COLOR)

try {
  process.exitCode = await main()
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}

async function main(): Promise<number> {
  const first = process.argv[2]
  if (first === undefined || first.startsWith('-') || WORKS.some(({ name }) => name === first)) return compareTools()
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      ways: { type: 'string', default: '' },
      runs: { type: 'string', default: String(RUNS) },
      images: { type: 'string', default: '20' },
      blocks: { type: 'string', default: '1500000' },
      hosts: { type: 'string', default: '1000' },
      json: { type: 'boolean', default: false },
    },
  })
  const runs = count(values.runs)
  const [what, ...files] = positionals
  const paths = files.map((file) => resolve(file))
  const wanted = FILES[what ?? '']
  if (wanted === undefined || !wanted.includes(paths.length)) {
    console.error(USAGE)
    return 2
  }
  await build()
  const pair = async (): Promise<readonly string[]> =>
    paths.length === 2 ? paths : await debianPair(join(ROOT, '.bench'), say)
  const second = async (): Promise<string> => paths[0] ?? (await debianPair(join(ROOT, '.bench'), say))[1]
  switch (what) {
    case 'transfer': {
      const [a, b] = await pair()
      await transfer(a!, b!, runs, values.json)
      break
    }
    case 'scale':
      await scale(await second(), count(values.images), count(values.blocks), values.json)
      break
    case 'growth':
      await growth(await second(), values.json)
      break
    case 'builder':
      await builder(values.json)
      break
    case 'slurm': {
      const [a, b] = await pair()
      await slurm(a!, b!, runs, values.ways.split(',').filter(Boolean), values.json)
      break
    }
    default:
      await orders(count(values.hosts), values.json)
  }
  return 0
}

async function build(): Promise<void> {
  say('building what is measured')
  await useBuilt()
}

async function compareTools(): Promise<number> {
  const { values, positionals: works } = parseArgs({
    allowPositionals: true,
    options: {
      first: { type: 'string' },
      second: { type: 'string' },
      runs: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  })
  const { first, second, quick, json } = values
  const unknown = works.some((name) => WORKS.every((work) => work.name !== name))
  if (unknown || (first === undefined) !== (second === undefined)) {
    console.error(USAGE)
    return 2
  }
  await build()
  const runs = values.runs === undefined ? (quick ? 1 : RUNS) : count(values.runs)
  const run = ([a, b]: readonly string[], others: readonly Pair[] = []): Promise<void> =>
    runComparison({ works, first: resolve(a!), second: resolve(b!), others, runs, quick, json }, style, say)
  if (first !== undefined && second !== undefined) await run([first, second])
  else if (quick) await withDirectory(async (directory) => run(await makeDemoImages(directory, say, QUICK_IMAGE_BYTES)))
  else {
    const { base, worker, web } = await debians(join(ROOT, '.bench'), say)
    await run(
      [base.image, worker.image],
      [
        { name: 'web server', first: base.image, second: web.image },
        { name: 'tar', first: base.tar, second: worker.tar },
      ],
    )
  }
  return 0
}

async function transfer(first: string, second: string, runs: number, json: boolean): Promise<void> {
  const rows = await benchTransfer(first, second, runs)
  if (json) {
    console.log(JSON.stringify({ first, second, runs, rows }))
    return
  }
  console.log(`\n${second}\nwhere the worker has ${first}; medians of ${runs} runs\n`)
  const columns = [{ head: '' }, ...['time', 'processor', 'memory', 'received'].map((head) => ({ head, right: true }))]
  const shown = rows.map(({ what, seconds, cpuSeconds, rssBytes, wireBytes }) => [
    what,
    formatSeconds(seconds),
    formatSeconds(cpuSeconds),
    formatBytes(rssBytes),
    wireBytes === 0 ? '' : `${(wireBytes / 1e6).toFixed(1)} MB`,
  ])
  console.log(table(columns, shown, style))
}

async function scale(wanted: string, images: number, blocks: number, json: boolean): Promise<void> {
  const result = await benchScale(wanted, images, blocks, say)
  if (json) {
    console.log(JSON.stringify({ wanted, ...result }))
    return
  }
  const rows = [
    ['images', formatCount(result.images)],
    ['blocks', formatCount(result.blocks)],
    ['start', formatSeconds(result.startSeconds)],
    ['memory after start', formatBytes(result.idleRssBytes)],
    [`fetch of ${wanted}`, formatSeconds(result.fetchSeconds)],
    ['most memory meanwhile', formatBytes(result.fetchRssBytes)],
  ] as const
  console.log(keyValues(rows, style))
}

async function growth(wanted: string, json: boolean): Promise<void> {
  const result = await benchGrowth(wanted, say)
  console.log(json ? JSON.stringify({ wanted, ...result }) : `\n${printGrowth(result, style)}`)
}

async function builder(json: boolean): Promise<void> {
  const { times, images, hot } = await benchBuilder(say)
  if (json) {
    console.log(JSON.stringify({ times, images, hot }))
    return
  }
  const percent = (part: number) => `${(100 * part).toFixed(part < 0.0995 ? 1 : 0)} %`
  const timeRows = times.map(({ what, seconds, stages }) => [what, formatSeconds(seconds), stages])
  console.log(`\n${table([{ head: 'request' }, { head: 'time', right: true }, { head: 'stages' }], timeRows, style)}`)
  console.log('\nHot fraction of the image above where the image on the left is\n')
  const numbers = images.map((_, i) => String(i + 1))
  const rows = images.map(({ name, usedBytes }, a) => {
    const cells = hot[a]!.map((fraction, b) => (a === b ? '–' : percent(fraction)))
    return [`${a + 1} ${name}`, formatBytes(usedBytes), ...cells]
  })
  const heads = ['in use', ...numbers].map((head) => ({ head, right: true }))
  console.log(table([{ head: 'image' }, ...heads], rows, style))
}

async function slurm(
  first: string,
  second: string,
  runs: number,
  ways: readonly string[],
  json: boolean,
): Promise<void> {
  const rows = await benchSlurm(first, second, runs, ways, say)
  if (json) {
    console.log(JSON.stringify({ first, second, runs, rows }))
    return
  }
  console.log(`\nA job of four nodes of one machine that needs ${second}; medians of ${runs} runs\n`)
  const heads = ['to its start', 'from there until usable', 'both'].map((head) => ({ head, right: true }))
  const shown = rows.map(({ before, how, toStart, toUsable, seconds }) => {
    return [before, how, formatSeconds(toStart), formatSeconds(toUsable), formatSeconds(seconds)]
  })
  console.log(table([{ head: 'nodes have' }, { head: '' }, ...heads], shown, style))
}

async function orders(hosts: number, json: boolean): Promise<void> {
  const result = await benchOrders(hosts, say)
  if (json) {
    console.log(JSON.stringify(result))
    return
  }
  const rows = [
    ['hosts', `${formatCount(result.hosts)}, ${formatCount(result.dead)} of them dead`],
    ['that were told', formatCount(result.taken)],
    ['until the hook has ended', formatSeconds(result.hookSeconds)],
    ['until all hosts were told', formatSeconds(result.toldSeconds)],
    ['the same, the second time', formatSeconds(result.againSeconds)],
    ["processor time of the scheduler's node", formatSeconds(result.cpuSeconds)],
  ] as const
  console.log(keyValues(rows, style))
}

function count(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new Error(`not a positive whole number: ${text}`)
  return value
}

/** Progress goes where it does not mix with results. */
function say(text: string): void {
  console.error(style.dim(text))
}

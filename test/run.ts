/**
 * Runs the tests: the type check, the style check and each test/**\/*.test.ts, everyone as a process of its own, and says
 * at the end how many tests passed and failed. A file that crashes, hangs, or runs no test is a failure; so is a run
 * that matches nothing.
 *
 *     node test/run.ts [FILTER...] [--long] [--jobs N] [--timeout SECONDS] [--without-tools]
 *
 * FILTER: only what has one of these in its name ('types' and 'style' are the names of the two checks). Without one,
 * what takes minutes (test/**\/*.long.test.ts) runs with --long, all else without.
 *
 * Without a filter it first sees to the tools of the system that the tests need: as root on Debian it installs them,
 * elsewhere it names them, runs what can be run, and counts their absence as a failure unless --without-tools is given.
 */
import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { install, packagesOf, WITHOUT_TOOLS } from './support/needed.ts'
import { readTotals, type Totals } from './support/totals.ts'

const JOBS_DEFAULT = 2
const TIMEOUT_SECONDS_DEFAULT = 240
const OUTPUT_CHARACTERS_MAX = 400_000
const DRAIN_MS = 1000
const ROOT = resolve(import.meta.dirname, '..')

interface Task {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  /** What its end means: uvu's totals, or one test that passes when the exit status is 0. */
  readonly counts: 'totals' | 'status'
}

interface Outcome extends Totals {
  /** Why it failed as a whole, where that is more than tests that failed. */
  readonly problem: string | undefined
  readonly output: string
  readonly seconds: number
}

const running = new Set<number>()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    for (const pid of running) killGroup(pid)
    process.exit(1)
  })
}
process.exitCode = await main()

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      long: { type: 'boolean', default: false },
      jobs: { type: 'string' },
      timeout: { type: 'string' },
      'without-tools': { type: 'boolean' },
    },
  })
  const jobs = positive(values.jobs, JOBS_DEFAULT)
  const timeoutMs = positive(values.timeout, TIMEOUT_SECONDS_DEFAULT) * 1000
  const tasks = allTasks().filter(({ name }) => {
    return positionals.length === 0 ? isLong(name) === values.long : positionals.some((filter) => name.includes(filter))
  })
  const sum = { passed: 0, failed: 0, skipped: 0 }
  if (tasks.length === 0) {
    console.log(`nothing matches ${positionals.join(' ')}`)
    sum.failed = 1
  }
  if (values['without-tools']) process.env[WITHOUT_TOOLS] = '1'
  const lacking = positionals.length === 0 ? install((line) => console.log(line)) : []
  if (lacking.length > 0) {
    console.log(`not on this machine: ${lacking.join(', ')}`)
    console.log(`  on Debian: apt-get install ${packagesOf(lacking).join(' ')}`)
    if (!values['without-tools']) sum.failed++
  }
  const runAll = async (some: readonly Task[], jobs: number): Promise<void> => {
    const queue = some.values()
    const work = async () => {
      for (const task of queue) {
        const outcome = await runTask(task, timeoutMs)
        report(task, outcome)
        sum.passed += outcome.passed
        sum.failed += outcome.failed
        sum.skipped += outcome.skipped
      }
    }
    await Promise.all(Array.from({ length: jobs }, work))
  }
  await runAll(
    tasks.filter((task) => !needsQuiet(task)),
    jobs,
  )
  await runAll(tasks.filter(needsQuiet), 1)
  if (lacking.length > 0 && !values['without-tools']) {
    console.log(`\nfailed because tools are missing (see the beginning); to go on without: npm test -- --without-tools`)
  }
  if (positionals.length === 0 && !values.long) console.log('\nwhat takes minutes: npm run test:long')
  const skipped = sum.skipped === 0 ? '' : `, ${sum.skipped} skipped`
  console.log(`\n${sum.passed} passed, ${sum.failed} failed${skipped}`)
  return sum.failed === 0 ? 0 : 1
}

function allTasks(): Task[] {
  const bin = (name: string) => join(ROOT, 'node_modules', '.bin', name)
  const files = globSync('test/**/*.test.ts', { cwd: ROOT }).sort()
  return [
    { name: 'types', command: bin('tsc'), args: [], counts: 'status' },
    { name: 'style', command: bin('biome'), args: ['check'], counts: 'status' },
    ...files.map((name): Task => ({ name, command: process.execPath, args: [name], counts: 'totals' })),
  ]
}

function isLong(name: string): boolean {
  return name.endsWith('.long.test.ts')
}

/** Meshes of many processes that have to find each other within seconds: beside a build of an image they cannot. */
function needsQuiet({ name }: Task): boolean {
  return name.startsWith('test/e2e/')
}

async function runTask(task: Task, timeoutMs: number): Promise<Outcome> {
  const startedAt = performance.now()
  const { promise, resolve: ended } = Promise.withResolvers<string | undefined>()
  // Its own process group, so that what a test has started ends with it.
  const child = spawn(task.command, task.args, {
    cwd: ROOT,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, FORCE_COLOR: '0', NO_COLOR: '1' },
  })
  let output = ''
  const gather = (chunk: string) => {
    output = (output + chunk).slice(-OUTPUT_CHARACTERS_MAX)
  }
  child.stdout.setEncoding('utf8').on('data', gather)
  child.stderr.setEncoding('utf8').on('data', gather)
  const { promise: read, resolve: allRead } = Promise.withResolvers<void>()
  child.on('close', () => allRead())
  child.on('error', (error) => ended(`could not be run: ${error.message}`))
  child.on('exit', (status, signal) => {
    if (signal !== null) ended(`ended by ${signal}`)
    else ended(status === 0 ? undefined : `exit status ${status}`)
  })
  if (child.pid !== undefined) running.add(child.pid)
  const timer = setTimeout(() => ended(`did not end within ${timeoutMs / 1000} s`), timeoutMs)
  let problem = await promise
  clearTimeout(timer)
  if (child.pid !== undefined) {
    killGroup(child.pid)
    running.delete(child.pid)
  }
  // What was written before the end may still be on its way; a grandchild that left the group may hold the pipe.
  const late = setTimeout(() => allRead(), DRAIN_MS)
  await read
  clearTimeout(late)
  child.stdout.destroy()
  child.stderr.destroy()
  const totals = task.counts === 'totals' ? readTotals(output) : statusTotals(problem)
  if (totals === undefined) problem ??= 'printed no totals: is run() missing?'
  else if (totals.passed + totals.failed + totals.skipped === 0) problem ??= 'ran no test'
  const { passed = 0, failed = 0, skipped = 0 } = totals ?? {}
  const seconds = (performance.now() - startedAt) / 1000
  return { passed, failed: problem !== undefined && failed === 0 ? 1 : failed, skipped, problem, output, seconds }
}

function statusTotals(problem: string | undefined): Totals {
  return { passed: problem === undefined ? 1 : 0, failed: problem === undefined ? 0 : 1, skipped: 0 }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Nobody of the group is left.
  }
}

function report(task: Task, { passed, failed, problem, output, seconds }: Outcome): void {
  const good = failed === 0
  const counts = good ? `${passed} passed` : `${passed} passed, ${failed} failed${problem ? `: ${problem}` : ''}`
  console.log(`${good ? 'ok  ' : 'FAIL'} ${task.name}  ${counts}  ${seconds.toFixed(1)} s`)
  if (!good) console.log(output.replaceAll(/^/gm, '     | '))
}

function positive(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise
  const value = Number(text)
  if (Number.isFinite(value) && value >= 1) return value
  throw new RangeError(`not a positive number: ${text}`)
}

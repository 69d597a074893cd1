/** The hooks of a scheduler, installed by their install.sh beside a stand-in for the program, and run as a scheduler would. */
import { spawn } from 'node:child_process'
import { chmod, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { run } from './images.ts'
import { ROOT } from './sources.ts'
import { withDirectory } from './temporary.ts'

/** What the stand-in was called with. */
export interface ProgramCall {
  readonly args: string[]
  readonly stdin: string
  readonly env: Record<string, string>
}
/** What the stand-in does: ok, or one of the things that may go wrong. */
export type Behaviour = 'ok' | 'hang' | 'fail' | 'noise'

export interface InstalledHooks {
  readonly directory: string
  /** Where install.sh has put them. */
  readonly to: string
  /** What install.sh said. */
  readonly said: string
  install(...flags: string[]): Promise<string>
  calls(): Promise<ProgramCall[]>
  behave(behaviour: Behaviour): Promise<void>
  /** Replaces lines NAME=VALUE of the settings. */
  set(settings: Readonly<Record<string, string>>): Promise<void>
}

const STAND_IN = `
const { appendFileSync, readFileSync } = require('node:fs')
const args = process.argv.slice(2)
const behaviour = readFileSync(process.argv[1] + '.behaviour', 'utf8')
const stdin = args.includes('--text') ? readFileSync(0, 'utf8') : ''
appendFileSync(process.argv[1] + '.calls', JSON.stringify({ args, stdin, env: process.env }) + '\\n')
if (behaviour === 'hang') {
  process.on('SIGTERM', () => {})
  setTimeout(() => {}, 60000)
} else if (behaviour === 'fail') process.exit(7)
else if (behaviour === 'noise') process.stdout.write('\\u0000"; garbage\\n'.repeat(20000))
else if (args.includes('images')) process.stdout.write(readFileSync(process.argv[1] + '.held', 'utf8'))
`

/** @param flags of install.sh, beside those that all have; the site's own directories may be made by it first */
export async function withHooks<T>(
  scheduler: string,
  flags: (directory: string) => Promise<string[]> | string[],
  use: (hooks: InstalledHooks) => Promise<T>,
): Promise<T> {
  return withDirectory(async (directory) => {
    const program = join(directory, 'hotblock')
    await writeFile(program, `#!${process.execPath}\n${STAND_IN}`)
    await chmod(program, 0o755)
    await writeFile(`${program}.held`, '["web","base-1.2"]\n')
    const behave = (behaviour: Behaviour) => writeFile(`${program}.behaviour`, behaviour)
    await behave('ok')
    const to = join(directory, 'hooks')
    const own = await flags(directory)
    const always = ['--dir', to, '--hotblock', program, '--home', join(directory, 'home'), ...own]
    const script = join(ROOT, 'node', 'hooks', scheduler, 'install.sh')
    const install = (...more: string[]) => run('sh', [script, ...always, ...more])
    const said = await install()
    const set = async (settings: Readonly<Record<string, string>>): Promise<void> => {
      let text = await readFile(join(to, 'hotblock.conf'), 'utf8')
      for (const [name, value] of Object.entries(settings)) {
        assert.match(text, new RegExp(`^${name}=`, 'm'))
        text = text.replace(new RegExp(`^${name}=.*$`, 'm'), () => `${name}=${value}`)
      }
      await writeFile(join(to, 'hotblock.conf'), text)
    }
    await set({ HOTBLOCK_LOG: join(directory, 'log'), HOTBLOCK_OFF_FILE: join(directory, 'off') })
    const calls = async (): Promise<ProgramCall[]> => {
      const text = await readFile(`${program}.calls`, 'utf8').catch(() => '')
      return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as ProgramCall]))
    }
    return await use({ directory, to, said, install, calls, behave, set })
  })
}

export interface HookRun {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  readonly ms: number
}

export interface HookRunOptions {
  readonly args?: readonly string[]
  /** Text; 'closed': /dev/null; 'open': a pipe to which nothing comes and that does not end. */
  readonly stdin?: string | { readonly kind: 'closed' | 'open' }
  /** The whole environment. */
  readonly env?: Readonly<Record<string, string>>
  /** Sends it after so many milliseconds. */
  readonly signal?: readonly [NodeJS.Signals, number]
}

/** Runs a hook to its end, with nothing in its environment but what is given. */
export async function runHook(path: string, options: HookRunOptions = {}): Promise<HookRun> {
  const { args = [], stdin = { kind: 'closed' }, env = {}, signal } = options
  const startedAt = performance.now()
  const child = spawn(path, args, { env, cwd: '/', stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.on('error', () => {})
  if (typeof stdin === 'string') child.stdin.end(stdin)
  else if (stdin.kind === 'closed') child.stdin.end()
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
    })
  }
  if (signal !== undefined) setTimeout(() => child.kill(signal[0]), signal[1])
  const { promise, resolve } = Promise.withResolvers<Pick<HookRun, 'status' | 'signal'>>()
  child.once('close', (status, ended) => resolve({ status, signal: ended }))
  const end = await promise
  child.stdin.destroy()
  return { ...end, ...output, ms: performance.now() - startedAt }
}

/** What a hook that hands over may take, with a machine that is busy with other tests. */
export const HOOK_MS_MAX = 6000

/** Asserts that the scheduler goes on: status 0, nothing on stdout, in time. */
export function goesOn({ status, signal, stdout, ms }: HookRun, what: string): void {
  assert.is(signal, null, what)
  assert.is(status, 0, what)
  assert.is(stdout, '', what)
  assert.ok(ms < HOOK_MS_MAX, `${what}: ${Math.round(ms)} ms`)
}

/**
 * Runs a hook in every way in which something may go wrong around it.
 *
 * @param again runs it once, for a job that names an image
 * @param settled waits until nothing of it goes on in the background
 */
export async function whateverHappens(
  hooks: InstalledHooks,
  again: (options?: Pick<HookRunOptions, 'signal'>) => Promise<HookRun>,
  check: (run: HookRun, what: string) => void = goesOn,
  settled: () => Promise<void> = async () => {},
): Promise<void> {
  for (const behaviour of ['fail', 'noise', 'hang'] as const) {
    await hooks.behave(behaviour)
    check(await again(), behaviour)
  }
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) {
    check(await again({ signal: [signal, 300] }), signal)
  }
  await hooks.behave('ok')
  const conf = join(hooks.to, 'hotblock.conf')
  const settings = await readFile(conf, 'utf8')
  for (const [what, change] of [
    ['a full disk', { HOTBLOCK_LOG: '/dev/full' }],
    ['no place for the log', { HOTBLOCK_LOG: '/nonexistent/log' }],
    ['no program', { HOTBLOCK: '/nonexistent/hotblock' }],
    ['no home', { HOTBLOCK_HOME: '/nonexistent' }],
  ] as const) {
    await hooks.set(change)
    check(await again(), what)
    await writeFile(conf, settings)
  }
  for (const [what, text] of [
    ['settings that are no shell', 'if ('],
    ['empty settings', ''],
  ] as const) {
    await writeFile(conf, text)
    check(await again(), what)
  }
  await writeFile(conf, settings)
  await settled()
  const before = (await hooks.calls()).length
  await writeFile(join(hooks.directory, 'off'), '')
  check(await again(), 'the kill switch')
  await settled()
  assert.is((await hooks.calls()).length, before, 'with the kill switch nothing runs')
  await rm(join(hooks.directory, 'off'))
}

/** Asserts that nothing of the job reaches the program but its name and its text. */
export function cleanEnvironment(call: ProgramCall): void {
  assert.equal(Object.keys(call.env), ['PATH'])
  assert.match(call.env.PATH ?? '', /^\/usr\/local\/sbin:/)
}

/** The value of an option in a call's arguments. */
export function option({ args }: ProgramCall, name: string): string | undefined {
  const at = args.indexOf(name)
  return at === -1 ? undefined : args[at + 1]
}

/** Things that a user may write where an image's name should be. */
export const HOSTILE = [
  '$(touch /tmp/hotblock-was-here)',
  '`id`',
  '; rm -rf /',
  '../../etc/passwd',
  '-x',
  '--home=/tmp',
  'a b',
  "a'b",
  'a\\b',
  '*',
  '%s%n',
  '\u001b[2J',
  'x'.repeat(5000),
]

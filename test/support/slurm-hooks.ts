/** Installs the hooks for Slurm as their page says, and a program in place of hotblock that writes down what it is given. */
import { spawn } from 'node:child_process'
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './images.ts'
import { ROOT } from './sources.ts'

export const HOOKS = join(ROOT, 'node', 'hooks', 'slurm')

export interface Settings {
  readonly program: string
  /** As it stands in the settings: it may have $SLURMD_NODENAME in it. */
  readonly home: string
  readonly seeds?: string
  readonly racks?: string
  readonly locality?: 'features' | 'extra' | 'comment'
}

export interface Installed {
  /** Where the scripts are. */
  readonly hooks: string
  readonly off: string
  readonly log: string
  /** Directory of locks. */
  readonly turns: string
  /** What install.sh said. */
  readonly said: string
}

/** @param slurmDirectory where slurm.conf is @param flags further ones of install.sh */
export async function installHooks(
  slurmDirectory: string,
  settings: Settings,
  flags: readonly string[] = ['--with-prolog'],
): Promise<Installed> {
  const hooks = join(slurmDirectory, 'hotblock')
  const [off, log, turns] = ['off', 'hooks.log', 'turns'].map((name) => join(slurmDirectory, name)) as [
    string,
    string,
    string,
  ]
  // An administrator's settings are kept by install.sh; here they say where a test's files are.
  await mkdir(hooks, { recursive: true })
  const text = [
    `HOTBLOCK=${settings.program}`,
    `HOTBLOCK_HOME=${settings.home}`,
    'HOTBLOCK_SOCKET=',
    'HOTBLOCK_SPOOL=',
    `HOTBLOCK_OFF_FILE=${off}`,
    `HOTBLOCK_LOG=${log}`,
    `HOTBLOCK_TURNS=${turns}`,
    `HOTBLOCK_SEEDS='${settings.seeds ?? ''}'`,
    `HOTBLOCK_RACKS='${settings.racks ?? ''}'`,
    `HOTBLOCK_LOCALITY=${settings.locality ?? 'extra'}`,
  ]
  await writeFile(join(hooks, 'hotblock.conf'), `${text.join('\n')}\n`)
  const said = await run('sh', [join(HOOKS, 'install.sh'), '--slurm-dir', slurmDirectory, ...flags])
  return { hooks, off, log, turns, said }
}

export interface Call {
  readonly args: readonly string[]
  readonly stdin: string
  readonly env: Readonly<Record<string, string>>
}

export interface Recorder {
  readonly program: string
  /** What it was called with, in no order. */
  calls(): Promise<Call[]>
}

/** @param then what the program does at its end, in sh */
export async function makeRecorder(directory: string, then = 'exit 0'): Promise<Recorder> {
  const calls = join(directory, 'calls')
  await mkdir(calls, { recursive: true })
  const program = join(directory, 'recorder')
  const lines = [
    '#!/bin/sh',
    `to=$(mktemp ${calls}/XXXXXX.part)`,
    'env -0 >"$to.env"',
    `printf '%s\\0' "$@" >"$to.args"`,
    'cat >"$to.stdin"',
    `mv "$to" "$(dirname "$to")/$(basename "$to" .part)"`,
    then,
    '',
  ]
  await writeFile(program, lines.join('\n'))
  await chmod(program, 0o755)
  return {
    program,
    async calls() {
      const names = (await readdir(calls)).filter((name) => !name.includes('.'))
      return Promise.all(
        names.map(async (name) => {
          const read = (suffix: string): Promise<string> => readFile(join(calls, `${name}.part.${suffix}`), 'utf8')
          const [args, stdin, env] = await Promise.all([read('args'), read('stdin'), read('env')])
          const variables = env.split('\0').slice(0, -1)
          return {
            args: args.split('\0').slice(0, -1),
            stdin,
            env: Object.fromEntries(variables.map((text) => text.split(/=(.*)/s).slice(0, 2) as [string, string])),
          }
        }),
      )
    },
  }
}

export interface Ended {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly output: string
  readonly seconds: number
}

/** Runs a hook with exactly this environment, until it has ended and nobody holds its output any more. */
export async function runHook(script: string, env: Readonly<Record<string, string>>): Promise<Ended> {
  const started = performance.now()
  const child = spawn(script, [], { env: env as NodeJS.ProcessEnv, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const { promise, resolve, reject } = Promise.withResolvers<Ended>()
  child.once('error', reject)
  child.once('close', (status, signal) => {
    resolve({ status, signal, output, seconds: (performance.now() - started) / 1000 })
  })
  return promise
}

/**
 * Hooks go on in the background for a while; those that name this directory are this Slurm's. What `timeout` runs is in a
 * group of its own, and ends with it: nobody else would end what a hook's program has begun.
 */
export async function endHooks(directory: string): Promise<void> {
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue
    const command = await readFile(join('/proc', pid, 'cmdline'), 'utf8').catch(() => '')
    if (!command.split('\0').some((word) => word.startsWith(`${directory}/`))) continue
    try {
      const stat = await readFile(join('/proc', pid, 'stat'), 'latin1')
      const [, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      process.kill(group === pid ? -Number(pid) : Number(pid), 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }
}

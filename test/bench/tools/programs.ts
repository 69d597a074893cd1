/** Programs of other tools: found or named as missing, run, and what they wrote made sure to be right and on disk. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { basename } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { findTool, run } from '../../support/images.ts'

/** Debian packages of the programs. */
const PACKAGES: Readonly<Record<string, string>> = {
  rsync: 'rsync',
  zsync: 'zsync',
  zsyncmake: 'zsync',
  casync: 'casync',
  aria2c: 'aria2',
  zstd: 'zstd',
  cp: 'coreutils',
  cmp: 'diffutils',
  sync: 'coreutils',
  openssl: 'openssl',
}
const READY_MS = 10_000

/** Whether all are there; what is not is said in one line. */
export function haveAll(programs: readonly string[], say: (text: string) => void): boolean {
  const lacking = programs.filter((name) => findTool(name) === undefined)
  if (lacking.length === 0) return true
  const packages = [...new Set(lacking.map((name) => PACKAGES[name] ?? name))]
  say(`left out, as ${lacking.join(', ')} is not here: apt-get install ${packages.join(' ')}`)
  return false
}

/** Runs a program to its end. @returns what it printed @throws with that, unless it ends with status 0 */
export function program(name: string, args: readonly string[]): Promise<string> {
  return run(findTool(name) ?? name, args)
}

/** A program that runs until it is stopped. */
export interface Running {
  readonly pid: number
  /** Resolves when it has ended by itself, with its status. */
  readonly ended: Promise<number | null>
  stop(): Promise<void>
  kill(): Promise<void>
}

export function background(name: string, args: readonly string[]): Running {
  const child: ChildProcess = spawn(findTool(name) ?? name, args, { stdio: 'ignore' })
  const ended = once(child, 'exit').then(([status]) => status as number | null)
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    await ended
  }
  return { pid: child.pid!, ended, stop: () => end('SIGTERM'), kill: () => end('SIGKILL') }
}

/** The first line that a process prints. @throws if it ends without one */
export async function firstLineOf(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout! })) return line
  throw new Error('a process ended without a line')
}

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Waits until `isSo`. */
export async function until(isSo: () => boolean | Promise<boolean>, what: string, timeoutMs = READY_MS): Promise<void> {
  const end = performance.now() + timeoutMs
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`waited in vain: ${what}`)
    await sleep(10)
  }
}

/** Makes sure that a file is on the disk, as hotblock does with every image. */
export async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** What lies unwritten from earlier work is written before something is measured. */
export async function settle(): Promise<void> {
  await program('sync', [])
}

/** @throws if the copy differs from its original */
export async function checkSame(copy: string, original: string): Promise<void> {
  try {
    await program('cmp', [copy, original])
  } catch (error) {
    throw new Error(`${basename(copy)} is not ${basename(original)}: ${(error as Error).message}`)
  }
}

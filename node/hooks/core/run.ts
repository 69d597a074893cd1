/**
 * `hotblock hook`: tells the daemon of this machine what a job will need, for schedulers that would drain a node, or hold a
 * job, if this failed or hung. So it never fails and never waits for long: see HOOK_MS_MAX. What went wrong is a line on
 * standard error, and a line in the spool that the daemon counts.
 *
 * It reads nothing of its environment, which may be the job's, and imports next to nothing, so that it starts quickly.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { asHotblockError, HotblockError } from '../../../protocols/errors.ts'
import { printable } from '../../printable.ts'
import { type HookArguments, readArguments } from './arguments.ts'
import { ask } from './ask.ts'
import { expandHosts, expandRacks } from './hostlist.ts'
import { type Moment, TEXT_BYTES_MAX } from './limits.ts'
import { chosen, type References, referencesOf } from './references.ts'
import { noteFailure, spoolOf } from './spool.ts'

/** From the start of the process to its end. */
export const HOOK_MS_MAX = 1_000
/** The daemon is given so long also where starting took most of that. */
const CALL_MS_MIN = 250
/** A job's text that has not come by then does not come. */
const TEXT_MS_MAX = 300
/** Left for the spool and the log. */
const END_MS = 50
const LOG_CHARACTERS_MAX = 500

export interface HookProcess {
  /** All arguments, without the program's own name. */
  readonly argv: readonly string[]
  readonly uid: number
  /** The home where the arguments name none. */
  readonly defaultHome: string
  readonly stdin: AsyncIterable<Uint8Array>
  /** Writes to standard output. */
  readonly print: (text: string) => void
  /** Milliseconds since the process began. */
  readonly now: () => number
}

/** Never rejects, but where the machine is out of memory or the like. */
export async function runHook(hook: HookProcess): Promise<void> {
  const given = readArguments(hook.argv)
  const home = given.home ?? hook.defaultHome
  const spool = given.spool ?? spoolOf(home)
  const failed = (thrown: unknown): void => {
    const { code, message } = asHotblockError(thrown)
    let counted = ''
    try {
      const { moment = 'node', scheduler } = given
      noteFailure(spool, hook.uid, { moment, scheduler: scheduler || 'unknown', code })
    } catch (error) {
      counted = ` (not counted: ${error instanceof Error ? error.message : error})`
    }
    sayOnStderr(`hotblock hook: ${code}: ${message}${counted}`)
  }
  try {
    if (isOff(given.offFile)) return
    if (given.problems.length > 0) failed(new HotblockError('USAGE', given.problems.join('; ')))
    if (given.moment === undefined) return
    await tell(hook, given, given.moment, given.socket ?? join(home, 'control.sock'), failed)
  } catch (thrown) {
    failed(thrown)
  }
}

async function tell(
  hook: HookProcess,
  given: HookArguments,
  moment: Moment,
  socket: string,
  failed: (thrown: unknown) => void,
): Promise<void> {
  const left = (): number => Math.max(CALL_MS_MIN, HOOK_MS_MAX - END_MS - hook.now())
  if (moment === 'images') {
    hook.print(heldNames(await ask(socket, { path: '/held', body: {} }, left()), given.json))
    return
  }
  const references = await referencesIn(hook, given)
  const { names, bad, left: over } = references
  if (bad > 0) failed(new HotblockError('BAD_NAME', `${bad} references to images are no names; they are passed over`))
  if (over > 0) failed(new HotblockError('USAGE', `the job names too many images; ${over} are passed over`))
  if (names.length === 0) return
  const hosts = hostsOf(given, moment, failed)
  const { scheduler, job } = given
  const racks = moment === 'submit' ? listOf(given.racks.join(' '), expandRacks, failed) : ''
  const body = { moment, scheduler: scheduler || 'unknown', job, names, hosts, ...(racks === '' ? {} : { racks }) }
  const answer = await ask(socket, { path: '/hook', body }, left())
  const unknown = (answer as { unknown?: unknown } | null)?.unknown
  if (!Array.isArray(unknown)) throw new HotblockError('BAD_MESSAGE', 'what the daemon answered makes no sense')
  if (unknown.length > 0) {
    sayOnStderr(`hotblock hook: nobody has published ${unknown.slice(0, 8).map(String).join(', ')} yet`)
  }
}

async function referencesIn(hook: HookProcess, given: HookArguments): Promise<References> {
  const text = given.text ? await readText(hook) : ''
  const found = referencesOf(text, given.textKind)
  const all = chosen([...given.images, ...found.names])
  return { names: all.names, bad: all.bad + found.bad, left: all.left + found.left }
}

function hostsOf(given: HookArguments, moment: Moment, failed: (thrown: unknown) => void): string {
  const lists = moment === 'submit' ? given.seeds : moment === 'allocate' ? given.on : []
  return listOf(lists.join(','), expandHosts, failed)
}

/** What is sent: the lists as they were given, once they are known to be lists. A list that is none costs no prefetch here. */
function listOf(text: string, read: (text: string) => unknown, failed: (thrown: unknown) => void): string {
  try {
    read(text)
    return text
  } catch (error) {
    failed(error)
    return ''
  }
}

/** As much of standard input as is read, and as comes in time. */
async function readText({ stdin }: HookProcess): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  const reading = (async () => {
    for await (const chunk of stdin) {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > TEXT_BYTES_MAX) return
    }
  })()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, TEXT_MS_MAX)
  })
  await Promise.race([reading.catch(() => {}), late])
  clearTimeout(timer)
  const text = Buffer.concat(chunks).toString('utf8', 0, TEXT_BYTES_MAX)
  // The last line may have been cut where it would have been another name.
  return bytes > TEXT_BYTES_MAX ? text.slice(0, text.lastIndexOf('\n') + 1) : text
}

function heldNames(answer: unknown, json: boolean): string {
  const names = (answer as { names?: unknown } | null)?.names
  if (!Array.isArray(names)) throw new HotblockError('BAD_MESSAGE', 'what the daemon answered makes no sense')
  const held = chosenNames(names)
  return json ? `${JSON.stringify(held)}\n` : held.map((name) => `${name}\n`).join('')
}

/** Names only: what reads this (a scheduler's helper) may be less careful. */
function chosenNames(names: readonly unknown[]): string[] {
  return names.filter((name): name is string => typeof name === 'string' && chosen([name]).names.length === 1)
}

/** @returns true also where it cannot be seen whether the file is there: off is what harms nobody */
function isOff(file: string): boolean {
  try {
    lstatSync(file)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code !== 'ENOENT' && code !== 'ENOTDIR'
  }
}

/**
 * One line that fits into one line of a log. A reader that has stopped reading must not hold the hook up: a pipe is opened
 * anew, so that writing to it does not wait, and nobody else's use of it changes.
 */
function sayOnStderr(text: string): void {
  const line = `${printable(text.replaceAll(/\s*\n\s*/g, ' ')).slice(0, LOG_CHARACTERS_MAX)}\n`
  try {
    if (!fstatSync(2).isFIFO()) {
      writeQuietly(2, line)
      return
    }
    const file = openSync('/proc/self/fd/2', constants.O_WRONLY | constants.O_NONBLOCK)
    writeQuietly(file, line)
    closeSync(file)
  } catch {
    // Another user's pipe cannot be opened, but written to.
    writeQuietly(2, line)
  }
}

function writeQuietly(file: number, line: string): void {
  try {
    writeSync(file, line)
  } catch {
    // A pipe that is full or closed, a disk that is full: nobody hears it, but the spool may have it.
  }
}

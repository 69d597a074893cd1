/**
 * What went wrong with hooks, noted where the daemon finds it once it runs again: one short line each, in a file for each
 * user that hooks run as. Both sides bound what they write and read, and neither follows what is not a plain file.
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs'
import { open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { FAILURES, type FailureCode } from '../../../protocols/errors.ts'
import { isScheduler, MOMENTS, type Moment } from './limits.ts'

/** Some thousand lines; beyond that failures are not counted any more until the daemon has read them. */
export const SPOOL_BYTES_MAX = 64 * 1024
export const SPOOL_FILES_MAX = 16
const FILE = /^failures-\d{1,10}\.log$/
const TAKEN = /^taken-\d{1,10}-\d{1,15}\.log$/
const LINE = /^([a-z]+) ([a-z0-9-]+) ([A-Z_]+)$/
/** Who has just opened the file may still write to it. */
const SETTLE_MS = 20

export interface HookFailure {
  readonly moment: Moment
  readonly scheduler: string
  readonly code: FailureCode
}

/** Where the spool is, if nothing else is said. */
export function spoolOf(home: string): string {
  return join(home, 'hooks')
}

/**
 * Appends one line. Waits for nothing but the disk. The directory is the daemon's to make.
 *
 * @throws what the file system throws, and an Error where the file is none or is full
 */
export function noteFailure(directory: string, uid: number, { moment, scheduler, code }: HookFailure): void {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants
  const path = join(directory, `failures-${uid}.log`)
  const file = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o644)
  try {
    const { size, nlink } = fstatSync(file)
    if (!fstatSync(file).isFile() || nlink !== 1) throw new Error('the spool is no plain file')
    if (size >= SPOOL_BYTES_MAX) throw new Error('the spool is full')
    writeSync(file, `${moment} ${scheduler} ${code}\n`)
  } finally {
    closeSync(file)
  }
}

/** Takes what was noted, which is gone from the spool then. Never throws: what cannot be read is left. */
export async function takeFailures(directory: string, now: number): Promise<HookFailure[]> {
  const names = await readdir(directory).catch(() => [])
  const taken = names.filter((name) => TAKEN.test(name)).slice(0, SPOOL_FILES_MAX)
  for (const name of names.filter((each) => FILE.test(each)).slice(0, SPOOL_FILES_MAX)) {
    const aside = `taken-${name.slice('failures-'.length, -'.log'.length)}-${Math.trunc(now)}.log`
    const moved = await rename(join(directory, name), join(directory, aside)).then(
      () => true,
      () => false,
    )
    if (moved) taken.push(aside)
  }
  if (taken.length === 0) return []
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  const failures: HookFailure[] = []
  for (const name of taken) {
    const path = join(directory, name)
    failures.push(...failuresOf(await readBounded(path)))
    await rm(path, { force: true }).catch(() => {})
  }
  return failures
}

/** Lines that are none are passed over: whoever may write there may write anything. Pure. */
export function failuresOf(text: string): HookFailure[] {
  return text.split('\n').flatMap((line) => {
    const [, moment, scheduler, code = ''] = LINE.exec(line) ?? []
    const known = MOMENTS.find((each) => each === moment)
    if (known === undefined || !isScheduler(scheduler) || !Object.hasOwn(FAILURES, code)) return []
    return [{ moment: known, scheduler, code: code as FailureCode }]
  })
}

async function readBounded(path: string): Promise<string> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants
  try {
    await using handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    if (!(await handle.stat()).isFile()) return ''
    const buffer = Buffer.alloc(SPOOL_BYTES_MAX + 1024)
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0)
    return buffer.toString('latin1', 0, bytesRead)
  } catch {
    return ''
  }
}

/** `hotblock launch` as a process, and what it leaves. */
import type { ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import * as assert from 'uvu/assert'
import { finish, start } from './processes.ts'

export interface Launched {
  readonly child: ChildProcess
  /** All that it has printed so far. */
  readonly text: () => string
  readonly end: Promise<{ status: number | null; stdout: string; stderr: string }>
}

/** @param flags what stands between the name and -- */
export function launchOn(home: string, name: string, flags: readonly string[], command: readonly string[]): Launched {
  const child = start(['launch', name, '--home', home, ...flags, '--', ...command])
  let text = ''
  child.stdout!.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
  })
  return { child, text: () => text, end: finish(child) }
}

/** Waits until the condition holds. @throws after `seconds` */
export async function until(what: string, holds: () => boolean | Promise<boolean>, seconds = 20): Promise<void> {
  for (let i = 0; !(await holds()); i++) {
    assert.ok(i < seconds * 20, `${what}, not within ${seconds} s`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Names of the overlays of a home. */
export function overlaysOf(home: string): Promise<string[]> {
  return readdir(join(home, 'overlays')).catch(() => [])
}

export async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

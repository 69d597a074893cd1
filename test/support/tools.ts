import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { test } from 'uvu'

/** Tools of the system need not be on an ordinary user's PATH. */
const PATH = [process.env.PATH ?? '', '/usr/sbin', '/sbin'].join(delimiter)

/** Runs a tool of the system. @param input what it reads from stdin @returns what it printed */
export function tool(name: string, args: readonly string[], input = ''): string {
  return execFileSync(name, args, {
    env: { ...process.env, PATH, LC_ALL: 'C' },
    encoding: 'utf8',
    input,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
}

/**
 * uvu's `test` for what needs these tools. Where one is missing the test counts as skipped; under CI, where all have to
 * be there, it fails and says what is missing.
 */
export function testWith(...tools: string[]): (name: string, body: () => unknown) => void {
  const missing = missingTools(tools)
  if (missing.length === 0) return (name, body) => test(name, async () => void (await body()))
  if (process.env.CI !== 'true') return (name) => test.skip(name, () => {})
  return (name) => {
    test(name, () => {
      throw new Error(`this machine has no ${missing.join(', ')}: install it (e2fsprogs, fdisk, tar)`)
    })
  }
}

/** Those of the tools that this machine does not have. */
export function missingTools(tools: readonly string[]): string[] {
  return tools.filter((name) => !isThere(name))
}

function isThere(name: string): boolean {
  return PATH.split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

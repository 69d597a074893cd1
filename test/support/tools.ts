import { execFileSync } from 'node:child_process'
import { test } from 'uvu'
import { missing, PATH } from './needed.ts'

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
 * uvu's `test` for what needs these tools. Where one is missing the test counts as skipped, and test/run.ts, which names
 * what is missing, counts that as a failure.
 */
export function testWith(...tools: string[]): (name: string, body: () => unknown) => void {
  if (missingTools(tools).length > 0) return (name) => test.skip(name, () => {})
  return (name, body) => test(name, async () => void (await body()))
}

/** Those of the tools that this machine does not have. */
export function missingTools(tools: readonly string[]): string[] {
  return missing(tools)
}

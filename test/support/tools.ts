import { execFileSync } from 'node:child_process'
import { test } from 'uvu'
import { missing, PATH, ROOT_RIGHTS, WITHOUT_TOOLS } from './needed.ts'

/** Runs a tool of the system. @param input what it reads from stdin @returns what it printed */
export function tool(name: string, args: readonly string[], input = ''): string {
  return execFileSync(name, args, {
    env: { ...process.env, PATH, LC_ALL: 'C' },
    encoding: 'utf8',
    input,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
}

/** uvu's `test` for what needs these tools; see testWhere. */
export function testWith(...tools: string[]): (name: string, body: () => unknown) => void {
  const lacking = missingTools(tools)
  return testWhere(lacking.length === 0 ? undefined : `missing here: ${lacking.join(', ')}`)
}

/**
 * uvu's `test` for what not every machine can do. Where this one cannot, the test fails and says why, unless test/run.ts
 * was told to go on without: then it is not run, and counts as that.
 *
 * @param lack what is missing; undefined: nothing
 */
export function testWhere(lack: string | undefined): (name: string, body: () => unknown) => void {
  if (lack === undefined) return (name, body) => test(name, async () => void (await body()))
  if (process.env[WITHOUT_TOOLS] !== undefined) return (name) => test.skip(name, () => {})
  return (name) => {
    test(name, () => {
      throw new Error(lack)
    })
  }
}

/** Those of the tools that this machine does not have. */
export function missingTools(tools: readonly string[]): string[] {
  return missing(tools)
}

/** For tests that make systems. What single ones need beyond that, they say when they fail. */
export const testBuild = testWith(
  ROOT_RIGHTS,
  'mmdebstrap',
  'unshare',
  'capsh',
  'mke2fs',
  'debugfs',
  'qemu-img',
  'dnf',
  'createrepo_c',
  'qemu-system-x86_64',
)

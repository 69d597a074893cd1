/** The program that is started: the sources, or what is built of them and installed at users' machines. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ROOT } from './sources.ts'

const SOURCE = join(ROOT, 'node', 'main.ts')
const BUILT = join(ROOT, 'dist', 'node', 'main.js')

let main = SOURCE

/** What Node is to run. */
export function mainProgram(): string {
  return main
}

/** Whether it is the sources, whose types have to be taken out at each start. */
export function runsSources(): boolean {
  return main === SOURCE
}

/**
 * From now on the built program is started, as users have it: it starts sooner, and without what takes types out of sources
 * each process has 10 MB less.
 */
export async function useBuilt(): Promise<void> {
  await promisify(execFile)('npm', ['run', '--silent', 'build'], { cwd: ROOT })
  main = BUILT
}

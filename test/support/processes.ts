/** The command line as processes of their own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { mainProgram } from './program.ts'

/** Starts `hotblock ARGS` with these variables besides the test's own. */
export function start(args: readonly string[], environment: Record<string, string> = {}): ChildProcess {
  const env = { ...process.env, NO_COLOR: '1', ...environment }
  return spawn(process.execPath, [mainProgram(), ...args], { stdio: ['ignore', 'pipe', 'pipe'], env })
}

/** What a process prints from now to its end. */
export async function finish(child: ChildProcess): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
    })
  }
  const [status] = (await once(child, 'close')) as [number | null]
  return { status, ...output }
}

/** The one document that a daemon prints when it is ready. @throws if it ends without one */
export async function firstLine(child: ChildProcess): Promise<Record<string, unknown>> {
  for await (const line of createInterface({ input: child.stdout! })) return JSON.parse(line)
  throw new Error('the process ended without a line')
}

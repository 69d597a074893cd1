import { spawn } from 'node:child_process'
import { HotblockError } from '../../protocols/errors.ts'

/** Tools of the system are looked for here alone, whatever the user's environment says. */
const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' }
const OUTPUT_CHARACTERS_MAX = 1024 * 1024
const TOOL_TIMEOUT_MS_DEFAULT = 60_000

export interface ToolRun {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface ToolOptions {
  /** An open file that the tool gets under the number 3. */
  readonly descriptor?: number
  /** The Debian package that has it, for who lacks it. */
  readonly debianPackage: string
  readonly timeoutMs?: number
}

/**
 * Runs a tool to its end, with arguments that no shell sees.
 * @throws TOOL_MISSING, TOOL_FAILED where it does not end in time
 */
export async function runTool(name: string, args: readonly string[], options: ToolOptions): Promise<ToolRun> {
  const { descriptor, debianPackage, timeoutMs = TOOL_TIMEOUT_MS_DEFAULT } = options
  const child = spawn(name, args, {
    env: ENVIRONMENT,
    stdio: ['ignore', 'pipe', 'pipe', ...(descriptor === undefined ? [] : [descriptor])],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  })
  const output = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.setEncoding('utf8').on('data', (text: string) => {
      output[stream] = (output[stream] + text).slice(0, OUTPUT_CHARACTERS_MAX)
    })
  }
  const { promise, resolve, reject } = Promise.withResolvers<number | null>()
  child.once('close', resolve)
  child.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') return reject(new HotblockError('TOOL_FAILED', `${name}: ${error.message}`, {}, error))
    reject(
      new HotblockError('TOOL_MISSING', `${name} is missing (Debian package ${debianPackage})`, { tool: name }, error),
    )
  })
  const status = await promise
  if (status === null) throw new HotblockError('TOOL_FAILED', `${name} was killed, or took more than ${timeoutMs} ms`)
  return { status, ...output }
}

/** The first line that a tool said of its failure. */
export function firstLine({ stderr, stdout, status }: ToolRun): string {
  const line = `${stderr}\n${stdout}`.split('\n').find((each) => each.trim() !== '')
  return line?.trim().slice(0, 300) ?? `status ${status}`
}

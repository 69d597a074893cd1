import { type ChildProcess, spawn } from 'node:child_process'
import { HotblockError } from '../../protocols/errors.ts'
import { TOOL_PATH } from './tools.ts'

/** Lines kept for the message of a failure. */
const TAIL_LINES = 20
const LINE_CHARACTERS_MAX = 2000
const DRAIN_MS = 1000
const OUTPUT_BYTES_DEFAULT = 64 * 1024 * 1024
const FULL_DISK = /No space left on device|ENOSPC|Disk quota exceeded|enough (free )?space/i

/** What every tool gets in place of the caller's environment: messages in English, nothing asked, no time zone. */
const ENVIRONMENT = {
  PATH: TOOL_PATH,
  HOME: '/root',
  LC_ALL: 'C.UTF-8',
  TZ: 'UTC',
  DEBIAN_FRONTEND: 'noninteractive',
  DEBCONF_NONINTERACTIVE_SEEN: 'true',
} as const

export interface RunOptions {
  readonly input?: string | Uint8Array
  /** Besides the fixed environment. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
  /** Gets each line of output and error output; without it only stdout is kept, for the caller. */
  readonly log?: (line: string) => void
  /** Gets output and error output as it comes, ends of lines or not. */
  readonly onOutput?: (text: string) => void
  /** What stands in messages, where it is another than the first argument of the command. */
  readonly label?: string
  readonly outputBytesMax?: number
}

export interface Ran {
  readonly status: number
  /** Empty where the output went to a log. */
  readonly stdout: string
  /** The last lines that it printed. */
  readonly tail: readonly string[]
}

/**
 * Runs a tool of the system; never through a shell.
 * @returns how it ended, whatever its status
 * @throws TOOL_MISSING, CANCELLED, TIMEOUT; NO_SPACE where it failed and says so
 */
export async function runTool(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { signal, timeoutMs, label = command } = options
  if (signal?.aborted) throw cancelled()
  const child = spawn(command, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...ENVIRONMENT, ...options.env },
    // A group of its own: what the tool has started ends with it.
    detached: true,
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  const output = gather(child, options)
  let end: 'cancelled' | 'late' | undefined
  const stop = (why: 'cancelled' | 'late') => {
    end ??= why
    killGroup(child)
  }
  const onAbort = () => stop('cancelled')
  signal?.addEventListener('abort', onAbort, { once: true })
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => stop('late'), timeoutMs)
  try {
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    child.once('error', (error) => reject(spawnFailure(command, error)))
    const { promise: drained, resolve: allRead } = Promise.withResolvers<void>()
    child.once('close', () => allRead())
    child.once('exit', (status, killedBy) => resolve(killedBy === null ? (status ?? 1) : 128))
    // A tool that ends before it has read everything is judged by its status.
    child.stdin?.on('error', () => {})
    child.stdin?.end(options.input)
    const status = await promise
    // What was written before the end may still be on its way; but a process that it left behind may hold the pipe.
    const late = setTimeout(() => allRead(), DRAIN_MS)
    await drained
    clearTimeout(late)
    child.stdout?.destroy()
    child.stderr?.destroy()
    const { stdout, tail, tooMuch } = output()
    if (end === 'cancelled') throw cancelled()
    if (end === 'late') throw new HotblockError('TIMEOUT', `${label} did not end within ${(timeoutMs ?? 0) / 1000} s`)
    if (tooMuch) throw new HotblockError('TOOL_FAILED', `${label} printed more than can be taken`)
    if (status !== 0 && tail.some((line) => FULL_DISK.test(line))) {
      throw new HotblockError('NO_SPACE', `the disk is full: ${label} said: ${lastWords(tail)}`)
    }
    return { status, stdout, tail }
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
    killGroup(child)
  }
}

/** Runs a tool that has to succeed. @returns its output @throws as runTool, and TOOL_FAILED with its last lines */
export async function runToolOk(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const ran = await runTool(command, args, options)
  if (ran.status !== 0) throw toolFailed(options.label ?? command, ran)
  return ran.stdout
}

export function toolFailed(label: string, { status, tail }: Ran): HotblockError {
  const words = lastWords(tail)
  const message = `${label} ended with status ${status}${words === '' ? '' : `: ${words}`}`
  return new HotblockError('TOOL_FAILED', message, { tool: label, status, lines: tail.join('\n') })
}

/** The line that most likely says what went wrong: the last that is called an error, else the last. */
export function lastWords(tail: readonly string[]): string {
  const lines = tail.filter((line) => line.trim() !== '')
  return (lines.findLast((line) => /^(E:|error:|.*: error|fatal)/i.test(line)) ?? lines.at(-1) ?? '').trim()
}

export function cancelled(): HotblockError {
  return new HotblockError('CANCELLED', 'the build was cancelled')
}

function gather(child: ChildProcess, { log, onOutput, outputBytesMax = OUTPUT_BYTES_DEFAULT }: RunOptions) {
  const tail: string[] = []
  const parts: Buffer[] = []
  let bytes = 0
  const take = (line: string) => {
    const text = line.slice(0, LINE_CHARACTERS_MAX)
    tail.push(text)
    if (tail.length > TAIL_LINES) tail.shift()
    log?.(text)
  }
  const flushes = [child.stdout, child.stderr].map((stream, i) => {
    const lines = lineSplitter(take)
    const isResult = i === 0 && log === undefined
    stream?.on('data', (piece: Buffer) => {
      bytes += piece.length
      onOutput?.(piece.toString())
      if (isResult && bytes <= outputBytesMax) parts.push(piece)
      if (isResult && bytes > outputBytesMax) killGroup(child)
      if (!isResult) lines.push(piece)
    })
    return lines.flush
  })
  return () => {
    for (const flush of flushes) flush()
    return { stdout: Buffer.concat(parts).toString(), tail, tooMuch: log === undefined && bytes > outputBytesMax }
  }
}

/** Cuts bytes into lines. A carriage return ends one too: progress that rewrites its line is many short lines. */
export function lineSplitter(take: (line: string) => void): { push(piece: Uint8Array): void; flush(): void } {
  const decoder = new TextDecoder()
  let rest = ''
  return {
    push(piece) {
      rest += decoder.decode(piece, { stream: true })
      const lines = rest.split(/\r\n|\r|\n/)
      rest = (lines.pop() ?? '').slice(-LINE_CHARACTERS_MAX)
      for (const line of lines) take(line)
    },
    flush() {
      if (rest !== '') take(rest)
      rest = ''
    },
  }
}

function spawnFailure(command: string, error: NodeJS.ErrnoException): HotblockError {
  if (error.code !== 'ENOENT') return new HotblockError('TOOL_FAILED', `${command}: ${error.message}`, {}, error)
  return new HotblockError('TOOL_MISSING', `this machine has no ${command}`, { tool: command }, error)
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // Nobody of the group is left.
  }
}

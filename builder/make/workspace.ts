import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { HotblockError } from '../../protocols/errors.ts'
import { type Ran, type RunOptions, runTool, toolFailed } from './run.ts'
import { findTool } from './tools.ts'

/** How long the namespaces may take to come up, and to go. */
const START_MS_MAX = 10_000
const END_MS_MAX = 20_000

/**
 * A build's own mount and PID namespaces. They live as long as a process that waits for the end of its input, which is
 * a pipe of ours: however this process ends, kill -9 included, that one ends too, and as it is the first of its PID
 * namespace the kernel then ends all others in it and undoes all mounts.
 */
export interface Workspace {
  /** Where a path inside can be read and written from outside. */
  outside(path: string): string
  /** Runs a tool inside. Umask is 022, whatever ours is. */
  run(tool: string, args: readonly string[], options?: InsideOptions): Promise<Ran>
  /** The same, for what has to succeed. @returns its output */
  ok(tool: string, args: readonly string[], options?: InsideOptions): Promise<string>
  /** Ends what tools have left running. */
  endAll(): Promise<void>
  /** Ends all that runs inside; returns when nothing of it is left. */
  close(): Promise<void>
}

export interface InsideOptions extends RunOptions {
  /** Without it the tool has a network namespace of its own with nothing in it. */
  readonly network?: boolean
}

/** Sets the umask and becomes the tool; its text is constant, what is run are its arguments. */
const UMASK = ['sh', '-c', 'umask 022 && exec "$@"', 'sh'] as const

/** @throws NOT_ROOT, TOOL_MISSING, TOOL_FAILED */
export async function openWorkspace(signal: AbortSignal): Promise<Workspace> {
  if (process.getuid?.() !== 0) throw new HotblockError('NOT_ROOT', 'making images needs root')
  const [unshare, nsenter] = [await findTool('unshare'), await findTool('nsenter')]
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child=KILL', '--propagation', 'private']
  // The first field of the stat that it prints is its number as /proc of the machine has it.
  const holder = spawn(unshare, [...namespaces, 'cat', '/proc/self/stat', '-'], {
    env: {},
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  holder.stdin.on('error', () => {})
  const ended = new Promise<void>((resolve) => {
    holder.once('close', () => resolve())
    holder.once('error', () => resolve())
  })
  const pid = await holderPid(holder)
  const inside = ['--target', String(pid), '--mount', '--pid', '--'] as const

  const run = async (tool: string, args: readonly string[], options: InsideOptions = {}): Promise<Ran> => {
    const alone = options.network === true ? [] : ['unshare', '--net', '--']
    const command = [...inside, ...UMASK, ...alone, tool, ...args]
    return runTool(nsenter, command, { label: tool, signal, ...options })
  }
  const close = async () => {
    holder.stdin.destroy()
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has gone already.
    }
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, END_MS_MAX).unref())])
  }
  return {
    outside: (path) => join(`/proc/${pid}/root`, path),
    run,
    async ok(tool, args, options = {}) {
      const ran = await run(tool, args, options)
      if (ran.status !== 0) throw toolFailed(options.label ?? tool, ran)
      return ran.stdout
    },
    async endAll() {
      // Minus one is everybody but the first process and the one that asks.
      await runTool(nsenter, [...inside, 'sh', '-c', 'kill -9 -1'], { label: 'kill' }).catch(() => {})
    },
    close,
  }
}

function holderPid(holder: ChildProcess): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  let [text, words] = ['', '']
  const failed = (why: string) => reject(new HotblockError('TOOL_FAILED', `no namespaces could be made: ${why}`))
  const timer = setTimeout(() => {
    holder.kill('SIGKILL')
    failed('it took too long')
  }, START_MS_MAX)
  holder.stdout?.on('data', (piece: Buffer) => {
    text += piece.toString()
    const pid = /^(\d+) /.exec(text)
    if (pid !== null) resolve(Number(pid[1]))
  })
  holder.stderr?.on('data', (piece: Buffer) => {
    words = (words + piece.toString()).slice(-1000)
  })
  holder.once('error', (error) => failed(error.message))
  holder.once('close', () => failed(words.trim() || 'it ended'))
  return promise.finally(() => clearTimeout(timer))
}

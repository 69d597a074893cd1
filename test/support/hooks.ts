/** `hotblock hook` as schedulers run it: a process of its own, with no environment. */
import { type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { failuresOf, type HookFailure } from '../../node/hooks/core/spool.ts'
import { mainProgram } from './program.ts'

/** A hook ends within a second; a machine that tests other things at the same time starts it later. */
export const HOOK_END_MS = 2_500

export interface HookRun {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  readonly ms: number
}

export interface HookOptions extends SpawnOptions {
  /** What standard input has; undefined: it is closed. 'open': it never ends. */
  readonly input?: string | Uint8Array | undefined
  readonly open?: boolean
  /** Sent so many milliseconds after the start. */
  readonly kill?: { readonly signal: NodeJS.Signals; readonly afterMs: number }
}

/** Runs it, and holds what holds of every hook: status 0, in time, at most some lines of plain text. */
export async function hook(args: readonly string[], options: HookOptions = {}): Promise<HookRun> {
  const { input, open = false, kill, ...more } = options
  const startedAt = performance.now()
  const stdin = input === undefined && !open ? 'ignore' : 'pipe'
  const child = spawn(process.execPath, [mainProgram(), 'hook', ...args], {
    env: {},
    stdio: [stdin, 'pipe', 'pipe'],
    ...more,
  })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
    })
  }
  child.stdin?.on('error', () => {})
  if (input !== undefined) {
    if (open) child.stdin?.write(input)
    else child.stdin?.end(input)
  }
  const timer = kill && setTimeout(() => child.kill(kill.signal), kill.afterMs)
  const [status, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  const ms = performance.now() - startedAt
  clearTimeout(timer)
  child.stdin?.destroy()
  const run = { status, signal, ...output, ms }
  assert.equal([status, signal], [0, null], JSON.stringify(run))
  assert.ok(ms < HOOK_END_MS, `it took ${Math.round(ms)} ms`)
  assert.ok(/^[^\p{Cc}]*(\n[^\p{Cc}]*)*$/u.test(run.stderr) && run.stderr.split('\n').length <= 8, run.stderr)
  return run
}

/** What hooks have noted in a spool. */
export async function noted(spool: string): Promise<HookFailure[]> {
  const uid = process.getuid?.() ?? 0
  return failuresOf(await readFile(join(spool, `failures-${uid}.log`), 'utf8').catch(() => ''))
}

/** Runs `use` while something answers at a socket of its own. */
export async function withSocket(
  path: string,
  answer: (socket: Socket) => void,
  use: () => Promise<void>,
): Promise<void> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    answer(socket)
  })
  server.listen(path)
  await once(server, 'listening')
  try {
    await use()
  } finally {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  }
}

/** Real nodes: daemons as processes of their own that talk over TCP. */
import { type ChildProcess, spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { FetchReport } from '../../node/api.ts'
import { type ControlClient, connectControl } from '../../node/control/client.ts'
import { mainProgram, runsSources } from './program.ts'
import { ROOT } from './sources.ts'

const READY_MS = 30_000
/** Daemons find each other's compiled code here: most of what a start from the sources costs is compiling. */
const COMPILED = join(ROOT, 'node_modules', '.cache', 'hotblock-test')

export interface NodeOptions {
  readonly home: string
  /** Multiaddr; default: a free port of 127.0.0.1. */
  readonly listen?: string
  readonly bootstrap?: readonly string[]
  readonly trust?: readonly string[]
  /** Further flags of `hotblock daemon`. */
  readonly flags?: readonly string[]
  /** Words before the command, to run it elsewhere: in a network namespace. They must become it, not start it. */
  readonly through?: readonly string[]
}

export interface RunningNode {
  readonly home: string
  readonly peer: string
  /** Where others reach it, with its peer id. */
  readonly address: string
  readonly pid: number
  readonly api: ControlClient
  /** kill -9, and waits until the process is gone. */
  kill(): Promise<void>
  stop(): Promise<void>
}

/** Starts a daemon and waits until it says that it is ready. Its log goes to HOME.log. */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const { home, listen = '/ip4/127.0.0.1/tcp/0', bootstrap = [], trust = [], flags = [], through = [] } = options
  await mkdir(home, { recursive: true })
  const args = [mainProgram(), 'daemon', '--json', '--home', home, '--listen', listen, '--floor', '100M']
  for (const address of bootstrap) args.push('--bootstrap', address)
  for (const peer of trust) args.push('--trust', peer)
  const log = openSync(`${home}.log`, 'a')
  const env = { ...(runsSources() ? { NODE_COMPILE_CACHE: COMPILED } : {}), ...process.env }
  const [command, ...rest] = [...through, process.execPath, ...args, ...flags]
  const child = spawn(command!, rest, { stdio: ['ignore', 'pipe', log], env })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const line = await firstLine(child, exited).catch(async (error) => {
    child.kill('SIGKILL')
    throw new Error(`${error.message}: ${(await readFile(`${home}.log`, 'utf8')).slice(-2000)}`)
  })
  const { peer, addresses, error } = JSON.parse(line)
  if (error !== undefined) throw new Error(`the daemon said ${error.code}: ${error.message}`)
  const api = connectControl(home)
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    await exited
    await api.close()
  }
  return {
    home,
    peer,
    address: addresses[0]!,
    pid: child.pid!,
    api,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
  }
}

async function firstLine(child: ChildProcess, exited: Promise<void>): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const timer = setTimeout(() => reject(new Error('the daemon did not get ready in time')), READY_MS)
  let text = ''
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')))
  })
  void exited.then(() => reject(new Error('the daemon ended')))
  try {
    return await promise
  } finally {
    clearTimeout(timer)
  }
}

export interface TestMesh {
  readonly builder: RunningNode
  readonly workers: RunningNode[]
  /** One more worker. */
  worker(name: string, flags?: readonly string[]): Promise<RunningNode>
}

/** A builder and workers that trust it, for as long as `use` runs. */
export async function withMesh<T>(directory: string, workers: number, use: (mesh: TestMesh) => Promise<T>): Promise<T> {
  const nodes: RunningNode[] = []
  try {
    const builder = await startNode({ home: join(directory, 'b') })
    nodes.push(builder)
    const worker = async (name: string, flags: readonly string[] = []): Promise<RunningNode> => {
      const init = { bootstrap: [builder.address], trust: [builder.peer], flags }
      const node = await startNode({ home: join(directory, name), ...init })
      nodes.push(node)
      return node
    }
    const names = Array.from({ length: workers }, (_, i) => `w${i + 1}`)
    return await use({ builder, workers: await Promise.all(names.map((name) => worker(name))), worker })
  } finally {
    await Promise.all(nodes.map((node) => node.stop()))
  }
}

export function fetchOn(node: RunningNode, name: string, output?: string): Promise<FetchReport> {
  return node.api.fetch(name, { output }, () => {}, AbortSignal.timeout(100_000))
}

export function publishOn(node: RunningNode, file: string, name: string, cut = 'auto') {
  return node.api.publish(file, name, { cut }, () => {})
}

import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Check } from '../rows.ts'
import { firstLineOf, haveAll, program } from '../tools/programs.ts'
import { costOf, type Sample } from '../tree.ts'
import { type Bench, compare, type Tool, type Work } from './work.ts'

const PEER = join(import.meta.dirname, '..', 'tools', 'transport-peer.ts')
const MIB = 1024 * 1024
/** What is asked for on a machine where node:tls reaches the other figure. */
const [WANTED_MB, TLS_MB] = [800, 1900]

export const transport: Work = {
  name: 'transport',
  what: 'blocks from daemon to daemon, encrypted, neither compressed nor hashed',
  async run(bench) {
    const bytes = (bench.quick ? 256 : 1024) * MIB
    const tls = await tlsTool(bench, bytes)
    const rows = await compare('transport', [libp2pTool(bytes), ...tls], bench)
    const speeds = rows.map(({ runs }) => runs.map(({ wall }) => bytes / 1e6 / wall))
    const checks: Check[] = [
      { what: 'transport: hotblock', values: speeds[0]!, unit: 'MB/s', limit: WANTED_MB, bound: 'least' },
    ]
    if (speeds[1] !== undefined) {
      const ratio = speeds[0]!.map((speed, i) => speed / speeds[1]![i]!)
      const what = 'transport: speed of hotblock over node:tls'
      checks.push({ what, values: ratio, unit: '×', limit: WANTED_MB / TLS_MB, bound: 'least' })
    }
    return { rows, checks }
  },
}

function libp2pTool(bytes: number): Tool {
  return {
    name: 'hotblock',
    programs: [],
    open: (use) => withPeer(['serve'], (pid, address) => use(() => fetchOnce(pid, ['fetch', address], bytes))),
  }
}

async function tlsTool({ directory, say }: Bench, bytes: number): Promise<Tool[]> {
  if (!haveAll(['openssl'], say)) return []
  const [key, certificate] = [join(directory, 'key'), join(directory, 'certificate')]
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc', '-subj', '/CN=bench']
  await program('openssl', ['req', ...kind, '-keyout', key, '-out', certificate])
  const open: Tool['open'] = (use) =>
    withPeer(['serve-tls', key, certificate], (pid, port) => use(() => fetchOnce(pid, ['fetch-tls', port], bytes)))
  return [{ name: 'node:tls', programs: [], open }]
}

async function withPeer<T>(args: readonly string[], use: (pid: number, address: string) => Promise<T>): Promise<T> {
  const child: ChildProcess = spawn(process.execPath, [PEER, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  try {
    return await use(child.pid!, await firstLineOf(child))
  } finally {
    child.kill()
    await ended
  }
}

/** The time is that of the transfer alone; the processor's has the start of the receiving process in it. */
async function fetchOnce(server: number, args: readonly string[], bytes: number): Promise<Sample> {
  const { result, sample } = await costOf([server], () => program(process.execPath, [PEER, ...args, String(bytes)]))
  return { ...sample, wall: Number(result) }
}

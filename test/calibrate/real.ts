/** The scenario with real daemons, each in a network namespace of its own. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cpuSeconds } from '../bench/measure.ts'
import { fetchOn, publishOn, type RunningNode, startNode } from '../support/nodes.ts'
import { withDirectory } from '../support/temporary.ts'
import { type Figures, figuresOf } from './figures.ts'
import type { Links } from './links.ts'
import { type Plan, rackOf } from './options.ts'

const NAME = 'image'
const PORT = 7411
const KNOWN_MS = 20_000
const LOOK_MS = 100
/** For connections, look-ups and record pushes of the start to be over. */
const SETTLE_MS = 3_000
/**
 * Whatever else the machine does, daemons that wait for a processor would answer later than their links have them. Linux
 * gives each session a share of its own and counts niceness within it, so each daemon gets a session.
 */
const NICE = '-10'
const FIRST = ['setsid', 'nice', '-n', NICE]

export interface RealRun {
  readonly figures: Figures
  /** When each worker had the image, seconds. */
  readonly doneSeconds: readonly number[]
  /** Processors that the daemons kept busy on average. */
  readonly processors: number
  /** The largest share of the time in which a daemon's main thread was ready to run and had no processor. */
  readonly waited: number
  /** Bytes on the workers' links, headers included, for one that the daemons received for the fetch. */
  readonly overhead: number
}

/** @param blockBytes bytes of the image's distinct blocks */
export async function playReal(plan: Plan, links: Links, image: string, blockBytes: number): Promise<RealRun> {
  const nodes: RunningNode[] = []
  const start = async (directory: string, host: number): Promise<RunningNode> => {
    const [builder] = nodes
    const known = builder === undefined ? {} : { bootstrap: [builder.address], trust: [builder.peer] }
    const node = await startNode({
      home: join(directory, `${host}`),
      listen: `/ip4/${links.address(host)}/tcp/${PORT}`,
      through: [...links.through(host), ...FIRST],
      flags: plan.racks > 1 ? ['--rack', `rack${rackOf(plan, host)}`] : [],
      ...known,
    })
    nodes[host] = node
    // Where sessions have no shares, niceness alone does it.
    await writeFile(`/proc/${node.pid}/autogroup`, NICE).catch(() => {})
    return node
  }
  return await withDirectory(async (directory) => {
    try {
      const builder = await start(directory, 0)
      // One after the other: starting is work for the processor, and many at once would make some of them late.
      for (let host = 1; host <= plan.nodes; host++) await start(directory, host)
      const workers = nodes.slice(1)
      await publishOn(builder, image, NAME, `fixed:${plan.blockBytes}`)
      await Promise.all(workers.map(knowsTheName))
      await pause(SETTLE_MS)
      return await measured(plan, links, nodes, blockBytes)
    } finally {
      await Promise.all(nodes.map((node) => node.stop()))
    }
  })
}

async function measured(plan: Plan, links: Links, nodes: readonly RunningNode[], blockBytes: number): Promise<RealRun> {
  const [builder, ...workers] = nodes
  const hostOf = new Map(nodes.map(({ peer }, host) => [peer, host]))
  const cpu = async (): Promise<number> => {
    const seconds = await Promise.all(nodes.map(({ pid }) => cpuSeconds(pid)))
    return seconds.reduce((sum, part) => sum + part, 0)
  }
  const linkBytes = (): number => workers.reduce((sum, _, i) => sum + links.receivedBytes(i + 1), 0)
  const cpuBefore = await cpu()
  const waitsBefore = await Promise.all(nodes.map(waitSeconds))
  const bytesBefore = linkBytes()
  const startedAt = performance.now()
  const doneSeconds: number[] = []
  const reports = await Promise.all(
    workers.map(async (worker, i) => {
      const report = await fetchOn(worker, NAME)
      doneSeconds[i] = (performance.now() - startedAt) / 1000
      return report
    }),
  )
  const seconds = (performance.now() - startedAt) / 1000
  const processors = ((await cpu()) - cpuBefore) / seconds
  const waits = await Promise.all(nodes.map(waitSeconds))
  const waited = Math.max(...waits.map((wait, i) => wait - waitsBefore[i]!)) / seconds
  const onLinks = linkBytes() - bytesBefore
  const bytes = { builder: 0, sameRack: 0, otherRack: 0 }
  reports.forEach(({ peers }, i) => {
    for (const { peer, bytes: received } of peers) {
      const host = hostOf.get(peer)!
      const near = rackOf(plan, host) === rackOf(plan, i + 1)
      bytes[host === 0 ? 'builder' : near ? 'sameRack' : 'otherRack'] += received
    }
  })
  const { served } = await builder!.api.status()
  const wireBytes = reports.reduce((sum, report) => sum + report.wireBytes, 0)
  const figures = figuresOf(doneSeconds, bytes, served.bytes / blockBytes)
  return { figures, doneSeconds, processors, waited, overhead: onLinks / wireBytes }
}

/** How long the daemon's main thread has waited for a processor so far. */
async function waitSeconds({ pid }: RunningNode): Promise<number> {
  const [, waitNs] = (await readFile(`/proc/${pid}/schedstat`, 'utf8')).split(' ')
  return Number(waitNs) / 1e9
}

async function knowsTheName({ api }: RunningNode): Promise<void> {
  const until = performance.now() + KNOWN_MS
  while (!(await api.images({ mesh: true })).some(({ name }) => name === NAME)) {
    if (performance.now() > until) throw new Error('a worker has not heard of the image in time')
    await pause(LOOK_MS)
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

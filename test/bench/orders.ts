/** A hook that tells of a job with many nodes: how soon it is let go, and until when all of them were told. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { hook } from '../support/hooks.ts'
import { startNode } from '../support/nodes.ts'
import { ROOT } from '../support/sources.ts'
import { withDirectory } from '../support/temporary.ts'
import { measure } from './measure.ts'

export interface OrdersResult {
  readonly hosts: number
  /** Of these nothing listens. */
  readonly dead: number
  readonly hookSeconds: number
  /** From the hook's start until the last host was told or given up. */
  readonly toldSeconds: number
  /** The same again, a moment later, when the connections are there. */
  readonly againSeconds: number
  /** Processor time of the scheduler's node for telling all of them once. */
  readonly cpuSeconds: number
  readonly taken: number
}

const CHILD = join(ROOT, 'test', 'support', 'order-hosts-child.ts')
/** Hosts of one process. */
const TOGETHER = 250
/** Every so manieth host is dead: connections to its port are refused, as by a node whose daemon does not run. */
const DEAD_EVERY = 50
/** A port of this machine where nothing listens. */
const NOBODY = 9
const TOLD_MS = 120_000

export function benchOrders(hosts: number, say: (text: string) => void): Promise<OrdersResult> {
  return withDirectory(async (directory) => {
    const places = join(directory, 'nodes')
    await writeFile(places, '')
    const node = await startNode({ home: join(directory, 'h'), flags: ['--nodes-file', places] })
    const children: ChildProcess[] = []
    try {
      const ports: string[] = []
      for (let begun = 0; begun < hosts; begun += TOGETHER) {
        say(`${begun} of ${hosts} hosts listen`)
        const args = [CHILD, node.peer, String(Math.min(TOGETHER, hosts - begun))]
        const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
        children.push(child)
        const [line] = (await once(createInterface(child.stdout!), 'line')) as [string]
        ports.push(...(JSON.parse(line) as string[]))
      }
      const portOf = (i: number): string => (i % DEAD_EVERY === 0 ? String(NOBODY) : ports[i]!)
      await writeFile(places, ports.map((_, i) => `n${i + 1} 127.0.0.1:${portOf(i)}\n`).join(''))
      say('they are told')
      const args = ['allocate', '--scheduler', 'slurm', '--home', node.home, '--on', `n[1-${hosts}]`, '--image']
      const tell = async (image: string): Promise<{ hookSeconds: number; toldSeconds: number }> => {
        const startedAt = performance.now()
        await hook([...args, image])
        const hookSeconds = (performance.now() - startedAt) / 1000
        // Asking costs the node something too.
        for (const end = startedAt + TOLD_MS; ; await sleep(250)) {
          if ((await node.api.status()).hooks.sent.pending === 0) break
          if (performance.now() > end) throw new Error('not all hosts were told in time')
        }
        return { hookSeconds, toldSeconds: (performance.now() - startedAt) / 1000 }
      }
      const { result, cost } = await measure([node.pid], () => tell('one'))
      const { taken } = (await node.api.status()).hooks.sent
      const again = await tell('two')
      const dead = Math.ceil(hosts / DEAD_EVERY)
      return { hosts, dead, ...result, againSeconds: again.toldSeconds, cpuSeconds: cost.cpuSeconds, taken }
    } finally {
      for (const child of children) child.kill()
      await node.stop()
    }
  })
}

/** A builder that is the scheduler's node too, and workers that obey it. */
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { publishOn, type RunningNode, startNode } from './nodes.ts'
import { withDirectory } from './temporary.ts'

export const MIB = 1024 * 1024

export interface Site {
  readonly directory: string
  /** The builder, and the scheduler's node. */
  readonly head: RunningNode
  readonly workers: RunningNode[]
  image(name: string, bytes: number): Promise<void>
}

/** Workers are n1, n2, … in the file of nodes. */
export function withSite(
  workers: number,
  use: (site: Site) => Promise<void>,
  flags: readonly string[] = [],
): Promise<void> {
  return withDirectory(async (directory) => {
    const nodes: RunningNode[] = []
    const nodesFile = join(directory, 'nodes')
    await writeFile(nodesFile, '')
    try {
      const sockets = ['--hook-socket', join(directory, 'hook.sock')]
      const head = await startNode({ home: join(directory, 'h'), flags: ['--nodes-file', nodesFile, ...sockets] })
      nodes.push(head)
      const obey = ['--scheduler-peer', head.peer, ...flags]
      const worker = (i: number): Promise<RunningNode> => {
        const more = ['--job-socket', join(directory, `job${i + 1}.sock`)]
        const init = { bootstrap: [head.address], trust: [head.peer], flags: [...obey, ...more] }
        return startNode({ home: join(directory, `w${i + 1}`), ...init })
      }
      const started = await Promise.all(Array.from({ length: workers }, (_, i) => worker(i)))
      nodes.push(...started)
      await writeFile(nodesFile, started.map((node, i) => `n${i + 1} 127.0.0.1:${portOf(node)}\n`).join(''))
      const image = async (name: string, bytes: number): Promise<void> => {
        const file = join(directory, `${name}.img`)
        await writeFile(file, randomBytes(bytes))
        await publishOn(head, file, name)
      }
      await use({ directory, head, workers: started, image })
    } finally {
      await Promise.all(nodes.map((node) => node.stop()))
    }
  })
}

export function portOf({ address }: RunningNode): string {
  return /\/tcp\/(\d+)\//.exec(address)![1]!
}

export async function has(node: RunningNode, name: string): Promise<boolean> {
  return (await node.api.held()).names.includes(name)
}

export async function metric(node: RunningNode, name: string): Promise<number> {
  const line = (await node.api.metrics()).split('\n').find((each) => each.startsWith(`${name} `))
  return Number(line?.slice(name.length + 1))
}

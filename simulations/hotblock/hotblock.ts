/** hotblock as a strategy: every node runs the daemon's decisions. */

import { IN_FLIGHT_BYTES_MAX, REQUEST_BYTES_MAX } from '../../node/decisions/fetch/limits.ts'
import { FRAMES_ACTIVE_MAX, FRAMES_MAKING_MAX, QUEUE_MAX } from '../../node/decisions/serve.ts'
import { TABLE_PARTS_MAX } from '../../protocols/blocks/constants.ts'
import type { Process, Run, Strategy } from '../run.ts'
import { VirtualNode } from './node.ts'
import { Registry } from './registry.ts'
import { FIND_MS, hooksOf, type World } from './world.ts'

/** Bytes of the table per block, and per piece in its root; measured on real images. */
const TABLE_ENTRY_BYTES = 36
const TABLE_SEGMENT_BYTES = 48
/** A broken connection that nobody closed is noticed after this. */
const NOTICE_MS = 10_000

export interface HotblockOptions {
  readonly name: string
  /** Blocks that nodes have in other images are fetched all the same. */
  readonly whole: boolean
}

export function hotblock({ name, whole }: HotblockOptions): Strategy {
  return { name, begin: (run) => begin(run, whole) }
}

function begin(run: Run, whole: boolean): Process {
  const { image, hosts, grain } = run.cluster
  const nodes: VirtualNode[] = []
  const byName = new Map<string, VirtualNode>()
  const world: World = {
    run,
    nodes,
    byName,
    registry: new Registry(run.clock, run.random(-1), FIND_MS),
    whole,
    hooks: whole ? [] : hooksOf(image.lengths, grain),
    tableBytes: (image.lengths.length * TABLE_ENTRY_BYTES + image.segmentCount * TABLE_SEGMENT_BYTES) / grain,
    tableRequests: Math.max(1, Math.ceil(image.segmentCount / TABLE_PARTS_MAX)),
  }
  for (const host of hosts) {
    const node = new VirtualNode(world, host, run.random(host.index))
    nodes.push(node)
    byName.set(host.name, node)
    if (host.hot !== undefined) world.registry.hookHolders.add(node, host.hot)
  }
  return {
    joined: (host) => nodes[host]!.join(),
    left(host, silently) {
      const node = nodes[host]!
      node.end(silently)
      if (!silently) return
      run.clock.after(NOTICE_MS, () => {
        for (const other of nodes) {
          other.server.left(node)
          other.fetcher?.lost(node)
        }
      })
    },
    inspect: () => inspect(run, nodes),
  }
}

/** Limits that the daemon's decisions promise to keep. */
function inspect({ ledger }: Run, nodes: readonly VirtualNode[]): void {
  for (const { server, fetcher, name } of nodes) {
    if (server.queued > QUEUE_MAX) ledger.violation(`${name} keeps ${server.queued} requests waiting`)
    if (server.active > FRAMES_ACTIVE_MAX) ledger.violation(`${name} has ${server.active} frames under way`)
    if (server.making > FRAMES_MAKING_MAX) ledger.violation(`${name} makes ${server.making} frames at a time`)
    if (fetcher !== undefined && fetcher.inFlightBytes > IN_FLIGHT_BYTES_MAX + REQUEST_BYTES_MAX) {
      ledger.violation(`${name} has asked for ${fetcher.inFlightBytes} bytes at a time`)
    }
  }
}

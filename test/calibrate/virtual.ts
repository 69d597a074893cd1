/** The same scenario with the simulator. */
import { distinctBlocks } from '../../node/fetch/items.ts'
import type { Table } from '../../protocols/table/table.ts'
import type { Cluster, Host, SimImage } from '../../simulations/cluster.ts'
import { hotblock } from '../../simulations/hotblock/hotblock.ts'
import { play } from '../../simulations/run.ts'
import { type Figures, figuresOf } from './figures.ts'
import { type Plan, rackOf, uplinkBytes } from './options.ts'

/**
 * Of a link's bytes those that are blocks. Ethernet, IP and TCP take 66 of 1,514, acknowledgements of what goes the other way
 * half as much again, Noise and yamux some, requests and news of what is held the rest; measured.
 */
export const PAYLOAD_SHARE = 0.93
/** One way between two namespaces of one machine. */
const LATENCY_MS = 0.1
const UNTIL_MS = 3_600_000

/** The image as the simulator has it, from its real table. */
export function simImage(table: Table): SimImage {
  const { lengths, pieces, pieceCount } = distinctBlocks(table)
  const blockBytes = lengths.reduce((sum, length) => sum + length, 0)
  const segmentCount = table.segments.length
  return { lengths, pieces, pieceCount, segmentCount, fileBytes: table.imageBytes, blockBytes, wireRatio: 1 }
}

export function playVirtual(plan: Plan, image: SimImage, seed: number): { figures: Figures; doneSeconds: number[] } {
  const { racks, nodes } = plan
  const rate = plan.linkBytes * PAYLOAD_SHARE
  const uplink = racks > 1 ? uplinkBytes(plan) * PAYLOAD_SHARE : Number.POSITIVE_INFINITY
  const hosts = Array.from({ length: nodes + 1 }, (_, index): Host => {
    const builder = index === 0
    const link = { upBytes: rate, downBytes: rate }
    const what = { builder, complete: builder, wants: !builder, hot: undefined, joinsAtMs: 0 }
    return { index, name: `node${index}`, rack: rackOf(plan, index), ...link, ...what }
  })
  const cluster: Cluster = {
    image,
    hosts,
    racks: Array.from({ length: racks }, (_, i) => ({ name: `rack${i}`, upBytes: uplink, downBytes: uplink })),
    rackLatencyMs: LATENCY_MS,
    latencyMs: LATENCY_MS,
    racksKnown: racks > 1,
    partitions: [],
    rateChanges: [],
    grain: 1,
    untilMs: UNTIL_MS,
  }
  const result = play(cluster, hotblock({ name: 'hotblock', whole: false }), seed)
  if (result.violations.length > 0) throw new Error(`seed ${seed}: ${result.violations.join('; ')}`)
  const doneSeconds = result.hosts.slice(1).map(({ completedAtMs }) => (completedAtMs ?? UNTIL_MS) / 1000)
  const copies = result.hosts[0]!.sentBytes / image.blockBytes
  return { figures: figuresOf(doneSeconds, result.total, copies), doneSeconds }
}

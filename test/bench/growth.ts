/** How what hotblock takes grows: with the size of an image, with the nodes that fetch it, with the images on a node. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { formatBytes, formatCount, formatSeconds, type Style, table } from '../../node/cli/format.ts'
import { type fetchOn, publishOn, type RunningNode } from '../support/nodes.ts'
import { withDirectory } from '../support/temporary.ts'
import { type Cost, measure } from './measure.ts'
import { benchScale, type ScaleResult } from './scale.ts'
import { SYNTHETIC_CUT, writeImage } from './synthetic.ts'
import { copiesFromBuilder, lengthened, withHotblock } from './tools/hotblock.ts'
import { settle } from './tools/programs.ts'

const GIB = 1024 ** 3
const SIZES = [0.5 * GIB, 2 * GIB, 8 * GIB]
const NODES = [1, 2, 4, 8]
const IMAGES = [1, 5, 20]
/** Of each of these images: as many as an image of 2 GiB has if it is cut at files, and then some. */
const IMAGE_BLOCKS = 75_000
const FETCH_MS = 900_000

interface BySize {
  readonly bytes: number
  /** Cut, hashed and written into the store. */
  readonly publish: Cost
  /** By a node that has nothing; processor time of both nodes. */
  readonly cold: Cost
  /** Of an image all of whose blocks are on the node. */
  readonly local: Cost
}

interface ByNodes {
  readonly nodes: number
  /** All at once; processor time of all nodes together. */
  readonly cold: Cost
  readonly builderCopies: number
}

export interface Growth {
  readonly bySize: readonly BySize[]
  readonly byNodes: readonly ByNodes[]
  readonly byImages: readonly ScaleResult[]
}

/** @param image a real one, which nodes fetch */
export async function benchGrowth(image: string, say: (text: string) => void): Promise<Growth> {
  const bySize: BySize[] = []
  for (const bytes of SIZES) {
    say(`an image of ${formatBytes(bytes)}`)
    bySize.push(await withSize(bytes))
  }
  const byNodes: ByNodes[] = []
  for (const nodes of NODES) {
    say(`${nodes} at once`)
    byNodes.push(await withNodes(image, nodes))
  }
  const byImages: ScaleResult[] = []
  for (const images of IMAGES) byImages.push(await benchScale(image, images, images * IMAGE_BLOCKS, say))
  return { bySize, byNodes, byImages }
}

function withSize(bytes: number): Promise<BySize> {
  return withDirectory(async (directory) => {
    const file = join(directory, 'image')
    await writeImage(file, bytes)
    return withHotblock(directory, 1, async ({ builder, workers, publish }) => {
      const worker = workers[0]!
      await settle()
      const published = await measure([builder.pid], () => publishOn(builder, file, 'image', SYNTHETIC_CUT))
      // Again, which does nothing but wait until it is packed.
      await publish(file, 'image')
      await settle()
      const cold = await measure([builder.pid, worker.pid], () => fetch(worker, 'image'))
      const longer = await lengthened(directory, file, bytes + GIB / 1024)
      await publishOn(builder, longer, 'longer', SYNTHETIC_CUT)
      await rm(longer)
      await settle()
      const local = await measure([worker.pid], () => fetch(worker, 'longer'))
      return { bytes, publish: published.cost, cold: cold.cost, local: local.cost }
    })
  })
}

function withNodes(image: string, nodes: number): Promise<ByNodes> {
  return withDirectory((directory) =>
    withHotblock(directory, nodes, async ({ builder, workers, publish }) => {
      await publish(image, 'image')
      await settle()
      const pids = [builder, ...workers].map(({ pid }) => pid)
      const { result, cost } = await measure(pids, () => Promise.all(workers.map((worker) => fetch(worker, 'image'))))
      return { nodes, cold: cost, builderCopies: copiesFromBuilder(result) }
    }),
  )
}

function fetch(node: RunningNode, name: string): ReturnType<typeof fetchOn> {
  return node.api.fetch(name, {}, () => {}, AbortSignal.timeout(FETCH_MS))
}

export function printGrowth({ bySize, byNodes, byImages }: Growth, style: Style): string {
  const right = (head: string) => ({ head, right: true })
  const perGib = ({ seconds }: Cost, bytes: number): string =>
    `${formatSeconds(seconds)} (${formatSeconds((seconds * GIB) / bytes)})`
  const sizes = bySize.map(({ bytes, publish, cold, local }) => [
    formatBytes(bytes),
    perGib(publish, bytes),
    perGib(cold, bytes),
    formatSeconds(cold.cpuSeconds),
    formatBytes(cold.rssBytes),
    perGib(local, bytes),
  ])
  const nodes = byNodes.map(({ nodes, cold, builderCopies }) => [
    formatCount(nodes),
    formatSeconds(cold.seconds),
    formatSeconds(cold.cpuSeconds / nodes),
    formatBytes(cold.rssBytes),
    builderCopies.toFixed(2),
  ])
  const images = byImages.map((result) => [
    formatCount(result.images),
    formatCount(result.blocks),
    formatSeconds(result.startSeconds),
    formatBytes(result.idleRssBytes),
    formatSeconds(result.fetchSeconds),
    formatBytes(result.fetchRssBytes),
  ])
  return [
    'With the size of an image, 35 % of it in use; in brackets for each GiB',
    table(
      [right('image'), ...['publish', 'cold fetch', 'processor of both', 'most memory', 'local fetch'].map(right)],
      sizes,
      style,
    ),
    'With the nodes that fetch an image at once, all on this machine',
    table(
      [right('nodes'), ...['time', 'processor a node', 'most memory', "builder's copies"].map(right)],
      nodes,
      style,
    ),
    'With the images that are on a node, when it fetches one more',
    table(
      [right('images'), ...['blocks', 'start', 'memory after it', 'fetch', 'most memory'].map(right)],
      images,
      style,
    ),
  ].join('\n\n')
}

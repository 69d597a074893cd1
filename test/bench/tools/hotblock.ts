import { rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { FetchReport } from '../../../node/api.ts'
import { publishOn, type RunningNode, type TestMesh, withMesh } from '../../support/nodes.ts'
import { costOf, type Sample } from '../tree.ts'
import { checkSame, program, settle } from './programs.ts'

/** A machine with other work may take long; a fetch that hangs is to end. */
const FETCH_MS = 400_000
/** How often is looked whether the builder has packed an image. */
const PACKED_MS = 100

export interface HotblockSample extends Sample {
  readonly reports: readonly FetchReport[]
}

export interface HotblockMesh extends TestMesh {
  /** Publishes a file on the builder, under a name. */
  publish(file: string, name: string): Promise<void>
  /** A fetch by these workers at the same time; each copy is compared with the file, and removed. */
  once(workers: readonly RunningNode[], name: string, file: string): Promise<HotblockSample>
}

/** With its frames packed ahead, as others' tools get files that are compressed already. */
async function publishPacked(builder: RunningNode, file: string, name: string): Promise<void> {
  await publishOn(builder, file, name)
  while ((await builder.api.status()).frames.packing > 0) await setTimeout(PACKED_MS)
}

/** Daemons, each a process, over Noise. */
export function withHotblock<T>(
  directory: string,
  workers: number,
  use: (mesh: HotblockMesh) => Promise<T>,
): Promise<T> {
  return withMesh(directory, workers, (mesh) => {
    return use({
      ...mesh,
      publish: (file, name) => publishPacked(mesh.builder, file, name),
      once: (fetching, name, file) => fetchOnce(mesh.builder, fetching, name, file),
    })
  })
}

async function fetchOnce(
  builder: RunningNode,
  workers: readonly RunningNode[],
  name: string,
  file: string,
): Promise<HotblockSample> {
  await settle()
  const pids = [builder, ...workers].map(({ pid }) => pid)
  const { result, sample } = await costOf(pids, () =>
    Promise.all(workers.map(({ api }) => api.fetch(name, {}, () => {}, AbortSignal.timeout(FETCH_MS)))),
  )
  for (const { path } of result) await checkSame(path, file)
  await Promise.all(workers.map((worker) => worker.api.remove(name)))
  const wire = result.reduce((sum, { wireBytes }) => sum + wireBytes, 0) / result.length
  return { ...sample, wire, reports: result }
}

/** Bytes that the builder sent for a fetch of several workers, over what one of them needed. */
export function copiesFromBuilder(reports: readonly FetchReport[]): number {
  const sent = reports.flatMap(({ peers }) => peers).filter(({ role }) => role === 'builder')
  const once = reports.reduce((sum, { wireBytes }) => sum + wireBytes, 0) / reports.length
  return sent.reduce((sum, { bytes }) => sum + bytes, 0) / once
}

/** The same image with so many zeros more at its end: other identity, no new blocks. */
export async function lengthened(directory: string, file: string, bytes: number): Promise<string> {
  const longer = join(directory, 'longer.img')
  await rm(longer, { force: true })
  await program('cp', ['--sparse=always', file, longer])
  await truncate(longer, bytes)
  return longer
}

/** hash, publish, delta fetch and cold fetch of a pair of images, with one builder and one worker on this machine. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fetchOn, publishOn, startNode, withMesh } from '../support/nodes.ts'
import { mainProgram } from '../support/program.ts'
import { withDirectory } from '../support/temporary.ts'
import { type Cost, cpuSeconds, measure, median, peakBytes } from './measure.ts'

export interface TransferRow {
  readonly what: string
  readonly seconds: number
  readonly cpuSeconds: number
  readonly rssBytes: number
  /** Received by the worker; 0 where nothing is transferred. */
  readonly wireBytes: number
}

/** @param first on the worker already @param second wanted @returns medians over the runs */
export async function benchTransfer(first: string, second: string, runs: number): Promise<TransferRow[]> {
  const rows: TransferRow[][] = []
  for (let i = 0; i < runs; i++) rows.push(await withDirectory((directory) => once(directory, first, second)))
  return rows[0]!.map(({ what }, at) => {
    const of = (field: (row: TransferRow) => number): number => median(rows.map((run) => field(run[at]!)))
    return {
      what,
      seconds: of((row) => row.seconds),
      cpuSeconds: of((row) => row.cpuSeconds),
      rssBytes: of((row) => row.rssBytes),
      wireBytes: of((row) => row.wireBytes),
    }
  })
}

async function once(directory: string, first: string, second: string): Promise<TransferRow[]> {
  const rows: TransferRow[] = [{ what: 'hash', ...(await hashCost(second)), wireBytes: 0 }]
  await withMesh(directory, 1, async ({ builder, workers: [worker] }) => {
    await publishOn(builder, first, 'first')
    const published = await measure([builder.pid], () => publishOn(builder, second, 'second'))
    rows.push({ what: 'publish', ...published.cost, wireBytes: 0 })
    await fetchOn(worker!, 'first')
    const delta = await measure([worker!.pid], () => fetchOn(worker!, 'second'))
    rows.push({ what: 'delta fetch', ...delta.cost, wireBytes: delta.result.wireBytes })
    await worker!.stop()
    const init = { bootstrap: [builder.address], trust: [builder.peer] }
    const empty = await startNode({ home: join(directory, 'empty'), ...init })
    try {
      const cold = await measure([empty.pid], () => fetchOn(empty, 'second'))
      rows.push({ what: 'cold fetch', ...cold.cost, wireBytes: cold.result.wireBytes })
    } finally {
      await empty.stop()
    }
  })
  return rows
}

/** The cost of a process that ends by itself: seen last a moment before its end. */
async function hashCost(file: string): Promise<Cost> {
  const startedAt = performance.now()
  const child = spawn(process.execPath, [mainProgram(), 'hash', file], { stdio: 'ignore' })
  const last = { cpuSeconds: 0, rssBytes: 0 }
  const look = async (): Promise<void> => {
    try {
      last.cpuSeconds = await cpuSeconds(child.pid!)
      last.rssBytes = (await peakBytes(child.pid!)) || last.rssBytes
    } catch {
      // It has ended.
    }
  }
  const timer = setInterval(look, 20)
  const status = await new Promise((resolve) => child.once('exit', resolve))
  clearInterval(timer)
  if (status !== 0) throw new Error(`hotblock hash ${file} ended with status ${status}`)
  return { seconds: (performance.now() - startedAt) / 1000, ...last }
}

/** A mesh of idle daemons on this machine, and what each of them costs over a while. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type TestMesh, withMesh } from '../../support/nodes.ts'
import { cpuSeconds } from '../measure.ts'
import type { Bench } from './work.ts'

/** Until routing tables are filled and nobody looks for peers any more. */
const SETTLE_MS = 40_000
const QUICK_SETTLE_MS = 8_000

/** @param use gets the mesh when it has come to rest; the builder is one of the nodes */
export function withRestingMesh<T>(nodes: number, bench: Bench, use: (mesh: TestMesh) => Promise<T>): Promise<T> {
  return withMesh(bench.directory, 0, async (mesh) => {
    // Not all at once: on few cores they would time out waiting for each other.
    for (let i = 1; i < nodes; i++) mesh.workers.push(await mesh.worker(`w${i}`))
    bench.say(`${nodes} daemons run; waiting until they rest`)
    await sleep(bench.quick ? QUICK_SETTLE_MS : SETTLE_MS)
    return use(mesh)
  })
}

/** Processor time that each of these takes while `work` goes on, seconds. */
export async function cpuOfEach(pids: readonly number[], work: () => Promise<unknown>): Promise<number[]> {
  const before = await Promise.all(pids.map(cpuSeconds))
  await work()
  const after = await Promise.all(pids.map(cpuSeconds))
  return after.map((seconds, i) => seconds - before[i]!)
}

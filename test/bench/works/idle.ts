import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Check } from '../rows.ts'
import { cpuOfEach, withRestingMesh } from './mesh.ts'
import type { Work } from './work.ts'

const [NODES, QUICK_NODES] = [20, 6]
const [WINDOW_SECONDS, QUICK_WINDOW_SECONDS] = [60, 10]
const CPU_PERCENT_MOST = 1
const MEMORY_MB_MOST = 120

export const idle: Work = {
  name: 'idle',
  what: `a mesh of ${NODES} daemons in which nothing goes on`,
  async run(bench) {
    const [nodes, window] = bench.quick ? [QUICK_NODES, QUICK_WINDOW_SECONDS] : [NODES, WINDOW_SECONDS]
    return withRestingMesh(nodes, bench, async ({ builder, workers }) => {
      const pids = [builder, ...workers].map(({ pid }) => pid)
      const used = await cpuOfEach(pids, () => sleep(window * 1000))
      const checks: Check[] = [
        {
          what: `idle: processor of each of ${nodes} daemons, of a core`,
          values: used.map((seconds) => (100 * seconds) / window),
          unit: '%',
          limit: CPU_PERCENT_MOST,
          bound: 'most',
        },
        {
          what: `idle: resident memory of each of ${nodes} daemons`,
          values: (await Promise.all(pids.map(residentBytes))).map((bytes) => bytes / 1e6),
          unit: 'MB',
          limit: MEMORY_MB_MOST,
          bound: 'most',
        },
      ]
      return { rows: [], checks }
    })
  },
}

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}

import { type Check, ratioCheck, type WorkResult } from '../rows.ts'
import { withAria2 } from '../tools/aria2.ts'
import { copiesFromBuilder, withHotblock } from '../tools/hotblock.ts'
import { withRsync } from '../tools/rsync.ts'
import { type Bench, compare, type Tool, type Work } from './work.ts'

const ARIA2 = 'aria2 of .zst, unpacked'
const TIME_MOST = 0.8
const COPIES_MOST = 1.3

export const cold: Work = {
  name: 'cold',
  what: 'fetch by a node that has nothing',
  run: (bench) => coldFetch('cold 1→1', 1, [rsync(bench)], bench),
}

export const swarm: Work = {
  name: 'swarm',
  what: 'fetch by 4 and by 8 nodes at once that have nothing',
  async run(bench) {
    const results = [await coldFetch('cold 1→4', 4, [], bench)]
    if (!bench.quick) results.push(await coldFetch('cold 1→8', 8, [], bench))
    return { rows: results.flatMap(({ rows }) => rows), checks: results.flatMap(({ checks }) => checks) }
  },
}

async function coldFetch(work: string, nodes: number, others: readonly Tool[], bench: Bench): Promise<WorkResult> {
  const { directory, second } = bench
  const copies: number[] = []
  const hotblock: Tool = {
    name: 'hotblock',
    programs: [],
    open: (use) =>
      withHotblock(directory, nodes, async ({ publish, workers, once }) => {
        await publish(second, 'second')
        return use(async () => {
          const { reports, ...sample } = await once(workers, 'second', second)
          copies.push(copiesFromBuilder(reports))
          return sample
        })
      }),
  }
  const aria2: Tool = {
    name: ARIA2,
    programs: ['aria2c', 'zstd'],
    open: (use) => withAria2(directory, second, (once) => use(() => once(nodes))),
  }
  const rows = await compare(work, [hotblock, aria2, ...others], bench)
  const sent: Check = {
    what: `${work}: copies that the builder sends`,
    values: copies,
    unit: '',
    limit: COPIES_MOST,
    bound: 'most',
  }
  return { rows, checks: [...ratioCheck(rows, 'hotblock', ARIA2, TIME_MOST), ...(nodes > 1 ? [sent] : [])] }
}

function rsync({ directory, second }: Bench): Tool {
  return { name: 'rsync', programs: ['rsync'], open: (use) => withRsync(directory, second, (once) => use(once)) }
}

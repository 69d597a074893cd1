import { fetchOn } from '../../support/nodes.ts'
import { type Check, type Row, ratioCheck } from '../rows.ts'
import { withCasync } from '../tools/casync.ts'
import { withHotblock } from '../tools/hotblock.ts'
import { withRsync } from '../tools/rsync.ts'
import { withZsync } from '../tools/zsync.ts'
import { type Bench, compare, type Tool, type Work } from './work.ts'

/** From bookworm to the batch worker, of the pair of images that the figure is for. */
const WIRE_MB_MOST = 108

export const delta: Work = {
  name: 'delta',
  what: 'fetch of the second image where the first one is',
  async run(bench) {
    const rows = await compare('delta', tools(bench), bench)
    const wire = rows[0]!.runs.map((run) => run.wire! / 1e6)
    const moved: Check = {
      what: 'delta: on the wire, table and messages included',
      values: wire,
      unit: 'MB',
      limit: WIRE_MB_MOST,
      bound: 'most',
    }
    const checks = [moved, ...timeChecks(rows)]
    for (const { name, first, second } of bench.others) {
      const more = await compare(`delta, ${name}`, tools({ ...bench, first, second }), bench)
      rows.push(...more)
      checks.push(...timeChecks(more))
    }
    return { rows, checks }
  },
}

function timeChecks(rows: readonly Row[]): Check[] {
  return [
    ...ratioCheck(rows, 'hotblock', 'rsync', 1 / 5),
    ...ratioCheck(rows, 'hotblock', 'casync', 1 / 7),
    ...ratioCheck(rows, 'hotblock', 'zsync', 1 / 7),
  ]
}

function tools({ directory, first, second }: Bench): Tool[] {
  return [
    {
      name: 'hotblock',
      programs: [],
      open: (use) =>
        withHotblock(directory, 1, async ({ publish, workers, once }) => {
          await publish(first, 'first')
          await publish(second, 'second')
          await fetchOn(workers[0]!, 'first')
          return use(() => once(workers, 'second', second))
        }),
    },
    {
      name: 'rsync',
      programs: ['rsync'],
      open: (use) => withRsync(directory, second, (once) => use(() => once(first))),
    },
    {
      name: 'casync',
      programs: ['casync'],
      open: (use) => withCasync(directory, second, (once) => use(() => once(first))),
    },
    {
      name: 'zsync',
      programs: ['zsync', 'zsyncmake'],
      open: (use) => withZsync(directory, second, (once) => use(() => once(first))),
    },
  ]
}

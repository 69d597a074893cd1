import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fetchOn } from '../../support/nodes.ts'
import { ratioCheck } from '../rows.ts'
import { lengthened, withHotblock } from '../tools/hotblock.ts'
import { checkSame, program, settle, sync } from '../tools/programs.ts'
import { costOf, type Sample } from '../tree.ts'
import { compare, simply, type Tool, type Work } from './work.ts'

const CP = 'cp and fsync'
const TIME_MOST = 1.3
/** Zeros that make the wanted image another one than that which is there. */
const MORE_BYTES = 1024 * 1024

export const local: Work = {
  name: 'local',
  what: 'fetch of an image all of whose blocks are on the node, in another image',
  async run(bench) {
    const { directory, second } = bench
    const wanted = await lengthened(directory, second, (await stat(second)).size + MORE_BYTES)
    const hotblock: Tool = {
      name: 'hotblock',
      programs: [],
      open: (use) =>
        withHotblock(directory, 1, async ({ publish, workers, once }) => {
          await publish(second, 'second')
          await publish(wanted, 'wanted')
          await fetchOn(workers[0]!, 'second')
          return use(() => once(workers, 'wanted', wanted))
        }),
    }
    try {
      const rows = await compare('local', [hotblock, simply(CP, ['cp'], () => copyOnce(directory, wanted))], bench)
      return { rows, checks: ratioCheck(rows, 'hotblock', CP, TIME_MOST) }
    } finally {
      await rm(wanted)
    }
  },
}

async function copyOnce(directory: string, file: string): Promise<Sample> {
  const copy = join(directory, 'copy')
  await settle()
  const { sample } = await costOf([], async () => {
    await program('cp', ['--reflink=never', file, copy])
    await sync(copy)
  })
  await checkSame(copy, file)
  await rm(copy)
  return sample
}

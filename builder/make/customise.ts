import { HotblockError } from '../../protocols/errors.ts'
import type { ExtraFile } from '../config/image-config.ts'
import { runInTree, withMounts } from './chroot.ts'
import { lastWords } from './run.ts'
import { writeInTree } from './tree.ts'
import type { Workspace } from './workspace.ts'

/** Files and a script that an appliance or a request adds. */
export interface Addition {
  readonly from: 'appliance' | 'request'
  readonly files: readonly ExtraFile[]
  readonly script: string
}

export interface CustomiseJob {
  readonly space: Workspace
  readonly tree: string
  readonly epoch: number
  readonly scriptSeconds: number
  readonly scriptNetwork: boolean
  readonly log: (line: string) => void
}

/** @throws SCRIPT_FAILED with the script's status and last lines, BAD_FILE, CANCELLED */
export async function customise(addition: Addition, job: CustomiseJob): Promise<void> {
  const { space, tree } = job
  for (const { path, mode, content } of addition.files) {
    job.log(`${addition.from}: ${path}`)
    await writeInTree(space.outside(tree), path, content, mode)
  }
  if (addition.script === '') return
  await withMounts(space, tree, async () => {
    job.log(`${addition.from}: script`)
    const ran = await runInTree(space, tree, withShebang(addition.script), {
      log: job.log,
      network: job.scriptNetwork,
      resolver: job.scriptNetwork,
      timeoutMs: job.scriptSeconds * 1000,
      env: { SOURCE_DATE_EPOCH: String(job.epoch) },
    }).catch((error: unknown) => {
      if (!(error instanceof HotblockError && error.code === 'TIMEOUT')) throw error
      throw new HotblockError('SCRIPT_FAILED', `the script did not end within ${job.scriptSeconds} s`, {
        from: addition.from,
      })
    })
    if (ran.status === 0) return
    const words = lastWords(ran.tail)
    const message = `the script ended with status ${ran.status}${words === '' ? '' : `: ${words}`}`
    throw new HotblockError('SCRIPT_FAILED', message, {
      from: addition.from,
      status: ran.status,
      lines: ran.tail.join('\n'),
    })
  })
}

/** A script is /bin/sh's, unless it says itself whose it is. */
function withShebang(script: string): string {
  return script.startsWith('#!') ? script : `#!/bin/sh\n${script}`
}

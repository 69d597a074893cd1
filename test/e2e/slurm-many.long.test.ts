/** Hundreds of jobs for one image at the same time: one fetch a node, and few processes. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../support/hosts.ts'
import { makeSmallImage } from '../support/images.ts'
import { publishOn } from '../support/nodes.ts'
import { SLURM_TOOLS, type Slurm } from '../support/slurm.ts'
import { holders, withSlurmMesh } from '../support/slurm-mesh.ts'
import { withDirectory } from '../support/temporary.ts'
import { testWith } from '../support/tools.ts'

const JOBS = 300
/** As run-hook.sh has it. */
const AT_ONCE = 4
const ALL_MS = 90_000

/** Processes that run hotblock for a hook, of those that belong to this directory. */
async function hookProcesses(directory: string): Promise<number> {
  let count = 0
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const words = (await readFile(join('/proc', pid, 'cmdline'), 'utf8').catch(() => '')).split('\0')
    if (words[2] === 'hook' && words[1]?.endsWith('main.ts') && words.some((word) => word.startsWith(directory)))
      count++
  }
  return count
}

async function jobsLeft(slurm: Slurm): Promise<number> {
  return (await slurm.run('squeue', ['-h', '-r', '-o', '%i'])).split('\n').length - 1
}

testWith(...SLURM_TOOLS)(`${JOBS} jobs for one image are one fetch on their node`, () =>
  withDirectory(async (directory) => {
    const image = await makeSmallImage(directory)
    const conf = ['PrologFlags=Alloc']
    await withSlurmMesh(directory, { nodes: ['n1'], conf }, async ({ slurm, builder, nodes, controller }) => {
      const { coldBytes } = await publishOn(builder, image, 'one').then(() => controller.api.plan('one'))
      const array = `--array=1-${JOBS}`
      await slurm.submit('#!/bin/sh\n#HOTBLOCK image=one\necho ran\n', [array, '-o', join(directory, 'ran.%a')])
      let most = 0
      for (const end = performance.now() + ALL_MS; (await jobsLeft(slurm)) > 0; await sleep(100)) {
        most = Math.max(most, await hookProcesses(directory))
        assert.ok(performance.now() < end, `${await jobsLeft(slurm)} jobs are left`)
      }
      const ran = (await readdir(directory)).filter((name) => name.startsWith('ran.'))
      assert.is(ran.length, JOBS)
      assert.equal(await slurm.unusable(), [])
      const states = await slurm.run('scontrol', ['-o', 'show', 'job'])
      assert.is([...states.matchAll(/ JobState=COMPLETED /g)].length, JOBS)
      assert.is([...states.matchAll(/ Restarts=0 /g)].length, JOBS)
      assert.ok(most <= AT_ONCE, `${most} hooks ran at the same time`)

      await until(async () => (await holders({ nodes }, 'one')).length === 1, 'the node has it', 30_000)
      const { hooks } = await nodes.get('n1')!.api.status()
      assert.ok(hooks.calls.node >= 1 && hooks.calls.node < JOBS / 4, JSON.stringify(hooks.calls))
      const { bytes } = (await builder.api.status()).served
      assert.ok(bytes < 1.2 * coldBytes, `${bytes} bytes were sent, of ${coldBytes}`)
    })
  }),
)

test.run()

/** Seeds have an image before its job has nodes; nodes tell Slurm what they hold. */
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../support/hosts.ts'
import { makeSmallImage, run } from '../support/images.ts'
import { publishOn } from '../support/nodes.ts'
import { SLURM_TOOLS } from '../support/slurm.ts'
import { holders, type SlurmMesh, withSlurmMesh } from '../support/slurm-mesh.ts'
import { withDirectory } from '../support/temporary.ts'
import { testWith } from '../support/tools.ts'

const test_ = testWith(...SLURM_TOOLS)

test_('seeds begin at submission; nodes say what they hold, and jobs are placed by it', () =>
  withDirectory(async (directory) => {
    const image = await makeSmallImage(directory)
    const settings = { seeds: 'n[1,3]' }
    await withSlurmMesh(directory, { nodes: ['n1', 'n2', 'n3'], settings, flags: [] }, async (mesh) => {
      await publishOn(mesh.builder, image, 'one')
      await mesh.slurm.submit('#!/bin/sh\n#HOTBLOCK image=one\n', ['--hold'])
      await until(async () => (await holders(mesh, 'one')).join() === 'n1,n3', 'the seeds have it', 30_000)

      await locality(mesh, image)
    })
  }),
)

/** Nodes say what they hold, and jobs are placed by it. */
async function locality({ slurm, installed, nodes, builder }: SlurmMesh, image: string): Promise<void> {
  const features = async (node: string): Promise<string[]> => {
    const text = await slurm.run('scontrol', ['-o', 'show', 'node', node])
    return ['AvailableFeatures', 'ActiveFeatures'].map((field) => new RegExp(` ${field}=(\\S*)`).exec(text)?.[1] ?? '')
  }
  const say = async (...which: string[]): Promise<void> => {
    const env = `SLURM_CONF=${slurm.conf}`
    for (const node of which) await run('env', [env, 'sh', join(installed.hooks, 'locality.sh'), node])
  }
  await slurm.run('scontrol', ['update', 'NodeName=n3', 'AvailableFeatures=big,fast'])
  await slurm.run('scontrol', ['update', 'NodeName=n3', 'ActiveFeatures=big,fast'])
  await say('n1', 'n2', 'n3')
  assert.equal(await features('n1'), ['hotblock=one', 'hotblock=one'])
  assert.equal(await features('n2'), ['(null)', '(null)'])
  assert.equal(await features('n3'), ['big,fast,hotblock=one', 'big,fast,hotblock=one'])

  const placed = async (...args: string[]): Promise<string> => {
    const job = await slurm.submit('#!/bin/sh\n', args)
    assert.is(await slurm.ended(job), 'COMPLETED')
    return / NodeList=(\S*)/.exec(await slurm.run('scontrol', ['-o', 'show', 'job', String(job)]))?.[1] ?? ''
  }
  assert.is(await placed('--prefer=hotblock=one', '-x', 'n1'), 'n3')
  assert.is(await placed('--constraint=big&hotblock=one'), 'n3')

  // Images that have gone: who asks for them waits, and neither is refused nor held.
  await publishOn(builder, image, 'other')
  for (const node of ['n1', 'n3']) await nodes.get(node)!.api.remove('one')
  await say('n1', 'n3')
  assert.equal(await features('n3'), ['big,fast,hotblock=one', 'big,fast'])
  const waits = await slurm.submit('#!/bin/sh\n', ['--constraint=hotblock=one'])
  assert.is(await placed('--prefer=hotblock=one'), 'n1')
  assert.match(await slurm.run('squeue', ['-h', '-j', String(waits), '-o', '%T %Q']), /^PENDING [1-9]/)

  // A daemon that does not answer changes nothing.
  await nodes.get('n3')!.stop()
  await slurm.run('scontrol', ['update', 'NodeName=n3', 'ActiveFeatures=big,fast,hotblock=one'])
  assert.is(await slurm.ended(waits), 'COMPLETED')
  await say('n3')
  assert.equal(await features('n3'), ['big,fast,hotblock=one', 'big,fast,hotblock=one'])
  assert.equal(await slurm.unusable(), [])
}

test.run()

/** Seeds have an image before its job has nodes; nodes tell Slurm what they hold. */
import { appendFile } from 'node:fs/promises'
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
    const settings = { seeds: 'n[1,3]', locality: 'features' } as const
    await withSlurmMesh(directory, { nodes: ['n1', 'n2', 'n3'], settings, flags: [] }, async (mesh) => {
      await publishOn(mesh.builder, image, 'one')
      await mesh.slurm.submit('#!/bin/sh\n#HOTBLOCK image=one\n', ['--hold'])
      await until(async () => (await holders(mesh, 'one')).join() === 'n1,n3', 'the seeds have it', 30_000)

      await notes(mesh)
      await locality(mesh)
    })
  }),
)

async function say({ slurm, installed }: SlurmMesh, ...nodes: string[]): Promise<void> {
  for (const node of nodes) {
    await run('env', [`SLURM_CONF=${slurm.conf}`, 'sh', join(installed.hooks, 'locality.sh'), node])
  }
}

/** Extra and Comment are fields that others use too. */
async function notes(mesh: SlurmMesh): Promise<void> {
  const { slurm, installed } = mesh
  for (const field of ['Extra', 'Comment']) {
    await appendFile(join(installed.hooks, 'hotblock.conf'), `HOTBLOCK_LOCALITY=${field.toLowerCase()}\n`)
    await slurm.run('scontrol', ['update', 'NodeName=n3', `${field}=rack 7,hotblock=gone`])
    await say(mesh, 'n1', 'n2', 'n3')
    const texts = await Promise.all(
      ['n1', 'n2', 'n3'].map(async (node) => {
        const text = await slurm.run('scontrol', ['show', 'node', node])
        return new RegExp(`^ *${field}=(.*)$`, 'm').exec(text)?.[1]?.trimEnd()
      }),
    )
    assert.equal(texts, ['hotblock=one', undefined, 'rack 7,hotblock=one'])
  }
  await appendFile(join(installed.hooks, 'hotblock.conf'), 'HOTBLOCK_LOCALITY=features\n')
}

/** Nodes say what they hold, and jobs are placed by it. */
async function locality(mesh: SlurmMesh): Promise<void> {
  const { slurm, nodes } = mesh
  const features = async (node: string): Promise<string[]> => {
    const text = await slurm.run('scontrol', ['-o', 'show', 'node', node])
    return ['AvailableFeatures', 'ActiveFeatures'].map((field) => new RegExp(` ${field}=(\\S*)`).exec(text)?.[1] ?? '')
  }
  await slurm.run('scontrol', ['update', 'NodeName=n3', 'AvailableFeatures=big,fast'])
  await slurm.run('scontrol', ['update', 'NodeName=n3', 'ActiveFeatures=big,fast'])
  await say(mesh, 'n1', 'n2', 'n3')
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

  // Images that have gone: one node goes on saying that it has it, so that who asks for it is neither refused nor held.
  const busy = await slurm.submit('#!/bin/sh\nsleep 600\n', ['-w', 'n1', '--exclusive'])
  await until(async () => (await slurm.run('squeue', ['-h', '-j', `${busy}`, '-o', '%T'])) === 'RUNNING\n', 'it runs')
  const waits = await slurm.submit('#!/bin/sh\n', ['-w', 'n1', '--constraint=hotblock=one'])
  for (const node of ['n1', 'n3']) await nodes.get(node)!.api.remove('one')
  await say(mesh, 'n3', 'n1')
  assert.equal(await features('n1'), ['hotblock=one', 'hotblock=one'])
  assert.equal(await features('n3'), ['big,fast', 'big,fast'])
  assert.match(await slurm.run('squeue', ['-h', '-j', `${waits}`, '-o', '%T %Q']), /^PENDING [1-9]/)
  await slurm.run('scancel', [`${busy}`])
  assert.is(await slurm.ended(waits), 'COMPLETED')
  assert.is(await placed('--prefer=hotblock=one'), 'n1')

  // A daemon that does not answer changes nothing.
  await nodes.get('n3')!.stop()
  for (const field of ['AvailableFeatures', 'ActiveFeatures']) {
    await slurm.run('scontrol', ['update', 'NodeName=n3', `${field}=big,fast,hotblock=one`])
  }
  await say(mesh, 'n3')
  assert.equal(await features('n3'), ['big,fast,hotblock=one', 'big,fast,hotblock=one'])
  assert.equal(await slurm.unusable(), [])
}

test.run()

/** A real Slurm of four nodes with their daemons, and the hooks as install.sh leaves them: the image comes to the job. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../support/hosts.ts'
import { copyPackages, makeImage, run, sameBytes } from '../support/images.ts'
import { publishOn, type RunningNode } from '../support/nodes.ts'
import { SLURM_TOOLS } from '../support/slurm.ts'
import { type SlurmMesh, withSlurmMesh } from '../support/slurm-mesh.ts'
import { withDirectory } from '../support/temporary.ts'
import { testWith } from '../support/tools.ts'

const MIB = 1024 * 1024
const test_ = testWith(...SLURM_TOOLS)

async function makeOne(directory: string): Promise<string> {
  const tree = join(directory, 'tree')
  await mkdir(tree)
  await copyPackages(tree, ['@biomejs'])
  return (await makeImage(tree, join(directory, 'one'), 128 * MIB)).path
}

/** Every node of the job waits for the image and prints its path. */
function waiting({ program, homeOf }: SlurmMesh, name: string): string {
  const wait = `${program} wait ${name} --timeout 60 --home ${homeOf('$SLURMD_NODENAME')}`
  return `#!/bin/bash\n#HOTBLOCK image=${name}\nsrun --overlap bash -c '${wait}'\n`
}

async function holders({ nodes }: SlurmMesh, name: string): Promise<string[]> {
  const held: string[] = []
  for (const [node, { api }] of nodes) {
    if ((await api.images({ mesh: false })).some((row) => row.name === name && row.state === 'complete'))
      held.push(node)
  }
  return held.sort()
}

async function wanted(node: RunningNode): Promise<readonly unknown[]> {
  return (await node.api.status()).wants
}

test_('the image is on the nodes of its job, and on no others', () =>
  withDirectory(async (directory) => {
    const image = await makeOne(directory)
    await withSlurmMesh(directory, {}, async (mesh) => {
      const { slurm, builder, nodes, homeOf } = mesh
      for (const name of ['one', 'two']) await publishOn(builder, image, name)

      const job = await slurm.submit(waiting(mesh, 'one'), ['-N2', '-w', 'n2,n3'])
      assert.is(await slurm.ended(job), 'COMPLETED', await slurm.output(job))
      const paths = (await slurm.output(job)).trim().split('\n').sort()
      assert.is(paths.length, 2, paths.join('\n'))
      for (const [i, path] of paths.entries()) {
        assert.ok(path.startsWith(`${homeOf(`n${i + 2}`)}/`), path)
        assert.ok(await sameBytes(path, image))
      }
      assert.equal(await holders(mesh, 'one'), ['n2', 'n3'])

      // The job itself asks for nothing: what comes, comes of the hooks.
      const idle = await slurm.submit('#!/bin/sh\n', ['-N2', '-w', 'n1,n4', '--comment=x,hotblock=one'])
      assert.is(await slurm.ended(idle), 'COMPLETED')
      await until(async () => (await holders(mesh, 'one')).length === 4, 'n1 and n4 have it too', 30_000)

      // A name that is not published yet comes when it is.
      const early = await slurm.submit('#!/bin/sh\n#HOTBLOCK image=later\n', ['-w', 'n1'])
      assert.is(await slurm.ended(early), 'COMPLETED')
      await until(async () => (await wanted(nodes.get('n1')!)).length === 1, 'n1 waits for it')
      await publishOn(builder, image, 'later')
      await until(async () => (await holders(mesh, 'later')).includes('n1'), 'n1 has it', 30_000)
      assert.equal(await slurm.unusable(), [])
    })
  }),
)

test_('seeds begin at submission, long before there are nodes', () =>
  withDirectory(async (directory) => {
    const image = await makeOne(directory)
    const settings = { seeds: 'n[1,3]' }
    await withSlurmMesh(directory, { settings, flags: [] }, async (mesh) => {
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
  await say('n1', 'n2', 'n3', 'n4')
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
  assert.is(await placed('--prefer=hotblock=one', '-w', 'n2'), 'n2')

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

/** A real Slurm of four nodes with their daemons, and the hooks as install.sh leaves them: the image comes to the job. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../support/hosts.ts'
import { makeSmallImage, sameBytes } from '../support/images.ts'
import { publishOn, type RunningNode } from '../support/nodes.ts'
import { SLURM_TOOLS } from '../support/slurm.ts'
import { holders, type SlurmMesh, withSlurmMesh } from '../support/slurm-mesh.ts'
import { withDirectory } from '../support/temporary.ts'
import { testWith } from '../support/tools.ts'

const test_ = testWith(...SLURM_TOOLS)

/** Every node of the job waits for the image and prints its path. */
function waiting({ program, homeOf }: SlurmMesh, name: string): string {
  const wait = `${program} wait ${name} --timeout 60 --home ${homeOf('$SLURMD_NODENAME')}`
  return `#!/bin/bash\n#HOTBLOCK image=${name}\nsrun --overlap bash -c '${wait}'\n`
}

async function wanted(node: RunningNode): Promise<readonly unknown[]> {
  return (await node.api.status()).wants
}

test_('the image is on the nodes of its job, and on no others', () =>
  withDirectory(async (directory) => {
    const image = await makeSmallImage(directory)
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

test.run()

/** Whatever is wrong with hotblock, Slurm's jobs run and its nodes stay in use. */
import { appendFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { socketPath } from '../../node/control/socket.ts'
import { spoolOf } from '../../node/hooks/core/spool.ts'
import { withSocket } from '../support/hooks.ts'
import { until } from '../support/hosts.ts'
import { copyPackages, makeImage, run } from '../support/images.ts'
import { publishOn, type RunningNode } from '../support/nodes.ts'
import { SLURM_TOOLS } from '../support/slurm.ts'
import { type SlurmMesh, withSlurmMesh } from '../support/slurm-mesh.ts'
import { withDirectory } from '../support/temporary.ts'
import { testWith } from '../support/tools.ts'

const test_ = testWith(...SLURM_TOOLS, 'mount')
/** A job that does nothing has ended by then, on a machine that is busy. */
const JOB_MS = 15_000
/** The job's nodes, so that each daemon of the test is asked. */
const ALL = ['-N2']

const MIB = 1024 * 1024

let jobs = 0

/** Jobs that name images, on all nodes, and two at the same time. */
async function jobsRun({ slurm }: SlurmMesh, when: string): Promise<void> {
  const started = performance.now()
  const submitted = await Promise.all(
    [1, 2].map(() => slurm.submit(`#!/bin/sh\n#HOTBLOCK image=some${++jobs}\necho ran\n`, ALL)),
  )
  for (const job of submitted) {
    assert.is(await slurm.ended(job, JOB_MS), 'COMPLETED', when)
    assert.is(await slurm.output(job), 'ran\n', when)
    const text = await slurm.run('scontrol', ['-o', 'show', 'job', String(job)])
    assert.match(text, / Requeue=1 Restarts=0 /, `${when}: ${text}`)
  }
  assert.equal(await slurm.unusable(), [], `${when}, after ${performance.now() - started} ms`)
}

async function failures(node: RunningNode): Promise<number> {
  const { hooks } = await node.api.status()
  return Object.values(hooks.failures).reduce((sum, count) => sum + count, 0)
}

test_('daemons that are dead, stopped, or answer garbage; disks that are full', () =>
  withDirectory(async (directory) => {
    const nodes = ['n1', 'n2']
    await withSlurmMesh(directory, { nodes }, async (mesh) => {
      const { controller, homeOf, installed } = mesh
      const [n1, n2] = nodes.map((name) => mesh.nodes.get(name)!) as [RunningNode, RunningNode]
      await jobsRun(mesh, 'all is well')
      // On a machine that is very busy a hook runs out of its second: that is counted, and no more.
      const told = async (): Promise<number> => (await n2.api.status()).hooks.calls.node + (await failures(n2))
      await until(async () => (await told()) >= 2, 'the node was told', 30_000)

      for (const { pid } of [controller, n1]) process.kill(pid, 'SIGSTOP')
      await jobsRun(mesh, 'daemons are stopped')
      // The jobs may have ended before their hooks give up; daemons that go on sooner would answer them.
      const noted = async () => (await readdir(spoolOf(n1.home))).some((name) => name.startsWith('failures-'))
      await until(noted, 'the hook of n1 gives up', 10_000)
      for (const { pid } of [controller, n1]) process.kill(pid, 'SIGCONT')
      await until(async () => (await failures(n1)) > 0, 'n1 counts it once it runs again', 20_000)

      await Promise.all([controller.kill(), n1.kill()])
      await jobsRun(mesh, 'daemons are dead')

      for (const [what, answer] of [
        ['garbage', (socket: Socket) => void socket.end('\0\x01\xff garbage\r\n\r\n')],
        ['nothing', () => {}],
        ['its end', (socket: Socket) => void socket.destroy()],
        ['without end', (socket: Socket) => void setInterval(() => socket.write('x'.repeat(65536)), 1).unref()],
        [
          'an answer that is none',
          (socket: Socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]'),
        ],
      ] as const) {
        for (const home of [homeOf('controller'), n1.home]) await rm(join(home, 'control.sock'), { force: true })
        await withSocket(socketPath(homeOf('controller')), answer, () => {
          return withSocket(socketPath(n1.home), answer, () => jobsRun(mesh, `daemons answer ${what}`))
        })
      }

      const log = await readFile(installed.log, 'utf8')
      for (const code of ['NO_DAEMON', 'TIMEOUT', 'BAD_MESSAGE']) assert.ok(log.includes(code), `${code}: ${log}`)
      await mesh.again('n1')
      const again = mesh.nodes.get('n1')!
      await until(async () => (await failures(again)) > 0, 'what went wrong was counted meanwhile', 20_000)
      assert.match(await again.api.metrics(), /hotblock_hook_failures\{code="NO_DAEMON"\} [1-9]/)
    })
  }),
)

test_('a full disk, programs and settings that are gone, the switch; an image that cannot come', () =>
  withDirectory(async (directory) => {
    await withSlurmMesh(directory, { nodes: ['n1', 'n2'] }, async (mesh) => {
      const { installed, nodes } = mesh
      const settings = join(installed.hooks, 'hotblock.conf')
      const text = await readFile(settings, 'utf8')
      const full = join(directory, 'full')
      await mkdir(full)
      await run('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', full])
      try {
        await mkdir(join(full, 'turns'))
        await run('sh', ['-c', 'cat /dev/zero >"$1" || true', 'sh', join(full, 'fill')])
        const places = `HOTBLOCK_LOG=${full}/hooks.log\nHOTBLOCK_TURNS=${full}/turns\n`
        await appendFile(settings, places)
        await jobsRun(mesh, 'the disk is full')
      } finally {
        await run('umount', ['-l', full])
      }
      for (const broken of ['HOTBLOCK=/nonexistent\n', 'if ( "\n']) {
        await writeFile(settings, `${text}${broken}`)
        await jobsRun(mesh, `the settings are ${broken}`)
      }
      await rm(settings)
      await jobsRun(mesh, 'there are no settings')
      await writeFile(settings, text)

      const calls = async (): Promise<number> => (await nodes.get('n1')!.api.status()).hooks.calls.node
      await writeFile(installed.off, '')
      const before = await calls()
      await jobsRun(mesh, 'the hooks are off')
      assert.is(await calls(), before)
      await rm(installed.off)
      await jobsRun(mesh, 'the hooks are on')
      await until(async () => (await calls()) > before, 'they are on again')
      // Only PrologSlurmctld may be missing: a Prolog that is missing drains its node, as the page says.
      const hook = join(installed.hooks, 'prolog-slurmctld.sh')
      await rename(hook, join(installed.hooks, 'gone'))
      await jobsRun(mesh, 'the hook of slurmctld is gone')
      await rename(join(installed.hooks, 'gone'), hook)

      // So small that it comes within the job's 5 s.
      await mkdir(join(directory, 'tree'))
      await copyPackages(join(directory, 'tree'), ['zod'])
      await cannotCome(mesh, await makeImage(join(directory, 'tree'), join(directory, 'one'), 32 * MIB))
    })
  }),
)

/** It fails the job that waits for it, and nothing else. */
async function cannotCome(mesh: SlurmMesh, image: { readonly path: string }): Promise<void> {
  const { slurm, program, homeOf, builder, controller } = mesh
  await publishOn(builder, image.path, 'one')
  const script = (name: string): string => {
    const wait = `${program} wait ${name} --timeout 5 --home ${homeOf('$SLURMD_NODENAME')}`
    return `#!/bin/sh\n#HOTBLOCK image=${name}\n${wait}\necho status $?\n`
  }
  const job = await slurm.submit(script('nobody-has-it'))
  assert.is(await slurm.ended(job), 'COMPLETED')
  assert.match(await slurm.output(job), /^hotblock: (TIMEOUT|NOT_FOUND)(.|\n)*\nstatus [1-9]/)
  // The job's own waiting brings the image also where no hook could.
  await controller.kill()
  const late = await slurm.submit(script('one'))
  assert.is(await slurm.ended(late), 'COMPLETED')
  assert.match(await slurm.output(late), /\nstatus 0\n$/)
  assert.equal(await slurm.unusable(), [])
}

test.run()

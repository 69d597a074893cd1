/** The hooks of HTCondor, LSF, PBS and Torque with the real program and real daemons: that work, are dead, or are stopped. */
import { randomBytes } from 'node:crypto'
import { chmod, chown, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { rejectsCode } from '../support/failures.ts'
import { run } from '../support/images.ts'
import { until } from '../support/launches.ts'
import { ROOT_RIGHTS } from '../support/needed.ts'
import { fetchOn, publishOn, type RunningNode, withMesh } from '../support/nodes.ts'
import { goesOn, type HookRun, runHook } from '../support/scheduler-hooks.ts'
import { ROOT } from '../support/sources.ts'
import { withDirectory } from '../support/temporary.ts'
import { testWith } from '../support/tools.ts'

/** A user of no rights, but that of reading this checkout, wherever it is. */
const READS = ['--inh-caps', '+dac_read_search', '--ambient-caps', '+dac_read_search']
const NOBODY = ['--reuid', '65534', '--regid', '65534', '--clear-groups', ...READS, '--']

/** Each runs its scheduler's hook on a node, for a job that names the image. */
type Hooks = Record<'htcondor' | 'lsf' | 'pbs' | 'torque' | 'esub', (image: string) => Promise<HookRun>>

async function install(directory: string, node: RunningNode): Promise<Hooks> {
  const program = join(directory, 'hotblock')
  await writeFile(program, `#!/bin/sh\nexec ${process.execPath} ${join(ROOT, 'node', 'main.ts')} "$@"\n`)
  await chmod(program, 0o755)
  const site = (name: string): string => join(directory, 'site', name)
  for (const name of ['condor', 'lsf', 'torque']) await mkdir(site(name), { recursive: true })
  await writeFile(site('qmgr'), '#!/bin/sh\nexit 0\n', { mode: 0o755 })
  const at = (scheduler: string, ...path: string[]): string => join(directory, 'hooks', scheduler, ...path)
  for (const [scheduler, ...flags] of [
    ['htcondor', '--config-dir', site('condor')],
    ['lsf', '--serverdir', site('lsf')],
    ['pbs', '--qmgr', site('qmgr'), '--files-only'],
    ['torque', '--torque-home', site('torque')],
  ] as const) {
    const own = ['--dir', at(scheduler), '--hotblock', program, '--home', node.home, ...flags]
    await run('sh', [join(ROOT, 'node', 'hooks', scheduler, 'install.sh'), ...own])
    const settings = {
      HOTBLOCK_JOB_SOCKET: join(directory, 'job.sock'),
      HOTBLOCK_OFF_FILE: join(directory, 'off'),
      HOTBLOCK_LOG: '/dev/null',
    }
    for (const [name, value] of Object.entries(settings)) {
      await run('sed', ['-i', `s|^${name}=.*|${name}=${value}|`, at(scheduler, 'hotblock.conf')])
    }
  }
  const event = join(ROOT, 'test', 'support', 'pbs-event.py')
  return {
    // As the job's user, as condor_starter runs it.
    htcondor: (image) => {
      const stdin = `ClusterId = 1\nProcId = 0\nHotblockImage = "${image}"\n`
      return runHook('/usr/bin/setpriv', { args: [...NOBODY, at('htcondor', 'prepare-job.sh')], stdin })
    },
    lsf: (image) => {
      const env = { HOTBLOCK_IMAGE: image, LSB_JOBID: '7', LSB_MCPU_HOSTS: 'localhost 1', NODE_OPTIONS: '--evil' }
      return runHook(at('lsf', 'pre-exec.sh'), { env })
    },
    esub: (image) => {
      const env = { HOTBLOCK_IMAGE: image, HOTBLOCK_HOME: '/evil' }
      return runHook('/usr/bin/setpriv', { args: [...NOBODY, site('lsf/esub.hotblock')], env })
    },
    pbs: async (image) => {
      const job = { id: '7.server', resources: { hotblock: image } }
      const stdin = JSON.stringify({ event: 'EXECJOB_BEGIN', job })
      const ran = await runHook('/usr/bin/python3', { args: [event, at('pbs', 'hotblock.py')], stdin })
      assert.match(ran.stdout, /"accepted": 1, "rejected": 0/)
      return { ...ran, stdout: '' }
    },
    torque: (image) => {
      const args = ['7.server', 'user', 'group', 'job', `software=hotblock:${image}`, 'batch', 'account']
      return runHook(at('torque', 'prologue.sh'), { args })
    },
  }
}

/** A job of any user has a machine of its own, in its own directory. */
async function launchAsUser(directory: string, { api }: RunningNode): Promise<void> {
  const scratch = join(directory, 'scratch')
  await mkdir(scratch)
  await chown(scratch, 65_534, 65_534)
  const main = [
    process.execPath,
    join(ROOT, 'node', 'main.ts'),
    'launch',
    'image-lsf',
    '--socket',
    join(directory, 'job.sock'),
  ]
  const command = ['sh', '-c', 'qemu-img info {} >/dev/null && echo $(id -u) {} && sleep 2']
  const running = runHook('/usr/bin/setpriv', { args: [...NOBODY, ...main, '--dir', scratch, '--', ...command] })
  await until('the command runs', async () => (await readdir(scratch)).some((name) => !name.startsWith('new-')))
  await rejectsCode('IN_USE', api.remove('image-lsf'))
  const { status, stdout, stderr } = await running
  assert.is(status, 0, stderr)
  assert.match(stdout, new RegExp(`^65534 ${scratch}/`))
  const without = await runHook('/usr/bin/setpriv', { args: [...NOBODY, ...main, '--', 'true'] })
  assert.match(without.stderr, /USAGE: --dir is needed/)
}

const NAMES = ['htcondor', 'lsf', 'esub', 'pbs', 'torque'] as const

testWith(
  ROOT_RIGHTS,
  'setpriv',
  'setsid',
  'python3',
)('hooks bring images, and cannot stop a job', () =>
  withDirectory(async (directory) => {
    // Jobs' users have to reach what they run.
    await chmod(directory, 0o755)
    await withMesh(directory, 0, async ({ builder, worker }) => {
      const node = await worker('w', ['--job-socket', join(directory, 'job.sock')])
      const hooks = await install(directory, node)
      for (const name of NAMES) {
        const file = join(directory, `${name}.img`)
        await writeFile(file, randomBytes(256 * 1024))
        await publishOn(builder, file, `image-${name}`)
      }
      await fetchOn(node, 'image-lsf')
      for (const name of NAMES) goesOn(await hooks[name](`image-${name}`), name)
      const held = async (): Promise<string[]> => {
        const images = await node.api.images({ mesh: false })
        return images.filter(({ state }) => state === 'complete').map((image) => image.name)
      }
      for (const name of NAMES) {
        await until(`the image of ${name}`, async () => (await held()).includes(`image-${name}`))
      }

      await launchAsUser(directory, node)

      process.kill(node.pid, 'SIGSTOP')
      for (const name of NAMES) goesOn(await hooks[name]('image-lsf'), `${name}, the daemon is stopped`)
      process.kill(node.pid, 'SIGCONT')
      // Failures of hooks that run as root are counted; those of users have their place in no directory of the daemon's.
      const counted = async () => /^hotblock_hook_failures\{code="TIMEOUT"\} [1-9]/m.test(await node.api.metrics())
      await until('the daemon counts them', counted, 40)
      await node.kill()
      for (const name of NAMES) goesOn(await hooks[name]('image-lsf'), `${name}, the daemon is dead`)
    })
  }),
)

test.run()

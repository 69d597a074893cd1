/**
 * The hook of OpenPBS and PBS Pro, run by python3 with a stand-in of the module `pbs` (test/support/pbs-event.py), by what the
 * PBS Professional Hooks Guide and the man pages pbs_module(7B) and pbs_hook_attributes(7B) document: events queuejob and
 * runjob in the server, execjob_begin, exechost_startup and exechost_periodic in a mom; a hook that does not accept, that
 * raises or that takes longer than its alarm rejects the event.
 */
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../../support/launches.ts'
import {
  cleanEnvironment,
  HOSTILE,
  type InstalledHooks,
  type ProgramCall,
  runHook,
  whateverHappens,
  withHooks,
} from '../../support/scheduler-hooks.ts'
import { ROOT } from '../../support/sources.ts'
import { testWith } from '../../support/tools.ts'

const testPbs = testWith('python3', 'setsid')
const EVENT = join(ROOT, 'test', 'support', 'pbs-event.py')

interface Outcome {
  readonly accepted: number
  readonly rejected: number
  readonly logs: string[]
  readonly resources: Record<string, string>
  readonly escaped?: string
}

function withPbs<T>(use: (hooks: InstalledHooks) => Promise<T>): Promise<T> {
  const flags = async (directory: string): Promise<string[]> => {
    // Says yes to what was created before, as qmgr does.
    const qmgr = join(directory, 'qmgr')
    const made = join(directory, 'made')
    await mkdir(made)
    const text = `#!/bin/sh
echo "$2" >>${qmgr}.log
set -- $2
case $1 in
  list) [ -e "${made}/$2.$3" ] ;;
  create) : >"${made}/$2.$3" ;;
  delete) rm "${made}/$2.$3" ;;
esac
`
    await writeFile(qmgr, text)
    await chmod(qmgr, 0o755)
    return ['--qmgr', qmgr]
  }
  return withHooks('pbs', flags, use)
}

async function handle(hooks: InstalledHooks, event: object, options = {}): Promise<Outcome & { ms: number }> {
  const args = [EVENT, join(hooks.to, 'hotblock.py')]
  const { stdout, stderr, ms } = await runHook('/usr/bin/python3', { args, stdin: JSON.stringify(event), ...options })
  assert.is(stderr, '')
  return { ...(JSON.parse(stdout) as Outcome), ms }
}

function accepted(outcome: Outcome, what: string): void {
  assert.equal([outcome.accepted, outcome.rejected, outcome.escaped], [1, 0, undefined], what)
}

/** The hook does not wait for what it starts. */
async function callsOf(hooks: InstalledHooks, count: number): Promise<ProgramCall[]> {
  await until(`${count} calls`, async () => (await hooks.calls()).length >= count)
  return hooks.calls()
}

const JOB = {
  id: '12.server',
  resources: { hotblock: 'web:base' },
  exec_vnode: '(n1:ncpus=1)+(n2[0]:ncpus=1+n2[1]:mem=1gb)',
}

testPbs('each event tells what it is there to tell', () =>
  withPbs(async (hooks) => {
    accepted(await handle(hooks, { event: 'QUEUEJOB', job: { ...JOB, id: null } }), 'queuejob')
    await callsOf(hooks, 1)
    accepted(await handle(hooks, { event: 'RUNJOB', job: JOB }), 'runjob')
    await callsOf(hooks, 2)
    accepted(await handle(hooks, { event: 'EXECJOB_BEGIN', job: JOB }), 'execjob_begin')
    const calls = await callsOf(hooks, 3)
    const begin = (moment: string, job: string) => ['hook', moment, '--scheduler', 'pbs', '--job', job]
    assert.equal(
      calls.map(({ args }) => args.slice(0, 6)),
      [begin('submit', ''), begin('allocate', '12.server'), begin('node', '12.server')],
    )
    for (const call of calls) {
      assert.equal(call.args.slice(10, 14), ['--image', 'web', '--image', 'base'])
      cleanEnvironment(call)
    }
    assert.equal(calls[1]!.args.slice(14), ['--on', 'n1,n2'])
    assert.is(calls[0]!.args.length, 14)
  }),
)

testPbs('jobs without an image, and other events, start nothing', () =>
  withPbs(async (hooks) => {
    for (const event of [
      { event: 'QUEUEJOB', job: { id: null } },
      { event: 'EXECJOB_BEGIN', job: { id: '1.s', resources: { hotblock: ' ,: ' } } },
      { event: 'MODIFYJOB', job: JOB },
      { event: 'RUNJOB', job: { ...JOB, exec_vnode: null, resources: {} } },
    ]) {
      accepted(await handle(hooks, event), event.event)
    }
    await new Promise((resolve) => setTimeout(resolve, 300))
    assert.equal(await hooks.calls(), [])
  }),
)

testPbs('what users write becomes names of images, or nothing', () =>
  withPbs(async (hooks) => {
    for (const text of HOSTILE) {
      const job = { id: text, resources: { hotblock: `${text}:ok` }, exec_vnode: `(${text}:ncpus=1)+(n1:ncpus=1)` }
      accepted(await handle(hooks, { event: 'RUNJOB', job }), text)
    }
    const many = Array.from({ length: 50 }, (_, i) => `i${i}`).join(':')
    accepted(await handle(hooks, { event: 'EXECJOB_BEGIN', job: { id: '1', resources: { hotblock: many } } }), 'many')
    // A text that is cut off before its end has no name at its end.
    for (const { args } of await callsOf(hooks, HOSTILE.length)) {
      assert.ok(args.length <= 10 + 16)
      for (let at = 10; at < args.length; at += 2) {
        assert.match(args[at]!, /^--(image|on)$/)
        assert.match(args[at + 1]!, /^[A-Za-z0-9][A-Za-z0-9._+@,-]*$/)
      }
    }
  }),
)

testPbs('what a host holds is a resource of it', () =>
  withPbs(async (hooks) => {
    for (const event of ['EXECHOST_STARTUP', 'EXECHOST_PERIODIC']) {
      const outcome = await handle(hooks, { event })
      accepted(outcome, event)
      assert.equal(outcome.resources, { hotblock_images: 'base-1.2,web' })
    }
    await writeFile(join(hooks.directory, 'hotblock.held'), '[]')
    assert.equal((await handle(hooks, { event: 'EXECHOST_PERIODIC' })).resources, { hotblock_images: '-' })
    const undefined_ = await handle(hooks, { event: 'EXECHOST_PERIODIC', undefined: true })
    accepted(undefined_, 'a resource that the site has not defined')
    assert.match(undefined_.logs.join(), /^hotblock: ValueError: /)
    for (const behaviour of ['fail', 'noise', 'hang'] as const) {
      await hooks.behave(behaviour)
      const outcome = await handle(hooks, { event: 'EXECHOST_PERIODIC' })
      accepted(outcome, behaviour)
      assert.equal(outcome.resources, { hotblock_images: '-' })
      assert.ok(outcome.ms < 6000)
    }
  }),
)

testPbs('whatever goes wrong, every event is accepted, and the server does not wait', () =>
  withPbs(async (hooks) => {
    const event = { event: 'QUEUEJOB', job: JOB }
    const args = [EVENT, join(hooks.to, 'hotblock.py')]
    // A signal to python3 is not what a mom does: it has the alarm, below.
    const again = () => runHook('/usr/bin/python3', { args, stdin: JSON.stringify(event) })
    await whateverHappens(hooks, again, ({ stdout, stderr, ms }, what) => {
      accepted(JSON.parse(stdout) as Outcome, what)
      assert.is(stderr, '', what)
      assert.ok(ms < 1500, `${what}: ${ms} ms`)
    })
    accepted(await handle(hooks, { event: 'EXECJOB_BEGIN', raises: true }), 'an internal error of PBS')
    await hooks.behave('hang')
    const late = await handle(hooks, { event: 'EXECHOST_PERIODIC', alarm: 0.5 })
    accepted(late, 'the alarm')
    assert.match(late.logs.join(), /KeyboardInterrupt/, JSON.stringify(late))
    const script = join(hooks.to, 'hotblock.py')
    await writeFile(script, (await readFile(script, 'utf8')).replaceAll(hooks.to, '/nonexistent'))
    accepted(await handle(hooks, event), 'files that are missing on a host')
    await new Promise((resolve) => setTimeout(resolve, 4000))
  }),
)

testPbs('installing twice changes nothing, a new version is imported, uninstalling takes the hook first', () =>
  withPbs(async (hooks) => {
    const qmgr = async () => (await readFile(join(hooks.directory, 'qmgr.log'), 'utf8')).trimEnd().split('\n')
    assert.equal(
      (await qmgr()).filter((line) => !line.startsWith('list ')),
      [
        'create resource hotblock type=string',
        'create resource hotblock_images type=string_array,flag=h',
        'create hook hotblock',
        `import hook hotblock application/x-python default ${hooks.to}/hotblock.py`,
        'set hook hotblock event = "queuejob,runjob,execjob_begin,exechost_startup,exechost_periodic"',
        'set hook hotblock alarm = 15',
        'set hook hotblock freq = 60',
        'set hook hotblock enabled = true',
      ],
    )
    const before = (await qmgr()).length
    assert.not.match(await hooks.install(), /^(installed|qmgr)/m)
    assert.ok((await qmgr()).slice(before).every((line) => line.startsWith('list ')))
    await writeFile(join(hooks.to, 'hotblock.py'), '# an older version\n')
    assert.match(await hooks.install(), /import hook/)
    assert.match(await hooks.install('--uninstall'), /qmgr: delete hook hotblock/)
    assert.not.ok((await readdir(hooks.directory)).includes('hooks'))
    assert.is(await hooks.install('--uninstall'), '')
    await hooks.install('--files-only')
    assert.equal((await readdir(hooks.to)).sort(), ['held.sh', 'hotblock.conf', 'hotblock.py', 'tell.sh'])
  }),
)

test.run()

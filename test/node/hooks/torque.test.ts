/**
 * Hooks of Torque by what its Administrator Guide documents:
 *   - Appendix "Prologue and Epilogue Scripts", "Script environment" (docs.adaptivecomputing.com/9-1-0, torque/13-appendices):
 *     arguments 1 job, 2 user, 3 group, 4 name, 5 resources, 6 queue, 7 account, 8 script, 9 hosts; an empty environment; stdin
 *     /dev/null; 0 goes on, 1 aborts the job, others requeue it
 *   - Appendix "Job Submission Filter": the script on stdin, the filtered one on stdout, qsub's arguments, -1 refuses the job
 *   - "MOM configuration", $varattr: lines NAME:VALUE
 */
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../../support/launches.ts'
import {
  cleanEnvironment,
  goesOn,
  HOOK_MS_MAX,
  HOSTILE,
  type HookRun,
  type InstalledHooks,
  option,
  runHook,
  whateverHappens,
  withHooks,
} from '../../support/scheduler-hooks.ts'

interface Torque extends InstalledHooks {
  /** mom_priv/prologue, as install.sh has made it. */
  readonly prologue: string
  readonly filter: string
}

function withTorque<T>(use: (hooks: Torque) => Promise<T>): Promise<T> {
  const flags = async (directory: string): Promise<string[]> => {
    await mkdir(join(directory, 'torque', 'mom_priv', 'jobs'), { recursive: true })
    return ['--torque-home', join(directory, 'torque')]
  }
  return withHooks('torque', flags, (hooks) => {
    const prologue = join(hooks.directory, 'torque', 'mom_priv', 'prologue')
    return use({ ...hooks, prologue, filter: join(hooks.to, 'submit-filter.sh') })
  })
}

/** Whether a submit filter's copy of a script is still there: then its background part has not ended. */
async function leftOver({ directory }: Torque): Promise<boolean> {
  return (await readdir(directory)).some((name) => name.includes('qsub'))
}

const SCRIPT =
  '#!/bin/sh\n#PBS -l nodes=2\n#HOTBLOCK image=web\n  #HOTBLOCK image=no\n#HOTBLOCKED image=no\n#HOTBLOCK image=base\nsleep 1\n'
const RESOURCES = 'neednodes=2,nodes=2,software=hotblock:data,walltime=01:00:00'

async function arguments9(hooks: Torque, script = SCRIPT, hosts = 'n1', resources = RESOURCES): Promise<string[]> {
  const path = join(hooks.directory, 'torque', 'mom_priv', 'jobs', '12.server.SC')
  await writeFile(path, script)
  return ['12.server', 'user', 'group', 'STDIN', resources, 'batch', 'account', path, hosts]
}

test('prologue: the node begins with what the script and the resources name', () =>
  withTorque(async (hooks) => {
    goesOn(await runHook(hooks.prologue, { args: await arguments9(hooks) }), 'prologue')
    const [call, ...more] = await hooks.calls()
    assert.is(more.length, 0)
    assert.equal(call!.args.slice(0, 6), ['hook', 'node', '--scheduler', 'torque', '--job', '12.server'])
    assert.is(call!.stdin, '#HOTBLOCK image=data\n#HOTBLOCK image=web\n#HOTBLOCK image=base\n')
    assert.is(option(call!, '--text-kind'), 'script')
    cleanEnvironment(call!)
  }))

test('prologue: of a job of several nodes all begin', () =>
  withTorque(async (hooks) => {
    goesOn(await runHook(hooks.prologue, { args: await arguments9(hooks, SCRIPT, 'n1,n2,n3') }), 'prologue')
    const [call] = await hooks.calls()
    assert.is(call!.args[1], 'allocate')
    assert.is(option(call!, '--on'), 'n1,n2,n3')
  }))

test('prologue: older versions give seven arguments, none names an image, or none at all', () =>
  withTorque(async (hooks) => {
    const args = await arguments9(hooks)
    goesOn(await runHook(hooks.prologue, { args: args.slice(0, 7) }), 'seven')
    assert.is((await hooks.calls())[0]!.stdin, '#HOTBLOCK image=data\n')
    goesOn(await runHook(hooks.prologue, { args: await arguments9(hooks, '#!/bin/sh\n', 'n1', 'nodes=1') }), 'no image')
    goesOn(await runHook(hooks.prologue), 'no arguments')
    assert.is((await hooks.calls()).length, 1)
  }))

test('prologue: only a plain file of its own is read as the script', () =>
  withTorque(async (hooks) => {
    const args = await arguments9(hooks)
    const secret = join(hooks.directory, 'secret')
    await writeFile(secret, '#HOTBLOCK image=secret\n')
    await symlink(secret, join(hooks.directory, 'link'))
    for (const path of [
      join(hooks.directory, 'link'),
      '/dev/zero',
      '/etc',
      'relative',
      '/nonexistent',
      '-',
      ...HOSTILE,
    ]) {
      goesOn(await runHook(hooks.prologue, { args: [...args.slice(0, 7), path, 'n1'] }), path)
    }
    for (const { stdin } of await hooks.calls()) assert.is(stdin, '#HOTBLOCK image=data\n')
  }))

test('prologue: what users write is text on stdin', () =>
  withTorque(async (hooks) => {
    for (const text of HOSTILE) {
      const args = await arguments9(hooks, `#HOTBLOCK image=${text}\n`, text, `software=hotblock:${text},other=${text}`)
      goesOn(await runHook(hooks.prologue, { args: [text, ...args.slice(1)] }), text)
    }
    const calls = await hooks.calls()
    assert.is(calls.length, HOSTILE.length)
    for (const call of calls) {
      assert.is(call.args.length, 14, 'no argument more')
      for (const line of call.stdin.trimEnd().split('\n')) assert.match(line, /^#HOTBLOCK\s/)
    }
  }))

test('prologue: whatever goes wrong, the job goes on', () =>
  withTorque(async (hooks) => {
    const args = await arguments9(hooks)
    await whateverHappens(hooks, (options) => runHook(join(hooks.to, 'prologue.sh'), { args, ...options }))
    await hooks.behave('hang')
    goesOn(await runHook(hooks.prologue, { args }), 'as it is installed')
  }))

test('the submit filter passes the script on as it is, and the seeds are told', () =>
  withTorque(async (hooks) => {
    await hooks.set({ HOTBLOCK_SEEDS: "'r[1-2]n1'", HOTBLOCK_RACKS: "'r3n[1-2] r4n1'" })
    for (const script of [
      SCRIPT,
      '',
      '#!/bin/sh',
      '\0\u00ff%s\\n\r\n',
      `${'x'.repeat(300_000)}\n#HOTBLOCK image=late\n`,
    ]) {
      const args = ['-l', 'nodes=1', '-v', 'A=$(id)']
      const { status, stdout } = await runHook(hooks.filter, { stdin: script, args, env: { TMPDIR: hooks.directory } })
      assert.is(status, 0)
      assert.ok(stdout === script, 'not a byte is changed')
    }
    await until('the daemon is told', async () => (await hooks.calls()).length === 1)
    const [call] = await hooks.calls()
    assert.equal(call!.args.slice(0, 6), ['hook', 'submit', '--scheduler', 'torque', '--job', ''])
    assert.is(call!.stdin, '#HOTBLOCK image=web\n#HOTBLOCK image=base\n')
    assert.is(option(call!, '--seeds'), 'r[1-2]n1')
    assert.is(option(call!, '--racks'), 'r3n[1-2] r4n1')
    cleanEnvironment(call!)
    await until('nothing is left', async () => !(await leftOver(hooks)))
  }))

test('the submit filter: whatever goes wrong, qsub gets the script, and does not wait', () =>
  withTorque(async (hooks) => {
    const again = (options = {}) =>
      runHook(hooks.filter, { stdin: SCRIPT, env: { TMPDIR: hooks.directory }, ...options })
    await hooks.behave('hang')
    const { ms } = await again()
    assert.ok(ms < 1500, `${ms} ms with a daemon that hangs`)
    const check = ({ status, stdout, ms: taken }: HookRun, what: string): void => {
      assert.is(status, 0, what)
      assert.is(stdout, SCRIPT, what)
      assert.ok(taken < HOOK_MS_MAX, what)
    }
    const settled = () => until('nothing goes on in the background', async () => !(await leftOver(hooks)))
    await whateverHappens(hooks, again, check, settled)
    const { status, stdout } = await runHook(hooks.filter, { stdin: SCRIPT, env: { TMPDIR: '/nonexistent' } })
    assert.equal([status, stdout], [0, SCRIPT], 'no place for a copy')
  }))

test('varattr: a line for each image that is held', () =>
  withTorque(async (hooks) => {
    const run = async (): Promise<string> => (await runHook(join(hooks.to, 'varattr.sh'))).stdout
    assert.is(await run(), 'hotblock_base-1.2:1\nhotblock_web:1\n')
    await hooks.behave('hang')
    assert.is(await run(), '')
  }))

test('installing twice changes nothing, uninstalling takes everything', () =>
  withTorque(async (hooks) => {
    assert.not.match(await hooks.install(), /^installed/m)
    const mom = join(hooks.directory, 'torque', 'mom_priv')
    for (const name of ['prologue', 'prologue.parallel']) assert.is((await stat(join(mom, name))).mode & 0o777, 0o500)
    await hooks.install('--uninstall')
    assert.equal(await readdir(mom), ['jobs'])
    assert.not.ok((await readdir(hooks.directory)).includes('hooks'))
    assert.is(await hooks.install('--uninstall'), '')
  }))

test("a site's own prologue stays, and the hooks stay as long as it names them", () =>
  withTorque(async (hooks) => {
    await hooks.install('--uninstall')
    const own = `#!/bin/sh\n${hooks.to}/prologue.sh "$@"\nexit 0\n`
    await writeFile(hooks.prologue, own, { mode: 0o500 })
    assert.match(await hooks.install(), /prologue is there already/)
    assert.is(await readFile(hooks.prologue, 'utf8'), own)
    const refused = await hooks.install('--uninstall').catch((error: Error) => error.message)
    assert.match(refused, /take that out first/)
    assert.ok((await readdir(hooks.to)).includes('prologue.sh'))
  }))

test.run()

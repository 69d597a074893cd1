/**
 * Hooks of LSF by what its manuals document:
 *   - "Configuration to enable job submission and execution controls" (IBM Spectrum LSF 10.1, sub_exec_controls_enable): esub gets
 *     LSB_SUB_PARM_FILE (lines NAME="value"), LSB_SUB_MODIFY_ENVFILE, LSB_SUB_ABORT_VALUE; stdin is the job's
 *   - "Pre- and post-execution processing" (Platform LSF Configuration Reference): the job's environment, PATH
 *     /bin:/usr/bin:/sbin:/usr/sbin, stdin, stdout and stderr /dev/null; 0 goes on, 99 ends the job, others wait again
 *   - "Configuration to enable external load indices" and the release notes of 7.3 on LSF_RESOURCES and ELIM_ABORT_VALUE: an elim
 *     prints the number of indices, then names and values, again and again
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../../support/launches.ts'
import {
  cleanEnvironment,
  goesOn,
  HOSTILE,
  type HookRunOptions,
  type InstalledHooks,
  option,
  runHook,
  whateverHappens,
  withHooks,
} from '../../support/scheduler-hooks.ts'

interface Lsf extends InstalledHooks {
  readonly server: string
}

function withLsf<T>(use: (hooks: Lsf) => Promise<T>): Promise<T> {
  const serverOf = (directory: string): string => join(directory, 'serverdir')
  const flags = async (directory: string): Promise<string[]> => {
    await mkdir(serverOf(directory))
    return ['--serverdir', serverOf(directory)]
  }
  return withHooks('lsf', flags, (hooks) => use({ ...hooks, server: serverOf(hooks.directory) }))
}

/** What a user's environment may have. */
const EVIL = {
  NODE_OPTIONS: '--require /tmp/evil.js',
  HOTBLOCK_HOME: '/tmp/evil',
  IFS: '/',
  CDPATH: '/',
  PATH: '/evil',
}
const PRE_EXEC = { ...EVIL, LSB_JOBID: '1042', LSB_JOBINDEX: '0', LSB_MCPU_HOSTS: 'hosta 4', LSB_QUEUE: 'normal' }

async function esub(hooks: Lsf, lines: readonly string[], env = {}, options: HookRunOptions = {}) {
  const [parameters, changes] = [join(hooks.directory, 'parm'), join(hooks.directory, 'modify')]
  await writeFile(parameters, `${['LSB_SUB_QUEUE="normal"', ...lines, 'LSB_SUB_COMMAND_LINE="sleep 10"'].join('\n')}\n`)
  await writeFile(changes, '')
  const own = { LSB_SUB_PARM_FILE: parameters, LSB_SUB_MODIFY_ENVFILE: changes, LSB_SUB_ABORT_VALUE: '97' }
  const run = await runHook(join(hooks.server, 'esub.hotblock'), { env: { ...own, ...EVIL, ...env }, ...options })
  return { run, changes: await readFile(changes, 'utf8') }
}

test('esub: the seeds are told, and what the description names goes into the environment', () =>
  withLsf(async (hooks) => {
    const { run, changes } = await esub(hooks, [
      'LSB_SUB3_JOB_DESCRIPTION="mine, hotblock=web hotblock=base,x=hotblock=no"',
    ])
    goesOn(run, 'esub')
    assert.is(changes, 'HOTBLOCK_IMAGE="web,base"\n')
    const own = await esub(hooks, ['LSB_SUB4_JOB_DESC="hotblock=web"'], { HOTBLOCK_IMAGE: 'mine' })
    assert.is(own.changes, '', 'what the user has set stays')
    const calls = await hooks.calls()
    assert.equal(
      calls.map(({ stdin }) => stdin),
      ['hotblock=web,hotblock=base\n', 'hotblock=mine,hotblock=web\n'],
    )
    for (const call of calls) {
      assert.equal(call.args.slice(0, 6), ['hook', 'submit', '--scheduler', 'lsf', '--job', ''])
      assert.is(option(call, '--text-kind'), 'comment')
      assert.is(option(call, '--home'), join(hooks.directory, 'home'))
      cleanEnvironment(call)
    }
  }))

test("esub: the job's script on stdin is left alone", () =>
  withLsf(async (hooks) => {
    const child = spawn('sh', ['-c', '"$0"; cat', join(hooks.server, 'esub.hotblock')], {
      env: { HOTBLOCK_IMAGE: 'web' },
    })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      text += piece
    })
    child.stdin.end('#!/bin/sh\nsleep 10\n')
    await once(child, 'close')
    assert.is(text, '#!/bin/sh\nsleep 10\n')
    assert.is((await hooks.calls()).length, 1)
  }))

test('esub: without an image, without its files, nothing is run', () =>
  withLsf(async (hooks) => {
    goesOn((await esub(hooks, [])).run, 'no image')
    goesOn(await runHook(join(hooks.server, 'esub.hotblock')), 'an empty environment')
    goesOn(await runHook(join(hooks.server, 'esub.hotblock'), { env: { LSB_SUB_PARM_FILE: '/etc' } }), 'a directory')
    assert.equal(await hooks.calls(), [])
  }))

test('what users write is text on stdin, and what goes into their environment are names', () =>
  withLsf(async (hooks) => {
    for (const text of HOSTILE) {
      const { run, changes } = await esub(hooks, [`LSB_SUB3_JOB_DESCRIPTION="hotblock=${text}"`])
      goesOn(run, text)
      assert.match(changes, /^(HOTBLOCK_IMAGE="[A-Za-z0-9._+@,-]+"\n)?$/)
      const env = { ...PRE_EXEC, HOTBLOCK_IMAGE: text, LSB_MCPU_HOSTS: `${text} 4 hostb 4`, LSB_JOBINDEX: text }
      goesOn(await runHook(join(hooks.to, 'pre-exec.sh'), { env }), text)
    }
    const calls = await hooks.calls()
    assert.ok(calls.length >= HOSTILE.length)
    for (const call of calls) {
      assert.ok(call.args.length <= 16)
      assert.match(call.args[1] ?? '', /^(submit|node|allocate)$/)
      assert.ok(call.stdin.length < 9000 && call.stdin.startsWith('hotblock='))
      cleanEnvironment(call)
    }
  }))

test('pre-exec: the host begins, of a parallel job all its hosts', () =>
  withLsf(async (hooks) => {
    const script = join(hooks.to, 'pre-exec.sh')
    goesOn(await runHook(script, { env: { ...PRE_EXEC, HOTBLOCK_IMAGE: 'web,base' } }), 'one host')
    const many = { LSB_MCPU_HOSTS: 'hostb 2 hosta 4 hostb 1', LSB_JOBINDEX: '3', HOTBLOCK_IMAGE: 'web' }
    goesOn(await runHook(script, { env: { ...PRE_EXEC, ...many } }), 'two hosts')
    const [one, two] = await hooks.calls()
    assert.equal(one!.args.slice(0, 6), ['hook', 'node', '--scheduler', 'lsf', '--job', '1042'])
    assert.is(one!.stdin, 'hotblock=web,hotblock=base\n')
    assert.is(option(one!, '--on'), undefined)
    assert.equal(two!.args.slice(0, 6), ['hook', 'allocate', '--scheduler', 'lsf', '--job', '1042[3]'])
    assert.is(option(two!, '--on'), 'hosta,hostb')
    goesOn(await runHook(script, { env: PRE_EXEC }), 'no image')
    goesOn(await runHook(script), 'an empty environment')
    assert.is((await hooks.calls()).length, 2)
    cleanEnvironment(two!)
  }))

test('pre-exec: whatever goes wrong, the job goes on', () =>
  withLsf((hooks) => {
    const env = { ...PRE_EXEC, HOTBLOCK_IMAGE: 'web' }
    return whateverHappens(hooks, (options) => runHook(join(hooks.to, 'pre-exec.sh'), { env, ...options }))
  }))

test('esub: whatever goes wrong, the job is submitted', () =>
  withLsf((hooks) => {
    const lines = ['LSB_SUB3_JOB_DESCRIPTION="hotblock=web"']
    return whateverHappens(hooks, async (options) => (await esub(hooks, lines, {}, options)).run)
  }))

/** Starts the elim, and waits for so many lines. */
async function elimLines(hooks: Lsf, count: number, env: Record<string, string> = {}): Promise<string[]> {
  const child = spawn(join(hooks.server, 'elim.hotblock'), [], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
  })
  const ended = once(child, 'close')
  await until('the elim reports', () => text.split('\n').length > count || child.exitCode !== null)
  // LSF ends its elims so; or it has gone, and nobody reads any more.
  child.kill('SIGTERM')
  child.stdout.destroy()
  await ended
  return text.split('\n').slice(0, count)
}

test('elim: what is held is reported, again and again', () =>
  withLsf(async (hooks) => {
    await hooks.set({ HOTBLOCK_ELIM_IMAGES: '"web base-1.2 other"', HOTBLOCK_ELIM_SECONDS: '0.2' })
    const held = '4 hb_images 2 hb_web 1 hb_base_1_2 1 hb_other 0'
    assert.equal(await elimLines(hooks, 3), [held, held, held])
    assert.equal(await elimLines(hooks, 1, { LSF_RESOURCES: 'cs:hb_web:hb_images', LSF_MASTER: 'N' }), [held])
    await writeFile(join(hooks.directory, 'hotblock.held'), '[]')
    assert.equal(await elimLines(hooks, 1), ['4 hb_images 0 hb_web 0 hb_base_1_2 0 hb_other 0'])
    for (const behaviour of ['fail', 'noise', 'hang'] as const) {
      await hooks.behave(behaviour)
      assert.equal(await elimLines(hooks, 1), ['4 hb_images 0 hb_web 0 hb_base_1_2 0 hb_other 0'], behaviour)
    }
  }))

test('elim: where LSF wants none of its resources it says so, and is not started again', () =>
  withLsf(async (hooks) => {
    const env = { LSF_RESOURCES: 'cs:scratch', ELIM_ABORT_VALUE: '99' }
    const { status, stdout } = await runHook(join(hooks.server, 'elim.hotblock'), { env })
    assert.is(status, 99)
    assert.is(stdout, '')
  }))

test('installing twice changes nothing, uninstalling takes everything', () =>
  withLsf(async (hooks) => {
    assert.not.match(await hooks.install(), /^installed/m)
    assert.equal((await readdir(hooks.server)).sort(), ['elim.hotblock', 'esub.hotblock'])
    assert.ok((await readFile(join(hooks.server, 'esub.hotblock'), 'utf8')).includes(`hooks=${hooks.to}\n`))
    assert.ok((await readFile(join(hooks.to, 'lsf.txt'), 'utf8')).includes(`PRE_EXEC=${hooks.to}/pre-exec.sh`))
    await hooks.install('--uninstall')
    assert.equal(await readdir(hooks.server), [])
    assert.not.ok((await readdir(hooks.directory)).includes('hooks'))
    assert.is(await hooks.install('--uninstall'), '')
  }))

test.run()

/**
 * The hooks that Slurm runs, with the variables of slurm.conf(5), "PROLOG AND EPILOG SCRIPTS", as 22.05 sets them.
 * slurm.schedmd.com/prolog_epilog.html: a Prolog that fails drains the node, a PrologSlurmctld that fails requeues the job.
 */
import { chmod, mkdir, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../../../support/hosts.ts'
import {
  endHooks,
  type Installed,
  installHooks,
  makeRecorder,
  type Recorder,
  runHook,
} from '../../../support/slurm-hooks.ts'
import { withDirectory } from '../../../support/temporary.ts'

/** More than the scripts take, and much less than the programs in them may. */
const AT_ONCE_SECONDS = 1
const SCRIPTS = ['prolog.sh', 'prolog-slurmctld.sh']
const HOSTILE = 'a "b" \'c\' `touch X` $(touch X) ; touch X | & > X \\ * ? ~ %s %n \n#HOTBLOCK image=two\t--evil\u00e9'

function slurmd(comment: string): Record<string, string> {
  return {
    SLURM_CONF: '/etc/slurm/slurm.conf',
    SLURM_JOB_ID: '17',
    SLURM_JOB_UID: '1000',
    SLURM_JOB_COMMENT: comment,
    SLURM_NODELIST: 'n[1-2]',
    SLURMD_NODENAME: 'n1',
    SLURM_SCRIPT_CONTEXT: 'prolog_slurmd',
  }
}

function slurmctld(comment: string): Record<string, string> {
  return {
    SLURM_CLUSTER_NAME: 'one',
    SLURM_JOB_ID: '17',
    SLURM_JOB_COMMENT: comment,
    SLURM_JOB_CONSTRAINTS: 'big&hotblock=three',
    SLURM_JOB_NODELIST: 'n[1-2],m7',
    SLURM_SCRIPT_CONTEXT: 'prolog_slurmctld',
  }
}

async function withHooks(
  then: string,
  use: (installed: Installed, recorder: Recorder, directory: string) => Promise<void>,
): Promise<void> {
  await withDirectory(async (directory) => {
    const etc = join(directory, 'etc')
    await mkdir(etc)
    const recorder = await makeRecorder(directory, then)
    const home = `${directory}/home-\${SLURMD_NODENAME:-controller}`
    const installed = await installHooks(etc, { program: recorder.program, home }, ['--files-only'])
    try {
      await use(installed, recorder, directory)
    } finally {
      await endHooks(directory)
    }
  })
}

function value(args: readonly string[], flag: string): string | undefined {
  return args[args.indexOf(flag) + 1]
}

test("slurmd's Prolog hands the job's text over on stdin, to the daemon of its node", () =>
  withHooks('exit 0', async ({ hooks, off }, recorder, directory) => {
    const { status, output } = await runHook(join(hooks, 'prolog.sh'), slurmd('hotblock=one'))
    assert.equal([status, output], [0, ''])
    await until(async () => (await recorder.calls()).length === 1, 'it is handed over')
    const [{ args, stdin, env }] = (await recorder.calls()) as [Awaited<ReturnType<Recorder['calls']>>[0]]
    assert.equal(args.slice(0, 2), ['hook', 'node'])
    assert.is(value(args, '--scheduler'), 'slurm')
    assert.is(value(args, '--job'), '17')
    assert.is(value(args, '--home'), join(directory, 'home-n1'))
    assert.is(value(args, '--off-file'), off)
    assert.equal([value(args, '--text'), value(args, '--text-kind')], ['-', 'comment'])
    assert.not.ok(args.includes('--on'))
    assert.match(stdin, /hotblock=one/)
    assert.equal(Object.keys(env).sort(), ['HOME', 'PATH', 'PWD'])
  }))

test('PrologSlurmctld hands over nodes, comment and constraint', () =>
  withHooks('exit 0', async ({ hooks }, recorder, directory) => {
    const { status, output } = await runHook(join(hooks, 'prolog-slurmctld.sh'), slurmctld('x,hotblock=one'))
    assert.equal([status, output], [0, ''])
    await until(async () => (await recorder.calls()).length === 1, 'it is handed over')
    const [{ args, stdin }] = (await recorder.calls()) as [Awaited<ReturnType<Recorder['calls']>>[0]]
    assert.equal(args.slice(0, 2), ['hook', 'allocate'])
    assert.is(value(args, '--on'), 'n[1-2],m7')
    assert.is(value(args, '--home'), join(directory, 'home-controller'))
    assert.match(stdin, /^x,hotblock=one big&hotblock=three\n$/)
  }))

test("the job's text is text to every shell on the way", () =>
  withHooks('exit 0', async ({ hooks }, recorder, directory) => {
    for (const [script, env] of [
      ['prolog.sh', slurmd(HOSTILE)],
      ['prolog-slurmctld.sh', { ...slurmctld(HOSTILE), SLURM_JOB_NODELIST: HOSTILE, SLURM_JOB_ID: HOSTILE }],
    ] as const) {
      assert.is((await runHook(join(hooks, script), env)).status, 0)
    }
    await until(async () => (await recorder.calls()).length === 2, 'both are handed over')
    for (const { args, stdin } of await recorder.calls()) {
      assert.ok(stdin.includes(HOSTILE), stdin)
      if (args[1] === 'allocate') assert.equal([value(args, '--on'), value(args, '--job')], [HOSTILE, HOSTILE])
    }
    for (const place of ['/X', join(directory, 'X'), join(hooks, 'X')]) {
      assert.not.ok(await stat(place).catch(() => undefined), `${place} was made`)
    }
  }))

test('a text that is longer than any of Slurm holds nothing up', () =>
  withHooks('exit 0', async ({ hooks }, recorder) => {
    for (const length of [8100, 100_000]) {
      const { status } = await runHook(join(hooks, 'prolog.sh'), slurmd(`hotblock=one,${'x'.repeat(length)}`))
      assert.is(status, 0)
    }
    await until(async () => (await recorder.calls()).length > 0, 'the shorter is handed over')
    const [{ stdin }, ...more] = (await recorder.calls()) as [Awaited<ReturnType<Recorder['calls']>>[0]]
    assert.equal([stdin.length, more.length], ['hotblock=one,'.length + 8100 + 2, 0])
  }))

test('an empty environment is no failure', () =>
  withHooks('exit 0', async ({ hooks }) => {
    for (const script of SCRIPTS) assert.equal((await runHook(join(hooks, script), {})).status, 0)
  }))

for (const [what, then] of [
  ['hangs', 'sleep 60'],
  ['hangs and does not mind SIGTERM', "trap '' TERM; while :; do sleep 1; done"],
  ['fails', 'exit 99'],
  ['is killed', 'kill -9 $$'],
  ['prints without end', 'yes; yes >&2'],
] as const) {
  test(`a hook ends at once with status 0 where hotblock ${what}`, () =>
    withHooks(then, async ({ hooks, log }) => {
      for (const script of SCRIPTS) {
        const { status, signal, seconds, output } = await runHook(join(hooks, script), slurmctld('hotblock=one'))
        assert.equal([status, signal, output], [0, null, ''])
        assert.ok(seconds < AT_ONCE_SECONDS, `${script} took ${seconds} s`)
      }
      await until(async () => ((await stat(log).catch(() => undefined))?.size ?? 0) > 0, 'the log says so')
    }))
}

test('nor where program, settings, log, locks or scripts are missing or broken', () =>
  withHooks('exit 0', async ({ hooks, turns, log }) => {
    const ends = async (what: string): Promise<void> => {
      for (const script of SCRIPTS) {
        const { status, seconds, output } = await runHook(join(hooks, script), slurmctld('hotblock=one'))
        assert.equal([status, output], [0, ''], what)
        assert.ok(seconds < AT_ONCE_SECONDS, `${what}: ${script} took ${seconds} s`)
      }
    }
    await rm(log, { force: true })
    await mkdir(log)
    await ends('the log is a directory')
    await rm(turns, { recursive: true })
    await ends('there is no directory for locks')
    const settings = join(hooks, 'hotblock.conf')
    await writeFile(settings, 'HOTBLOCK=/nonexistent\nHOTBLOCK_HOME=/nonexistent\nHOTBLOCK_OFF_FILE=/nonexistent\n')
    await ends('there is no program')
    await writeFile(settings, 'if ( "\n')
    await ends('the settings are no shell')
    await rm(settings)
    await ends('there are no settings')
    await chmod(join(hooks, 'run-hook.sh'), 0o000)
    await rm(join(hooks, 'run-hook.sh'))
    await ends('there is no run-hook.sh')
  }))

test('while the switch is off, nothing is run', () =>
  withHooks('exit 0', async ({ hooks, off }, recorder) => {
    await writeFile(off, '')
    for (const script of SCRIPTS) assert.is((await runHook(join(hooks, script), slurmctld('hotblock=one'))).status, 0)
    // They look for it in the background.
    await sleep(500)
    await rm(off)
    assert.is((await runHook(join(hooks, 'prolog.sh'), slurmd('hotblock=two'))).status, 0)
    await until(async () => (await recorder.calls()).length > 0, 'it is handed over')
    assert.equal(
      (await recorder.calls()).map(({ args }) => args[1]),
      ['node'],
    )
  }))

test('many at the same time take turns', () =>
  withHooks('sleep 0.3', async ({ hooks, turns }, recorder) => {
    const runs = await Promise.all(
      Array.from({ length: 40 }, (_, i) => runHook(join(hooks, 'prolog.sh'), slurmd(`hotblock=i${i}`))),
    )
    assert.ok(runs.every(({ status }) => status === 0))
    await until(async () => (await recorder.calls()).length === 40, 'all are handed over', 20_000)
    assert.ok((await readdir(turns)).filter((name) => name.startsWith('turn.')).length <= 4)
  }))

test('many that say the same are told once', () =>
  withHooks('exit 0', async ({ hooks, turns }, recorder) => {
    const say = async (comment: string): Promise<void> => {
      const { status } = await runHook(join(hooks, 'prolog.sh'), slurmd(comment))
      assert.is(status, 0)
    }
    await say('hotblock=one')
    await until(async () => (await recorder.calls()).length === 1, 'it is handed over')
    for (let i = 0; i < 100; i++) await say('hotblock=one')
    await say('hotblock=two')
    await until(async () => (await recorder.calls()).length >= 2, 'so is the other')
    await sleep(500)
    const texts = (await recorder.calls()).map(({ stdin }) => stdin.trim())
    assert.equal(texts.filter((text) => text === 'hotblock=two').length, 1)
    // One more where the machine took longer than 10 s for them.
    assert.ok(texts.length <= 3, texts.join())
    const marks = (await readdir(turns)).filter((name) => name.startsWith('told.'))
    assert.is(marks.length, 2)
    const past = new Date(Date.now() - 120_000)
    for (const mark of marks) await utimes(join(turns, mark), past, past)
    await say('hotblock=three')
    await until(
      async () => (await readdir(turns)).filter((name) => name.startsWith('told.')).length === 1,
      'old marks go',
    )
  }))

test.run()

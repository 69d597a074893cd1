/**
 * Hooks of HTCondor by what its manual documents:
 *   - "Hooks", section "Hooks Invoked by HTCondor": <Keyword>_HOOK_PREPARE_JOB and …_BEFORE_TRANSFER get the job's ClassAd on
 *     stdin and no arguments; what they print changes the job; a status other than 0 aborts it
 *     (htcondor.readthedocs.io/en/latest/admin-manual/ep-policy-configuration.html)
 *   - "Startd Cron and Schedd Cron": lines of attributes, a line that begins with - ends a ClassAd
 *     (htcondor.readthedocs.io/en/latest/admin-manual/daemon-cron.html)
 */
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  cleanEnvironment,
  goesOn,
  HOSTILE,
  type InstalledHooks,
  option,
  runHook,
  whateverHappens,
  withHooks,
} from '../../support/scheduler-hooks.ts'

function withCondor<T>(use: (hooks: InstalledHooks) => Promise<T>): Promise<T> {
  const flags = async (directory: string): Promise<string[]> => {
    await mkdir(join(directory, 'config.d'))
    return ['--config-dir', join(directory, 'config.d')]
  }
  return withHooks('htcondor', flags, use)
}

/** As condor_starter writes a job's ClassAd: old syntax, an attribute a line. */
const jobAd = (...lines: string[]): string => {
  const own = ['ClusterId = 1042', 'ProcId = 7', 'Cmd = "/bin/sh"', 'MyType = "Job"', 'Environment = "PATH=/evil"']
  return `${[...own, ...lines].join('\n')}\n`
}

test('prepare-job: the node is told which images the job names', () =>
  withCondor(async (hooks) => {
    const ad = jobAd(
      'HotblockImage = "web, base@12D3KooWRq3bmvJQ2tWnJwRzUqkzc9JMuoRWNHBbCTkJqyzvqNTC"',
      'TransferInput = "a.txt,hotblock://data,http://x/hotblock://no"',
      'HotblockImages = "not-this"',
    )
    goesOn(await runHook(join(hooks.to, 'prepare-job.sh'), { stdin: ad }), 'prepare-job')
    const [call, ...more] = await hooks.calls()
    assert.is(more.length, 0)
    assert.equal(call!.args.slice(0, 8), [
      'hook',
      'node',
      '--scheduler',
      'htcondor',
      '--job',
      '1042.7',
      '--home',
      join(hooks.directory, 'home'),
    ])
    assert.is(option(call!, '--text-kind'), 'script')
    assert.is(
      call!.stdin,
      [
        '#HOTBLOCK image=web',
        '#HOTBLOCK image=base@12D3KooWRq3bmvJQ2tWnJwRzUqkzc9JMuoRWNHBbCTkJqyzvqNTC',
        '#HOTBLOCK image=data',
        '',
      ].join('\n'),
    )
    cleanEnvironment(call!)
  }))

test('prepare-job: a job without an image, no ClassAd, and one that does not end start nothing', () =>
  withCondor(async (hooks) => {
    for (const stdin of [jobAd(), '', '\0'.repeat(10_000), 'HotblockImage', jobAd('HotblockImage = ""')]) {
      goesOn(await runHook(join(hooks.to, 'prepare-job.sh'), { stdin }), JSON.stringify(stdin.slice(0, 30)))
    }
    assert.equal(await hooks.calls(), [])
  }))

test('prepare-job: whatever a user writes is text on stdin, and never more', () =>
  withCondor(async (hooks) => {
    for (const text of HOSTILE) {
      const ad = jobAd(`HotblockImage = "${text}"`, 'ClusterId = 5; rm -rf /')
      goesOn(await runHook(join(hooks.to, 'prepare-job.sh'), { stdin: ad }), text)
    }
    for (const call of await hooks.calls()) {
      assert.is(call.args[1], 'node')
      assert.match(option(call, '--job') ?? '', /^\d+\.\d+$/)
      assert.is(call.args.length, 14)
      for (const line of call.stdin.split('\n').slice(0, -1)) assert.match(line, /^#HOTBLOCK image=/)
    }
  }))

test('prepare-job: whatever goes wrong, the job goes on', () =>
  withCondor(async (hooks) => {
    const stdin = jobAd('HotblockImage = "web"')
    await whateverHappens(hooks, (options) => runHook(join(hooks.to, 'prepare-job.sh'), { stdin, ...options }))
    assert.match(
      await readFile(join(hooks.directory, 'log'), 'utf8'),
      /hotblock hook: node ended with status (124|137)/,
    )
  }))

test('startd-cron: the images that are held are attributes', () =>
  withCondor(async (hooks) => {
    const run = async (): Promise<string> => {
      const { status, stdout, ms } = await runHook(join(hooks.to, 'startd-cron.sh'))
      assert.is(status, 0)
      assert.ok(ms < 6000)
      return stdout
    }
    assert.is(await run(), 'HotblockReady = true\nHotblockImages = "base-1.2,web"\n-\n')
    assert.equal((await hooks.calls())[0]!.args.slice(0, 5), ['hook', 'images', '--json', '--scheduler', 'htcondor'])
    await writeFile(join(hooks.directory, 'hotblock.held'), '[]\n')
    assert.is(await run(), 'HotblockReady = true\nHotblockImages = ""\n-\n')
    await writeFile(join(hooks.directory, 'hotblock.held'), '["ok","bad\\"; Evil = true","$(id)"]\n')
    assert.is(await run(), 'HotblockReady = true\nHotblockImages = "ok"\n-\n')
    for (const behaviour of ['fail', 'noise', 'hang'] as const) {
      await hooks.behave(behaviour)
      assert.is(await run(), 'HotblockReady = false\nHotblockImages = ""\n-\n', behaviour)
    }
  }))

test('schedd-cron: the seeds begin with what waiting jobs name', () =>
  withCondor(async (hooks) => {
    // condor_q -autoformat prints an attribute a line.
    const names = ['web', 'web, base', ...HOSTILE, ...Array.from({ length: 9 }, (_, i) => `i${i}`)]
    const bin = join(hooks.directory, 'bin')
    await mkdir(bin)
    await writeFile(join(bin, 'answer'), `${names.join('\n')}\n`)
    await writeFile(join(bin, 'condor_q'), `#!/bin/sh\necho "$@" >>${bin}/asked\ncat ${bin}/answer\n`)
    await chmod(join(bin, 'condor_q'), 0o755)
    const cron = join(hooks.to, 'schedd-cron.sh')
    const text = await readFile(cron, 'utf8')
    await writeFile(cron, text.replace(/^PATH=/m, `PATH=${bin}:`))
    await hooks.set({ HOTBLOCK_SEEDS: "'r[1-2]n1'" })
    goesOn(await runHook(cron), 'schedd-cron')
    const calls = await hooks.calls()
    assert.ok(calls.length > 1)
    for (const call of calls) {
      assert.is(call.args[1], 'submit')
      assert.is(option(call, '--seeds'), 'r[1-2]n1')
      assert.ok(call.stdin.split('\n').length <= 9, 'eight images a call')
    }
    const asked = calls.flatMap(({ stdin }) => stdin.split('\n').slice(0, -1))
    for (const name of ['web', 'base', 'i0', 'i8']) {
      assert.is(asked.filter((line) => line === `#HOTBLOCK image=${name}`).length, 1, name)
    }
    for (const line of asked) assert.match(line, /^#HOTBLOCK image=[A-Za-z0-9][A-Za-z0-9._+@-]*$/)
    assert.match(
      await readFile(join(bin, 'asked'), 'utf8'),
      /-constraint JobStatus == 1 && HotblockImage isnt undefined/,
    )
    await writeFile(join(bin, 'condor_q'), '#!/bin/sh\necho web\nexit 1\n')
    goesOn(await runHook(cron), 'condor_q fails')
  }))

test('installing twice changes nothing, uninstalling takes everything, settings first', () =>
  withCondor(async (hooks) => {
    assert.match(hooks.said, /installed .*prepare-job\.sh/)
    assert.is(await hooks.install(), '')
    const config = join(hooks.directory, 'config.d')
    const text = await readFile(join(config, '90-hotblock.conf'), 'utf8')
    assert.ok(text.includes(`\nHOTBLOCK_HOOKS = ${hooks.to}\n`))
    for (const [, name = ''] of text.matchAll(/\$\(HOTBLOCK_HOOKS\)\/(\S+)/g)) {
      assert.ok((await readdir(hooks.to)).includes(name), name)
    }
    await hooks.install('--uninstall')
    assert.equal(await readdir(config), [])
    assert.ok((await readdir(hooks.to)).includes('prepare-job.sh'), 'jobs that are starting still find it')
    await hooks.install('--uninstall')
    assert.not.ok((await readdir(hooks.directory)).includes('hooks'))
    assert.is(await hooks.install('--uninstall'), '')
  }))

test.run()

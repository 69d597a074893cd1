/** What a real slurmctld does with job_submit.lua: jobs are neither refused nor delayed, whatever they name. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../support/hosts.ts'
import { SLURM_TOOLS, type Slurm, startSlurm } from '../support/slurm.ts'
import { endHooks, type Installed, installHooks, makeRecorder, type Recorder } from '../support/slurm-hooks.ts'
import { withDirectory } from '../support/temporary.ts'
import { testWith } from '../support/tools.ts'

const test_ = testWith(...SLURM_TOOLS)
const JOB = '#!/bin/sh\ntrue\n'

interface Site {
  readonly slurm: Slurm
  readonly recorder: Recorder
  readonly installed: Installed
}

/** One node, and only job_submit.lua in use. */
async function withSite(then: string, use: (site: Site) => Promise<void>): Promise<void> {
  await withDirectory(async (directory) => {
    const slurm = await startSlurm(join(directory, 's'), ['n1'])
    try {
      const recorder = await makeRecorder(directory, then)
      const seeds = 'r[1-2]n1'
      const settings = { program: recorder.program, home: '/x', seeds, racks: 'r3n[1-2],r3g r4n1' }
      const installed = await installHooks(join(slurm.conf, '..'), settings, [])
      const conf = await readFile(slurm.conf, 'utf8')
      await writeFile(slurm.conf, conf.replace(/^PrologSlurmctld=.*\n/m, ''))
      await slurm.restart()
      await use({ slurm, recorder, installed })
    } finally {
      await slurm.stop()
      await endHooks(directory)
    }
  })
}

function references(stdin: string): string[] {
  return [...stdin.matchAll(/^#HOTBLOCK image=(.*)$/gm)].map(([, name = '']) => name)
}

async function comment(slurm: Slurm, job: number): Promise<string> {
  return /^ *Comment=(.*)$/m.exec(await slurm.run('scontrol', ['show', 'job', String(job)]))?.[1]?.trimEnd() ?? ''
}

test_('comment, script, constraint and preference name images; seeds begin', () =>
  withSite('exit 0', async ({ slurm, recorder }) => {
    await slurm.run('scontrol', ['update', 'NodeName=n1', 'AvailableFeatures=hotblock=three,hotblock=four+4,big'])
    await slurm.run('scontrol', ['update', 'NodeName=n1', 'ActiveFeatures=hotblock=three,hotblock=four+4,big'])
    const script =
      '#!/bin/sh\n#SBATCH -J x\n#HOTBLOCK image=two-2.1\n#HOTBLOCK\timage=one x image=six\necho "#HOTBLOCK image=five"\n'
    const args = ['--comment=for me,hotblock=one', '-C', 'big&hotblock=three', '--prefer=hotblock=four+4']
    const job = await slurm.submit(script, args)
    assert.is(await comment(slurm, job), 'for me,hotblock=one,hotblock=two-2.1,hotblock=six')
    assert.is(await slurm.ended(job), 'COMPLETED')
    await until(async () => (await recorder.calls()).length === 1, 'it is handed over')
    const [{ args: given, stdin, env }] = (await recorder.calls()) as [Awaited<ReturnType<Recorder['calls']>>[0]]
    assert.equal(given.slice(0, 2), ['hook', 'submit'])
    assert.is(given[given.indexOf('--seeds') + 1], 'r[1-2]n1')
    assert.is(given[given.indexOf('--racks') + 1], 'r3n[1-2],r3g r4n1')
    assert.equal(references(stdin), ['one', 'three', 'four+4', 'two-2.1', 'six'])
    assert.equal(Object.keys(env).sort(), ['HOME', 'PATH', 'PWD'])
  }),
)

test_('hostile text: the job runs, and nothing of it but well-formed names goes on', () =>
  withSite('exit 0', async ({ slurm, recorder }) => {
    const evil = [
      '$(touch X)',
      '`touch X`',
      '-rf',
      '../../etc',
      'a b',
      "a'b",
      'a%sb',
      'x'.repeat(129),
      '',
      'a\\',
      'é',
      'a@0',
    ]
    const lines = evil.map((text) => `#HOTBLOCK image=${text}`)
    const many = Array.from({ length: 50 }, (_, i) => `#HOTBLOCK image=many${i}`)
    const job = await slurm.submit(`#!/bin/sh\n${[...lines, ...many].join('\n')}\n`, [
      `--comment=${evil.map((text) => `hotblock=${text}`).join(',')};hotblock=%n%s,hotblock=good`,
    ])
    assert.is(await slurm.ended(job), 'COMPLETED')
    await until(async () => (await recorder.calls()).length === 1, 'it is handed over')
    const [{ stdin }] = (await recorder.calls()) as [Awaited<ReturnType<Recorder['calls']>>[0]]
    // Of `a b` the first word is a name.
    assert.equal(references(stdin), ['a', 'good', ...Array.from({ length: 6 }, (_, i) => `many${i}`)])
    const long = await slurm.submit(`#!/bin/sh\n${'# \n'.repeat(300_000)}#HOTBLOCK image=late\n`)
    assert.is(await slurm.ended(long), 'COMPLETED')
    const full = await slurm.submit(`#!/bin/sh\n#HOTBLOCK image=after\n`, [`--comment=${'x'.repeat(1020)}`])
    assert.is(await comment(slurm, full), 'x'.repeat(1020))
    assert.is(await slurm.ended(full), 'COMPLETED')
    assert.equal(await slurm.unusable(), [])
  }),
)

test_('whatever hotblock does, submitting takes as long as without it', () =>
  withSite("trap '' TERM; sleep 60", async ({ slurm, recorder, installed }) => {
    const time = async (script: string): Promise<number> => {
      const started = performance.now()
      await slurm.submit(script)
      return performance.now() - started
    }
    await time(JOB)
    for (let i = 0; i < 8; i++) {
      const ms = await time(`#!/bin/sh\n#HOTBLOCK image=hangs${i}\n`)
      assert.ok(ms < 1000, `submitting took ${ms} ms`)
    }
    assert.ok((await recorder.calls()).length <= 4, 'more run at the same time than may')
    for (const [name, text] of [
      ['hotblock/hotblock.conf', 'if ( "\n'],
      ['hotblock/submit.sh', 'exit 1\n'],
      ['hotblock/submit.lua', 'this is no lua\n'],
      ['hotblock/submit.lua', 'return { submitted = function() error("x") end }\n'],
    ] as const) {
      await writeFile(join(installed.hooks, '..', name), text)
      // slurmctld reads a plugin's script again when it has changed.
      const script = join(installed.hooks, '..', 'job_submit.lua')
      await writeFile(script, `${await readFile(script, 'utf8')}\n`)
      const job = await slurm.submit(`#!/bin/sh\n#HOTBLOCK image=${name.replaceAll('/', '-')}\n`)
      assert.is(await slurm.ended(job), 'COMPLETED', name)
    }
    await rm(installed.hooks, { recursive: true })
    await slurm.restart()
    assert.is(await slurm.ended(await slurm.submit('#!/bin/sh\n#HOTBLOCK image=gone\n')), 'COMPLETED')
    assert.equal(await slurm.unusable(), [])
  }),
)

test_('five hundred jobs that name one image are one hand-over', () =>
  withSite('exit 0', async ({ slurm, recorder, installed }) => {
    await writeFile(installed.off, '')
    await slurm.submit('#!/bin/sh\n#HOTBLOCK image=off\n')
    await rm(installed.off)
    // Held, so that only submitting is looked at.
    const started = performance.now()
    for (let i = 0; i < 50; i++) {
      await Promise.all(Array.from({ length: 10 }, () => slurm.submit('#!/bin/sh\n#HOTBLOCK image=one\n', ['--hold'])))
    }
    const seconds = (performance.now() - started) / 1000
    await until(async () => (await recorder.calls()).length > 0, 'it is handed over')
    await sleep(500)
    const calls = await recorder.calls()
    assert.ok(calls.length <= 1 + seconds / 30, `${calls.length} hand-overs in ${seconds} s`)
    assert.ok(calls.every(({ stdin }) => references(stdin).join() === 'one'))
  }),
)

test.run()

/** Waiting for images, and what goes first, on real daemons; also for users that may do no more than wait. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ask } from '../../node/hooks/core/ask.ts'
import { FAILURES } from '../../protocols/errors.ts'
import { rejectsCode } from '../support/failures.ts'
import { hook } from '../support/hooks.ts'
import { until } from '../support/hosts.ts'
import { ROOT_RIGHTS } from '../support/needed.ts'
import { finish, start } from '../support/processes.ts'
import { mainProgram } from '../support/program.ts'
import { has, MIB, metric, withSite } from '../support/site.ts'
import { testWith } from '../support/tools.ts'

test('a thousand jobs for one image on a node are one fetch', () =>
  withSite(
    1,
    async ({ head, workers: [n1], image }) => {
      await image('base', 3 * MIB)
      const before = (await head.api.status()).served.bytes
      const jobs = Array.from({ length: 1000 }, (_, job) => {
        const call = { moment: 'node' as const, scheduler: 'slurm', job: `${job}`, names: ['base'], hosts: '' }
        return n1!.api.hook(call)
      })
      const waits = Array.from({ length: 6 }, () => {
        return n1!.api.wait('base', { timeoutSeconds: 30 }, () => {}, AbortSignal.timeout(40_000))
      })
      await Promise.all(jobs)
      let most = 0
      while (!(await has(n1!, 'base'))) most = Math.max(most, (await n1!.api.status()).transfers.length)
      const reports = await Promise.all(waits)
      assert.is(new Set(reports.map(({ path }) => path)).size, 1)
      assert.ok(most <= 1)
      const served = (await head.api.status()).served.bytes - before
      assert.ok(served < 3.2 * MIB, `${served} bytes were served`)
      assert.is(await metric(n1!, 'hotblock_hook_calls{moment="node"}'), 1000)
    },
    ['--rate-down', '3M'],
  ))

test('a prefetch has its own limit, which a job that waits lifts', () =>
  withSite(
    1,
    async ({ workers: [n1], image }) => {
      await image('big', 12 * MIB)
      await n1!.api.prefetch(['big'], { priority: 'allocated' })
      await until(async () => (await n1!.api.status()).transfers[0]?.phase === 'cold', 'the fetch')
      await new Promise((resolve) => setTimeout(resolve, 2000))
      const [slow] = (await n1!.api.status()).transfers
      assert.is(slow!.priority, 'allocated')
      assert.ok(slow!.wireBytes < 5 * MIB, `${slow!.wireBytes} bytes came`)
      const startedAt = performance.now()
      await n1!.api.wait('big', { timeoutSeconds: 20 }, () => {}, AbortSignal.timeout(30_000))
      const ms = performance.now() - startedAt
      assert.ok(ms < 6000, `the rest took ${ms} ms`)
    },
    ['--prefetch-rate-down', '512K'],
  ))

test('wait has its own time limit and failures, and the node goes on', () =>
  withSite(
    1,
    async ({ workers: [n1], image }) => {
      await image('big', 6 * MIB)
      const wait = (args: readonly string[]) => finish(start(['wait', ...args, '--home', n1!.home]))
      const [late, absent, wrong] = await Promise.all([
        wait(['big', '--timeout', '1']),
        wait(['nobody-has-it', '--timeout', '1']),
        wait(['../etc', '--timeout', '1']),
      ])
      assert.equal([late.status, late.stdout], [FAILURES.TIMEOUT.exit, ''])
      assert.match(late.stderr, /^hotblock: TIMEOUT: /)
      assert.equal([absent.status, absent.stdout], [FAILURES.NOT_FOUND.exit, ''])
      assert.match(absent.stderr, /^hotblock: NOT_FOUND: /)
      assert.is(wrong.status, FAILURES.BAD_NAME.exit)
      assert.equal((await n1!.api.status()).wants, ['big'])
      const { status, stdout } = await wait(['big', '--timeout', '30', '--json'])
      assert.is(status, 0)
      assert.is(JSON.parse(stdout).imageBytes, 6 * MIB)
    },
    ['--rate-down', '2M'],
  ))

testWith(ROOT_RIGHTS)(
  "users of the machine wait at the job socket, and cannot do more; a scheduler's user tells at its own",
  () =>
    withSite(1, async ({ directory, head, workers: [n1], image }) => {
      await image('base', MIB)
      execFileSync('chmod', ['755', directory])
      const socket = join(directory, 'job1.sock')
      const nobody = { uid: 65534, gid: 65534, cwd: '/', env: { HOME: '/nonexistent', PATH: '/usr/bin:/bin' } }
      const wait = spawn(
        process.execPath,
        [mainProgram(), 'wait', 'base', '--timeout', '20', '--socket', socket],
        nobody,
      )
      const { status, stdout, stderr } = await finish(wait)
      assert.is(status, 0, stderr)
      const readable = spawn('cmp', [stdout.trimEnd(), join(directory, 'base.img')], nobody)
      assert.equal(await once(readable, 'exit'), [0, null], 'the user can read the image')
      assert.is((await hook(['images', '--socket', socket], nobody)).stdout, 'base\n')
      assert.is((await hook(['node', '--image', 'base', '--socket', socket], nobody)).stderr.includes('USAGE'), false)
      const order = ['allocate', '--image', 'base', '--on', 'n1']
      assert.match((await hook([...order, '--socket', socket], nobody)).stderr, /USAGE/)
      for (const path of ['/stop', '/status', '/remove', '/order', '/fetch', '/publish', '/prefetch']) {
        const error = await rejectsCode('USAGE', ask(socket, { path, body: {} }, 5000))
        assert.match(error.message, /the control API has no POST/)
      }
      assert.match((await hook([...order, '--home', head.home], nobody)).stderr, /BAD_HOME/)
      assert.is((await stat(join(directory, 'hook.sock'))).mode & 0o777, 0o660)
      assert.match((await hook([...order, '--socket', join(directory, 'hook.sock')], nobody)).stderr, /BAD_HOME/)
      const ours = await hook([...order, '--socket', join(directory, 'hook.sock'), '--home', head.home])
      assert.is(ours.stderr, '')
      await until(async () => (await n1!.api.status()).hooks.received.taken === 1, 'the order')
    }),
)

test.run()

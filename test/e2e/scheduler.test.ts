/** Hooks, orders and waiting among real daemons: a scheduler's node beside the builder, and workers that obey it. */
import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FAILURES } from '../../protocols/errors.ts'
import { rejectsCode } from '../support/failures.ts'
import { hook, MAIN } from '../support/hooks.ts'
import { until } from '../support/hosts.ts'
import { ROOT_RIGHTS } from '../support/needed.ts'
import { publishOn, type RunningNode, startNode } from '../support/nodes.ts'
import { finish, start } from '../support/processes.ts'
import { withDirectory } from '../support/temporary.ts'
import { testWith } from '../support/tools.ts'

const MIB = 1024 * 1024

interface Site {
  readonly directory: string
  /** The builder, and the scheduler's node. */
  readonly head: RunningNode
  readonly workers: RunningNode[]
  image(name: string, bytes: number): Promise<void>
}

/** Workers are n1, n2, … in the file of nodes. */
function withSite(workers: number, use: (site: Site) => Promise<void>, flags: readonly string[] = []): Promise<void> {
  return withDirectory(async (directory) => {
    const nodes: RunningNode[] = []
    const nodesFile = join(directory, 'nodes')
    await writeFile(nodesFile, '')
    try {
      const sockets = ['--hook-socket', join(directory, 'hook.sock')]
      const head = await startNode({ home: join(directory, 'h'), flags: ['--nodes-file', nodesFile, ...sockets] })
      nodes.push(head)
      const obey = ['--scheduler-peer', head.peer, ...flags]
      const worker = (i: number): Promise<RunningNode> => {
        const more = ['--job-socket', join(directory, `job${i + 1}.sock`)]
        const init = { bootstrap: [head.address], trust: [head.peer], flags: [...obey, ...more] }
        return startNode({ home: join(directory, `w${i + 1}`), ...init })
      }
      const started = await Promise.all(Array.from({ length: workers }, (_, i) => worker(i)))
      nodes.push(...started)
      await writeFile(nodesFile, started.map((node, i) => `n${i + 1} 127.0.0.1:${portOf(node)}\n`).join(''))
      const image = async (name: string, bytes: number): Promise<void> => {
        const file = join(directory, `${name}.img`)
        await writeFile(file, randomBytes(bytes))
        await publishOn(head, file, name)
      }
      await use({ directory, head, workers: started, image })
    } finally {
      await Promise.all(nodes.map((node) => node.stop()))
    }
  })
}

function portOf({ address }: RunningNode): string {
  return /\/tcp\/(\d+)\//.exec(address)![1]!
}

async function has(node: RunningNode, name: string): Promise<boolean> {
  return (await node.api.held()).names.includes(name)
}

async function metric(node: RunningNode, name: string): Promise<number> {
  const line = (await node.api.metrics()).split('\n').find((each) => each.startsWith(`${name} `))
  return Number(line?.slice(name.length + 1))
}

test('from submission to the job: seeds, then the nodes of the job, then the job that waits', () =>
  withSite(3, async ({ directory, head, workers: [n1, n2, n3], image }) => {
    await image('base', 4 * MIB)
    const at = ['--scheduler', 'slurm', '--job', '7', '--home', head.home]
    const script = '#!/bin/sh\n#HOTBLOCK image=base\n'
    await hook(['submit', ...at, '--text', '-', '--seeds', 'n1'], { input: script })
    await until(() => has(n1!, 'base'), 'the seed has the image')
    assert.not(await has(n2!, 'base'))
    await hook(['allocate', ...at, '--text', '-', '--on', 'n[2-3],gone.invalid'], { input: script })
    await until(async () => (await has(n2!, 'base')) && (await has(n3!, 'base')), 'the nodes of the job have it')

    const waited = await finish(start(['wait', 'base', '--timeout', '20', '--home', n2!.home]))
    assert.is(waited.status, 0, waited.stderr)
    const [bytes, original] = await Promise.all([
      readFile(waited.stdout.trimEnd()),
      readFile(join(directory, 'base.img')),
    ])
    assert.ok(bytes.equals(original))
    assert.is((await hook(['images', '--home', n2!.home])).stdout, 'base\n')

    await until(async () => (await head.api.status()).hooks.sent.pending === 0, 'all hosts were told')
    const { hooks } = await head.api.status()
    assert.equal(hooks.calls, { submit: 1, allocate: 1, node: 0 })
    assert.equal(hooks.sent, { taken: 3, refused: 0, unreachable: 1, pending: 0 })
    const [allocated, seeds] = hooks.orders
    assert.equal([seeds!.priority, seeds!.taken], ['seed', 1])
    assert.equal([allocated!.priority, allocated!.hosts, allocated!.taken], ['allocated', 3, 2])
    assert.is(allocated!.failures[0]!.host, 'gone.invalid')
    assert.is((await n2!.api.status()).hooks.received.taken, 1)
    assert.is(await metric(head, 'hotblock_orders_sent{outcome="unreachable"}'), 1)
  }))

test('a node obeys only the schedulers that it was told of', () =>
  withSite(1, async ({ directory, head, workers: [n1], image }) => {
    await image('base', MIB)
    const file = join(directory, 'others')
    await writeFile(file, `n1 127.0.0.1:${portOf(n1!)}\n`)
    const stranger = await startNode({ home: join(directory, 's'), flags: ['--nodes-file', file] })
    try {
      const report = await stranger.api.order(['base'], 'n1', {})
      assert.equal([report.taken, report.refused, report.failures], [0, 1, [{ host: 'n1', reason: 'untrusted' }]])
      assert.equal((await n1!.api.status()).wants, [])
      assert.is((await n1!.api.status()).hooks.received.refused, 1)
      const taken = await finish(start(['prefetch', 'base', '--on', 'n1', '--json', '--home', head.home]))
      assert.is(JSON.parse(taken.stdout).taken, 1, taken.stderr)
      await until(() => has(n1!, 'base'), 'the image')
    } finally {
      await stranger.stop()
    }
  }))

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

test('a daemon that was stopped and one that was killed: the hook ends in time, and its failures are counted later', () =>
  withSite(1, async ({ directory, head, workers: [n1], image }) => {
    await image('base', MIB)
    const args = ['node', '--scheduler', 'slurm', '--job', '1', '--image', 'base', '--home', n1!.home]
    process.kill(n1!.pid, 'SIGSTOP')
    const stopped = await hook(args)
    assert.match(stopped.stderr, /TIMEOUT/)
    process.kill(n1!.pid, 'SIGCONT')
    await until(async () => (await metric(n1!, 'hotblock_hook_failures{code="TIMEOUT"}')) === 1, 'it is counted')
    // What the daemon had been told, it heard when it went on.
    await until(() => has(n1!, 'base'), 'the image')
    await n1!.kill()
    const dead = await hook(args)
    assert.match(dead.stderr, /NO_DAEMON/)
    const again = await startNode({ home: n1!.home, bootstrap: [head.address], trust: [head.peer] })
    try {
      await until(async () => (await metric(again, 'hotblock_hook_failures{code="NO_DAEMON"}')) === 1, 'it is counted')
      assert.equal((await again.api.status()).hooks.failures, { NO_DAEMON: 1 })
    } finally {
      await again.stop()
    }
    assert.ok(directory.length > 0)
  }))

testWith(ROOT_RIGHTS)(
  "users of the machine wait at the job socket, and cannot do more; a scheduler's user tells at its own",
  () =>
    withSite(1, async ({ directory, head, workers: [n1], image }) => {
      await image('base', MIB)
      execFileSync('chmod', ['755', directory])
      const socket = join(directory, 'job1.sock')
      const nobody = { uid: 65534, gid: 65534, cwd: '/', env: { HOME: '/nonexistent', PATH: '/usr/bin:/bin' } }
      const wait = spawn(process.execPath, [MAIN, 'wait', 'base', '--timeout', '20', '--socket', socket], nobody)
      const { status, stdout, stderr } = await finish(wait)
      assert.is(status, 0, stderr)
      const readable = spawn('cmp', [stdout.trimEnd(), join(directory, 'base.img')], nobody)
      assert.equal(await once(readable, 'exit'), [0, null], 'the user can read the image')
      assert.is((await hook(['images', '--socket', socket], nobody)).stdout, 'base\n')
      assert.is((await hook(['node', '--image', 'base', '--socket', socket], nobody)).stderr.includes('USAGE'), false)
      const order = ['allocate', '--image', 'base', '--on', 'n1']
      assert.match((await hook([...order, '--socket', socket], nobody)).stderr, /USAGE/)
      for (const path of ['/stop', '/status', '/remove', '/order', '/fetch', '/publish']) {
        const said = execFileSync('curl', ['-s', '-X', 'POST', '--unix-socket', socket, `http://hotblock${path}`], {
          encoding: 'utf8',
        })
        assert.match(said, /the control API has no POST/)
      }
      assert.match((await hook([...order, '--home', head.home], nobody)).stderr, /BAD_HOME/)
      assert.is((await stat(join(directory, 'hook.sock'))).mode & 0o777, 0o660)
      assert.match((await hook([...order, '--socket', join(directory, 'hook.sock')], nobody)).stderr, /BAD_HOME/)
      const ours = await hook([...order, '--socket', join(directory, 'hook.sock'), '--home', head.home])
      assert.is(ours.stderr, '')
      await until(async () => (await n1!.api.status()).hooks.received.taken === 1, 'the order')
      await mkdir(join(directory, 'x'))
      await rejectsCode(
        'NO_DAEMON',
        import('../../node/control/client.ts').then(({ connectControl }) =>
          connectControl(join(directory, 'x')).status(),
        ),
      )
    }),
)

test.run()

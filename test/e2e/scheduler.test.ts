/** Hooks and orders among real daemons: a scheduler's node beside the builder, and workers that obey it. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seedsOf } from '../../node/decisions/seeds.ts'
import { hook } from '../support/hooks.ts'
import { until } from '../support/hosts.ts'
import { startNode } from '../support/nodes.ts'
import { finish, start } from '../support/processes.ts'
import { has, MIB, metric, portOf, withSite } from '../support/site.ts'

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

test('one host of each rack is the seed of an image', () =>
  withSite(3, async ({ head, workers: [n1, n2, n3], image }) => {
    await image('base', MIB)
    const racks = [['n1', 'n2'], ['n3']]
    const seeds = seedsOf('base', racks)
    const [other] = racks[0]!.filter((host) => !seeds.includes(host))
    const args = ['submit', '--scheduler', 'slurm', '--job', '7', '--home', head.home, '--racks', 'n[1,2] n3']
    for (const reference of ['base', `base@${head.peer}`]) await hook([...args, '--image', reference])
    const nodes = { n1, n2, n3 } as const
    for (const seed of seeds) {
      await until(() => has(nodes[seed as keyof typeof nodes]!, 'base'), `the seed ${seed} has the image`)
    }
    assert.not(await has(nodes[other as keyof typeof nodes]!, 'base'))
    const { hooks } = await head.api.status()
    assert.equal([hooks.orders.map(({ hosts }) => hosts), hooks.sent.taken], [[2, 2], 4])
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

test('a daemon that was stopped and one that was killed: the hook ends in time, and its failures are counted later', () =>
  withSite(1, async ({ head, workers: [n1], image }) => {
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
  }))

test.run()

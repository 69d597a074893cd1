/** The command as a process: pipes that close, signals, and what it does with standard output and standard error. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { socketPath } from '../../../node/control/socket.ts'
import { FAILURES } from '../../../protocols/errors.ts'
import { hotblock } from '../../support/command-line.ts'
import { until } from '../../support/hosts.ts'
import { finish, firstLine, start } from '../../support/processes.ts'
import { withDirectory } from '../../support/temporary.ts'

test('a reader that has seen enough is no failure', async () => {
  const child = start(['help'])
  child.stdout!.destroy()
  const { status, stderr } = await finish(child)
  assert.is(status, 0)
  assert.is(stderr, '')
})

test('a daemon whose reader has gone runs on', async () => {
  await withDirectory(async (home) => {
    const child = start(['daemon', '--home', home, '--listen', '/ip4/127.0.0.1/tcp/0', '--log-level', 'warn'])
    try {
      child.stdout!.destroy()
      await until(async () => (await hotblock(['status', '--home', home])).status === 0, 'the daemon answers', 30_000)
      const ended = finish(child)
      child.kill('SIGTERM')
      assert.equal(await ended, { status: 0, stdout: '', stderr: '' })
    } finally {
      child.kill('SIGKILL')
    }
  })
})

test('the exit status is that of the failure, and standard output is empty', async () => {
  const { status, stdout, stderr } = await finish(start(['hash', '/absent']))
  assert.is(status, FAILURES.NO_SUCH_FILE.exit)
  assert.is(stdout, '')
  assert.match(stderr, /^hotblock: NO_SUCH_FILE: no such file: \/absent\n/)
})

test('HOTBLOCK_HOME names the home, --home goes before it', async () => {
  await withDirectory(async (directory) => {
    const variable = { HOTBLOCK_HOME: join(directory, 'variable') }
    const first = await finish(start(['id', '--json'], variable))
    const again = await finish(start(['id', '--json'], variable))
    const other = await finish(start(['id', '--json', '--home', join(directory, 'flag')], variable))
    assert.is(first.status, 0, first.stderr)
    assert.is(JSON.parse(first.stdout).peer, JSON.parse(again.stdout).peer)
    assert.is.not(JSON.parse(first.stdout).peer, JSON.parse(other.stdout).peer)
    assert.ok(existsSync(join(directory, 'flag', 'identity.key')))
  })
})

test('a daemon ends in order after either signal, and another can take its home', async () => {
  await withDirectory(async (home) => {
    const args = ['daemon', '--json', '--home', home, '--listen', '/ip4/127.0.0.1/tcp/0', '--log-level', 'warn']
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const child = start([...args, '--floor', '0'])
      try {
        const ready = await firstLine(child)
        assert.is(ready.ready, true)
        assert.match(String(ready.addresses), /^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3KooW/)
        if (signal === 'SIGTERM') {
          const second = await finish(start([...args, '--floor', '0']))
          assert.is(second.status, FAILURES.DAEMON_RUNNING.exit)
          assert.match(second.stderr, /^hotblock: DAEMON_RUNNING: /)
          assert.ok(existsSync(socketPath(home)), 'the first one goes on')
        }
        child.kill(signal)
        const { status, stderr } = await finish(child)
        assert.is(status, 0)
        assert.is(stderr, '')
        assert.not.ok(existsSync(socketPath(home)))
      } finally {
        child.kill('SIGKILL')
      }
    }
  })
})

test.run()

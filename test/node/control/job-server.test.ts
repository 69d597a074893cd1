import { existsSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startJobServer } from '../../../node/control/job-server.ts'
import { leaveDeadSocket } from '../../support/dead-socket.ts'
import { rejectsCode } from '../../support/failures.ts'
import { fakeApi } from '../../support/fake-api.ts'
import { withDirectory } from '../../support/temporary.ts'

const KINDS = ['hook', 'job'] as const

test('the job socket is everybody’s, and its directory is made; the hook socket is its group’s', () =>
  withDirectory(async (directory) => {
    const endJob = await startJobServer({ kind: 'job', path: join(directory, 'run/job.sock'), api: fakeApi() })
    assert.is(statSync(join(directory, 'run')).mode & 0o777, 0o755)
    assert.is(statSync(join(directory, 'run/job.sock')).mode & 0o777, 0o666)
    const endHook = await startJobServer({ kind: 'hook', path: join(directory, 'hook.sock'), api: fakeApi() })
    assert.is(statSync(join(directory, 'hook.sock')).mode & 0o777, 0o660)
    await Promise.all([endJob(), endHook()])
    assert.not.ok(existsSync(join(directory, 'run/job.sock')))
  }))

test('the directory of the hook socket is the site’s', () =>
  withDirectory(async (directory) => {
    const path = join(directory, 'site/hook.sock')
    await rejectsCode('BAD_CONFIG', startJobServer({ kind: 'hook', path, api: fakeApi() }))
    assert.not.ok(existsSync(join(directory, 'site')))
  }))

for (const kind of KINDS) {
  test(`the ${kind} socket of a dead daemon is replaced, that of a living one and what is none are left alone`, () =>
    withDirectory(async (directory) => {
      const path = join(directory, 's.sock')
      const end = await startJobServer({ kind, path, api: fakeApi() })
      await rejectsCode('DAEMON_RUNNING', startJobServer({ kind, path, api: fakeApi() }))
      assert.ok(existsSync(path))
      await end()
      leaveDeadSocket(path)
      await (await startJobServer({ kind, path, api: fakeApi() }))()
      await writeFile(path, 'precious')
      await rejectsCode('BAD_CONFIG', startJobServer({ kind, path, api: fakeApi() }))
      assert.ok(existsSync(path))
      const long = join(directory, 'x'.repeat(120))
      await rejectsCode('BAD_CONFIG', startJobServer({ kind, path: long, api: fakeApi() }))
    }))
}

test.run()

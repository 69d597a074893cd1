/** Whose the control socket is: one living daemon's, and nobody else's. */
import { existsSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectControl } from '../../../node/control/client.ts'
import { startControlServer } from '../../../node/control/server.ts'
import { socketPath } from '../../../node/control/socket.ts'
import { openStore } from '../../../node/store/open.ts'
import { withControl } from '../../support/control.ts'
import { leaveDeadSocket } from '../../support/dead-socket.ts'
import { rejectsCode } from '../../support/failures.ts'
import { fakeApi, STATUS } from '../../support/fake-api.ts'
import { withDirectory } from '../../support/temporary.ts'

test('the socket is its owner’s alone', async () => {
  await withControl({}, async (_client, _calls, home) => {
    assert.is(statSync(socketPath(home)).mode & 0o777, 0o600)
  })
})

test('a living daemon keeps its socket', async () => {
  await withControl({}, async (client, _calls, home) => {
    await rejectsCode('DAEMON_RUNNING', startControlServer({ home, api: fakeApi() }))
    assert.equal(await client.status(), STATUS)
  })
})

test('a dead daemon’s socket is replaced', async () => {
  await withDirectory(async (home) => {
    leaveDeadSocket(socketPath(home))
    await rejectsCode('NO_DAEMON', connectControl(home).status())
    const server = await startControlServer({ home, api: fakeApi() })
    const client = connectControl(home)
    assert.equal(await client.status(), STATUS)
    await client.close()
    await server.close()
  })
})

test('of daemons that start together over a dead socket one wins', async () => {
  await withDirectory(async (home) => {
    leaveDeadSocket(socketPath(home))
    // As a daemon does: the home is locked before its socket is looked at.
    const start = async () => {
      const store = await openStore(home, { floorBytes: 0 })
      return { store, server: await startControlServer({ home, api: fakeApi() }) }
    }
    const starts = await Promise.allSettled([1, 2, 3].map(start))
    const won = starts.filter((each) => each.status === 'fulfilled')
    assert.is(won.length, 1)
    for (const each of starts) if (each.status === 'rejected') assert.is(each.reason.code, 'DAEMON_RUNNING')
    const client = connectControl(home)
    assert.equal(await client.status(), STATUS)
    await client.close()
    await won[0]?.value.server.close()
    await won[0]?.value.store.close()
  })
})

test('what is no socket is left alone', async () => {
  await withDirectory(async (home) => {
    await writeFile(socketPath(home), 'precious')
    await rejectsCode('BAD_HOME', startControlServer({ home, api: fakeApi() }))
    assert.ok(existsSync(socketPath(home)))
  })
})

test('homes that cannot be', async () => {
  await withDirectory(async (directory) => {
    const file = join(directory, 'file')
    await writeFile(file, 'x')
    await rejectsCode('BAD_HOME', startControlServer({ home: file, api: fakeApi() }))
    await rejectsCode('BAD_HOME', connectControl(file).status())
    await rejectsCode('NO_DAEMON', connectControl(join(directory, 'absent')).status())
    // 'control.sock' and a slash are 13 bytes: 94 are left for the home.
    const longest = join(directory, 'x'.repeat(94 - directory.length - 1))
    const server = await startControlServer({ home: longest, api: fakeApi() })
    assert.is(server.path.length, 107)
    await server.close()
    const tooLong = await rejectsCode('BAD_HOME', startControlServer({ home: `${longest}x`, api: fakeApi() }))
    assert.match(tooLong.message, /108 bytes/)
    assert.throws(() => connectControl(`${longest}x`), /108 bytes/)
  })
})

test.run()

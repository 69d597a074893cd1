/** The control API through its real socket: a fake daemon behind the server, the client in front of it. */
import { connect } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { FetchProgress, NodeApi } from '../../../node/api.ts'
import { connectControl } from '../../../node/control/client.ts'
import { startControlServer } from '../../../node/control/server.ts'
import { socketPath } from '../../../node/control/socket.ts'
import { HotblockError } from '../../../protocols/errors.ts'
import { withControl } from '../../support/control.ts'
import { rejectsCode } from '../../support/failures.ts'
import { FETCH_PROGRESS, FETCH_REPORT, fakeApi, IMAGE_ROW, STATUS } from '../../support/fake-api.ts'
import { withDirectory } from '../../support/temporary.ts'

const none = () => {}

test('short calls pass arguments and reports', async () => {
  await withControl({}, async (client, calls) => {
    assert.equal(await client.status(), STATUS)
    assert.equal(await client.peers(), [])
    assert.equal(await client.images({ mesh: true }), [IMAGE_ROW])
    assert.is((await client.plan('a@12D3KooWa')).holders, 3)
    assert.equal(await client.prefetch(['a', 'b']), { accepted: ['a', 'b'] })
    assert.is((await client.pin('a', true)).pinned, true)
    assert.is((await client.pin('a', false)).pinned, false)
    assert.equal(await client.remove('a'), { name: 'a', freedBytes: 100 })
    assert.equal(await client.gc(), { freedBytes: 7 })
    assert.match(await client.metrics(), /^# TYPE hotblock_up gauge\nhotblock_up 1$/m)
    assert.equal(calls, [
      { method: 'images', args: [{ mesh: true }] },
      { method: 'plan', args: ['a@12D3KooWa'] },
      { method: 'prefetch', args: [['a', 'b']] },
      { method: 'pin', args: ['a', true] },
      { method: 'pin', args: ['a', false] },
      { method: 'remove', args: ['a'] },
      { method: 'gc', args: [] },
    ])
  })
})

test('long calls pass progress before the report', async () => {
  await withControl({}, async (client, calls) => {
    const seen: FetchProgress[] = []
    const options = { output: '/tmp/out.img', timeoutSeconds: 2.5 }
    const report = await client.fetch('a', options, (p) => seen.push(p), new AbortController().signal)
    assert.equal(report, FETCH_REPORT)
    assert.equal(seen, [FETCH_PROGRESS])
    const published = await client.publish('/x.img', 'a', { cut: 'fixed:4096', blockBytes: 8192 }, none)
    assert.is(published.sequence, 1)
    await client.verify(undefined, none)
    await client.verify('a', none)
    assert.is((await client.repair('a', none)).repairedBlocks, 0)
    assert.equal(calls, [
      { method: 'fetch', args: ['a', options] },
      { method: 'publish', args: ['/x.img', 'a', { cut: 'fixed:4096', blockBytes: 8192 }] },
      { method: 'verify', args: [undefined] },
      { method: 'verify', args: ['a'] },
      { method: 'repair', args: ['a'] },
    ])
  })
})

test('a flood of progress is thinned, and its last is kept', async () => {
  const fetch: NodeApi['fetch'] = async (_name, _options, progress) => {
    for (let i = 1; i <= 10_000; i++) progress({ ...FETCH_PROGRESS, doneBytes: i })
    return FETCH_REPORT
  }
  await withControl({ fetch }, async (client) => {
    const seen: number[] = []
    await client.fetch('a', {}, (p) => seen.push(p.doneBytes), new AbortController().signal)
    assert.ok(seen.length < 100, `${seen.length} lines`)
    assert.is(seen.at(-1), 10_000)
  })
})

test('failures keep code, message and data, in short and in long calls', async () => {
  const failure = new HotblockError('NO_SPACE', 'the disk is full: /x', { path: '/x' })
  const fails = async () => {
    throw failure
  }
  await withControl({ gc: fails, fetch: fails }, async (client) => {
    const missing = await rejectsCode('NOT_FOUND', client.remove('missing'))
    assert.equal(missing.data, { name: 'missing' })
    assert.is((await rejectsCode('NO_SPACE', client.gc())).message, failure.message)
    const long = await rejectsCode('NO_SPACE', client.fetch('a', {}, none, new AbortController().signal))
    assert.equal(long.toJSON(), failure.toJSON())
  })
})

test('a failure after progress arrives too', async () => {
  const verify: NodeApi['verify'] = async (_name, progress) => {
    progress({ phase: 'verify', name: 'a', doneBytes: 1, imageBytes: 2 })
    await new Promise((resolve) => setTimeout(resolve, 20))
    throw new Error('boom')
  }
  await withControl({ verify }, async (client) => {
    const error = await rejectsCode('INTERNAL', client.verify('a', none))
    assert.is(error.message, 'boom')
  })
})

test('a client that goes away aborts the call', async () => {
  const started = Promise.withResolvers<void>()
  const aborted = Promise.withResolvers<unknown>()
  const fetch: NodeApi['fetch'] = (_name, _options, progress, signal) => {
    progress(FETCH_PROGRESS)
    started.resolve()
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        aborted.resolve(signal.reason)
        reject(signal.reason)
      })
    })
  }
  await withControl({ fetch }, async (client) => {
    const stop = new AbortController()
    const fetching = rejectsCode('CANCELLED', client.fetch('a', {}, none, stop.signal))
    await started.promise
    stop.abort()
    await fetching
    assert.is(((await aborted.promise) as HotblockError).code, 'CANCELLED')
    assert.equal(await client.status(), STATUS, 'the server goes on')
  })
})

test('a server that closes cancels what runs', async () => {
  await withDirectory(async (home) => {
    const started = Promise.withResolvers<void>()
    const fetch: NodeApi['fetch'] = (_name, _options, _progress, signal) => {
      started.resolve()
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    }
    const server = await startControlServer({ home, api: fakeApi({ fetch }) })
    const client = connectControl(home)
    const fetching = client.fetch('a', {}, none, new AbortController().signal).then(
      () => 'done',
      (error: HotblockError) => error.code,
    )
    await started.promise
    await server.close()
    await server.close()
    assert.ok(['CANCELLED', 'NO_DAEMON'].includes(await fetching))
    await client.close()
  })
})

test('a server that is about to close cancels calls, and takes a stop', async () => {
  await withDirectory(async (home) => {
    const started = Promise.withResolvers<void>()
    const fetch: NodeApi['fetch'] = (_name, _options, _progress, signal) => {
      started.resolve()
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    }
    const api = fakeApi({ fetch })
    const server = await startControlServer({ home, api })
    const client = connectControl(home, { stopTimeoutMs: 100 })
    try {
      const fetching = rejectsCode('CANCELLED', client.fetch('a', {}, none, new AbortController().signal))
      await started.promise
      server.cancel()
      await fetching
      await rejectsCode('CANCELLED', client.status())
      await rejectsCode('CANCELLED', client.verify('a', none))
      await rejectsCode('TIMEOUT', client.stop())
      assert.equal(api.calls, [{ method: 'stop', args: [] }])
    } finally {
      await client.close()
      await server.close()
    }
  })
})

test('stop answers, stops the daemon, and waits for the socket to go', async () => {
  await withDirectory(async (home) => {
    let stopped = false
    const server = await startControlServer({
      home,
      api: fakeApi({
        async stop() {
          await new Promise((resolve) => setTimeout(resolve, 50))
          stopped = true
          await server.close()
        },
      }),
    })
    const client = connectControl(home)
    await client.stop()
    assert.ok(stopped)
    await client.close()
    await rejectsCode('NO_DAEMON', connectControl(home).status())
  })
})

test('bad names and bodies are refused before the daemon is asked', async () => {
  await withControl({}, async (client, calls, home) => {
    for (const name of ['', '../x', 'a/b', 'a\nb', '.a', 'x'.repeat(129), 'a@not/a/peer']) {
      await rejectsCode('BAD_NAME', client.plan(name))
      await rejectsCode('BAD_NAME', client.remove(name))
      await rejectsCode('BAD_NAME', client.fetch(name, {}, none, new AbortController().signal))
      await rejectsCode('BAD_NAME', client.prefetch(['a', name]))
    }
    await rejectsCode('BAD_NAME', client.publish('/x', 'a@12D3KooWa', { cut: 'auto' }, none))
    await rejectsCode('USAGE', client.publish('x.img', 'a', { cut: 'auto' }, none))
    await rejectsCode('USAGE', client.publish('/x', 'a', { cut: 'auto', blockBytes: 1 }, none))
    await rejectsCode('USAGE', client.fetch('a', { timeoutSeconds: -1 }, none, new AbortController().signal))
    await rejectsCode('USAGE', client.prefetch([]))
    assert.match(await raw(home, post('/pin', '{"name":"a","pinned":"yes"}')), /^HTTP\/1.1 400.*"USAGE"/s)
    assert.match(await raw(home, post('/pin', '{"name":"a","pinned":true,"more":1}')), /^HTTP\/1.1 400.*"USAGE"/s)
    assert.match(await raw(home, post('/pin', '{"name":')), /^HTTP\/1.1 400.*"USAGE"/s)
    assert.match(await raw(home, post('/pin', JSON.stringify('x'.repeat(70_000)))), /^HTTP\/1.1 4\d\d.*"USAGE"/s)
    assert.match(await raw(home, 'GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'), /^HTTP\/1.1 404/)
    assert.equal(calls, [])
  })
})

test('a body is JSON that says so, and no longer than it may be, however it is sent', async () => {
  await withControl({}, async (_client, calls, home) => {
    const start = 'POST /pin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n'
    const text = `${start}Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}`
    assert.match(await raw(home, text), /^HTTP\/1.1 400.*"USAGE".*application\/json/s)
    const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`
    const chunked = `${start}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}${chunk}`
    assert.match(await raw(home, chunked), /^HTTP\/1.1 400.*"USAGE"/s)
    const named = '{"name":"a","pinned":true}'
    const utf8 = `Content-Type: application/json; charset=utf-8\r\nContent-Length: ${named.length}\r\n\r\n${named}`
    assert.match(await raw(home, start.replace('/pin', '/pin?x=1') + utf8), /^HTTP\/1.1 200/)
    assert.is(calls.length, 1)
  })
})

function post(path: string, body: string): string {
  const length = Buffer.byteLength(body)
  const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json`
  return `${head}\r\nContent-Length: ${length}\r\n\r\n${body}`
}

/** Sends bytes as they are, and returns what comes back. */
function raw(home: string, request: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let text = ''
  const socket = connect(socketPath(home), () => socket.write(request))
  socket.setEncoding('utf8')
  socket.on('data', (chunk: string) => {
    text += chunk
  })
  socket.on('error', (error) => (text === '' ? reject(error) : resolve(text)))
  socket.on('close', () => resolve(text))
  return promise
}

test.run()

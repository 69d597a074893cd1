/** What breaks the block exchange, and sides that take their time: nothing of it is believed, and nothing piles up. */
import { streamPair } from '@libp2p/utils'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { BlockSession } from '../../../protocols/blocks/client.ts'
import { CLIENT_MESSAGE_BYTES_MAX, FRAME_BYTES_MAX, SESSION_REQUESTS_MAX } from '../../../protocols/blocks/constants.ts'
import { readMessages, writeMessage } from '../../../protocols/blocks/framing.ts'
import { encodeGet, encodeMessage, type ServerHeader } from '../../../protocols/blocks/messages.ts'
import { block, codeOf, served, serveOn, withServer } from '../../support/block-sessions.ts'
import { MemorySource, recordingEvents, sessionWith } from '../../support/block-source.ts'
import { rejectsCode } from '../../support/failures.ts'
import { until } from '../../support/hosts.ts'
import { rootOf } from '../../support/records.ts'

const ROOT = rootOf(1)
const OPEN = Buffer.concat(encodeMessage({ t: 'open', root: ROOT }))

test('a server that answers what nobody asked breaks the protocol', async () => {
  for (const header of [
    { t: 'frame', id: 9, enc: 0 },
    { t: 'busy', id: 9, ms: 1 },
  ] as const) {
    const { told } = await withServer((say) => say(header))
    await until(() => told.closed !== undefined, 'the end')
    assert.is(codeOf(told.closed!.error), 'BAD_MESSAGE', header.t)
  }
})

test('a second answer to one request breaks the protocol', async () => {
  const { session, told } = await withServer(async (say, server) => {
    for await (const _ of readMessages(server, CLIENT_MESSAGE_BYTES_MAX)) {
      await say({ t: 'frame', id: 1, enc: 0 }, block(1))
      await say({ t: 'frame', id: 1, enc: 0 }, block(1))
    }
  })
  session.get(1, new Uint8Array(32), Uint32Array.of(100))
  await until(() => told.closed !== undefined, 'the end')
  assert.is(told.frames.length, 1)
  assert.is(codeOf(told.closed!.error), 'BAD_MESSAGE')
})

test('a frame with a bit field of a wrong size, or longer than a frame, breaks the protocol', async () => {
  const answers: [ServerHeader, Uint8Array][] = [
    [{ t: 'frame', id: 1, enc: 0, miss: new Uint8Array(2) }, block(1)],
    [{ t: 'frame', id: 1, enc: 1 }, new Uint8Array(FRAME_BYTES_MAX + 1)],
  ]
  for (const [header, payload] of answers) {
    const { session, told } = await withServer(async (say, server) => {
      for await (const _ of readMessages(server, CLIENT_MESSAGE_BYTES_MAX)) await say(header, payload)
    })
    session.get(1, new Uint8Array(32), Uint32Array.of(100))
    await until(() => told.closed !== undefined, 'the end')
    assert.is(codeOf(told.closed!.error), 'BAD_MESSAGE')
    assert.is(told.frames.length, 0)
  }
})

test('holdings that do not fit the table are refused', async () => {
  const answer = async (total: number, payload: Uint8Array): Promise<BlockSession> => {
    const { session } = await withServer(async (say, server) => {
      for await (const _ of readMessages(server, CLIENT_MESSAGE_BYTES_MAX)) {
        await say({ t: 'state', holds: 'some', total }, payload)
      }
    })
    return session
  }
  await rejectsCode('BAD_MESSAGE', (await answer(8, new Uint8Array(3))).open(ROOT, 8))
  await rejectsCode('BAD_MESSAGE', (await answer(9, new Uint8Array(4))).open(ROOT, 8))
  assert.is((await (await answer(8, Uint8Array.of(255, 0))).open(ROOT, 8)).holds, 'some')
})

test('table parts and probe answers of a wrong size are refused', async () => {
  const { session } = await withServer(async (say, server) => {
    for await (const body of readMessages(server, CLIENT_MESSAGE_BYTES_MAX)) {
      const probe = Buffer.from(body).includes('probe')
      if (probe) await say({ t: 'probe', id: 2 }, new Uint8Array(2))
      else await say({ t: 'table', id: 1, sizes: [3] }, new Uint8Array(2))
    }
  })
  await rejectsCode('BAD_MESSAGE', session.table([ROOT]))
  await rejectsCode('BAD_MESSAGE', session.probe(new Uint8Array(8)))
})

test('a client that speaks out of turn, or of nothing known, ends its session', async () => {
  const get = (lengths: number[]): Buffer =>
    Buffer.concat(
      encodeMessage({ t: 'get', id: 1 }, encodeGet(new Uint8Array(lengths.length * 32), Uint32Array.from(lengths))),
    )
  const tooLong = Buffer.alloc(4)
  tooLong.writeUInt32BE(CLIENT_MESSAGE_BYTES_MAX + 1)
  const cases: [string, Uint8Array[]][] = [
    ['get before open', [get([1])]],
    ['open twice', [OPEN, OPEN]],
    ['oversized get', [OPEN, get([FRAME_BYTES_MAX, 1])]],
    ['empty get', [OPEN, get([])]],
    ['empty probe', [OPEN, Buffer.concat(encodeMessage({ t: 'probe', id: 1 }))]],
    ['message of a server', [OPEN, Buffer.concat(encodeMessage({ t: 'busy', id: 1, ms: 1 }))]],
    ['long message', [OPEN, tooLong]],
    ['garbage', [Uint8Array.of(0, 0, 0, 3, 1, 2, 3)]],
  ]
  for (const [name, parts] of cases) {
    const { error, source } = await served(parts)
    assert.is(codeOf(error), 'BAD_MESSAGE', name)
    assert.is(source.sentFrames.length, 0, name)
  }
})

test('a client that asks for more than may wait ends its session', async () => {
  const source = new MemorySource()
  source.gate = new Promise(() => {})
  const { session, served } = await sessionWith(source)
  await session.open(ROOT, undefined)
  const hash = source.add(block(1))
  for (let i = 0; i <= SESSION_REQUESTS_MAX; i++) session.get(i, hash, Uint32Array.of(100))
  assert.is(codeOf(await served), 'BAD_MESSAGE')
})

test('a flood of requests does not pile up behind one that takes long', async () => {
  const source = new MemorySource()
  const [client, server] = await streamPair()
  // The peer takes nothing of what it is sent, so that the first answer cannot be sent to its end.
  const blocked = Promise.withResolvers<void>()
  server.send = () => false
  server.onDrain = () => blocked.promise
  const { served } = serveOn(server, source)
  let asked = 0
  source.hasPrefix = () => {
    asked++
    return new Uint8Array(1)
  }
  await writeMessage(client, [OPEN])
  const probe = Buffer.concat(encodeMessage({ t: 'probe', id: 1 }, new Uint8Array(8)))
  for (let i = 0; i < 50; i++) client.send(probe)
  await until(() => server.readStatus === 'paused', 'the server stops to read')
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.is(asked, 0)
  blocked.resolve()
  await until(() => asked === 50, 'and goes on when it can')
  client.abort(new Error('enough'))
  await served
})

test('an answer that does not come in time is a time-out, and no unhandled rejection', async () => {
  const unhandled: unknown[] = []
  const note = (reason: unknown): void => {
    unhandled.push(reason)
  }
  process.on('unhandledRejection', note)
  const [client] = await streamPair()
  const session = new BlockSession(client, recordingEvents().events)
  // The peer takes nothing: the question itself cannot be sent to its end.
  client.send = () => false
  client.onDrain = () => new Promise<void>(() => {})
  await rejectsCode('TIMEOUT', session.probe(new Uint8Array(8)))
  await new Promise((resolve) => setTimeout(resolve, 20))
  process.off('unhandledRejection', note)
  assert.equal(unhandled, [])
  session.close()
})

test.run()

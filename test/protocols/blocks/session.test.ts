/** Client and server of the block exchange, over streams in memory. */
import type { Stream } from '@libp2p/interface'
import { streamPair } from '@libp2p/utils'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { getBit, newBits, setBit } from '../../../protocols/bits.ts'
import { BlockSession } from '../../../protocols/blocks/client.ts'
import {
  CLIENT_MESSAGE_BYTES_MAX,
  FRAME_BYTES_MAX,
  HAVE_SEGMENTS_MAX,
  PEERS_MAX,
  SESSION_REQUESTS_MAX,
} from '../../../protocols/blocks/constants.ts'
import { readMessages, writeMessage } from '../../../protocols/blocks/framing.ts'
import { encodeGet, encodeMessage, type ServerHeader } from '../../../protocols/blocks/messages.ts'
import { serveBlocks } from '../../../protocols/blocks/server.ts'
import { HotblockError } from '../../../protocols/errors.ts'
import { MemorySource, recordingEvents, sessionWith, sha256, type Told } from '../../support/block-source.ts'
import { rejectsCode } from '../../support/failures.ts'
import { until } from '../../support/hosts.ts'
import { rootOf } from '../../support/records.ts'

const ROOT = rootOf(1)

function block(byte: number, length = 100): Uint8Array {
  return new Uint8Array(length).fill(byte)
}

function codeOf(error: Error | undefined): string | undefined {
  return error instanceof HotblockError ? error.code : error?.name
}

/** A server that says whatever the test wants. */
async function withServer(
  play: (say: (header: ServerHeader, payload?: Uint8Array) => Promise<void>, server: Stream) => Promise<void>,
): Promise<{ session: BlockSession; told: Told; server: Stream }> {
  const [client, server] = await streamPair()
  const { told, events } = recordingEvents()
  const session = new BlockSession(client, events)
  const say = (header: ServerHeader, payload?: Uint8Array): Promise<void> =>
    writeMessage(server, encodeMessage(header, payload))
  void play(say, server).catch(() => {})
  return { session, told, server }
}

/** What a server does with these bytes of a client. */
async function served(parts: Uint8Array[]): Promise<{ error: Error | undefined; source: MemorySource }> {
  const source = new MemorySource()
  const [client, server] = await streamPair()
  const { served } = serveOn(server, source)
  for (const part of parts) await writeMessage(client, [part])
  const error = await served
  assert.is(source.sessions, 0, 'nothing of the session is left')
  assert.is(source.tells.size, 0)
  return { error, source }
}

function serveOn(server: Stream, source: MemorySource): { served: Promise<Error | undefined> } {
  const done = serveBlocks(server, 'client', source).then(
    () => undefined,
    (error: Error) => {
      server.abort(error)
      return error
    },
  )
  return { served: done }
}

const OPEN = Buffer.concat(encodeMessage({ t: 'open', root: ROOT }))

test('blocks come by their hashes, in the order of the request', async () => {
  const source = new MemorySource()
  const hashes = [1, 2, 3].map((byte) => source.add(block(byte, byte * 10)))
  const { session, told, served } = await sessionWith(source)
  assert.is((await session.open(ROOT, 5)).holds, 'none')
  session.get(7, Buffer.concat([hashes[2]!, hashes[0]!]), Uint32Array.of(30, 10))
  await until(() => told.frames.length === 1, 'the frame')
  const [frame] = told.frames
  assert.equal([frame!.request, frame!.encoding, frame!.missing], [7, 0, undefined])
  assert.equal([...frame!.payload], [...block(3, 30), ...block(1, 10)])
  session.close()
  await served
})

test('what the server lacks is said to be missing', async () => {
  const source = new MemorySource()
  const here = source.add(block(1))
  const { session, told } = await sessionWith(source)
  await session.open(ROOT, undefined)
  session.get(1, Buffer.concat([sha256(block(9)), here, sha256(block(8))]), Uint32Array.of(100, 100, 100))
  await until(() => told.frames.length === 1, 'the frame')
  const [frame] = told.frames
  assert.equal(
    [0, 1, 2].map((i) => getBit(frame!.missing!, i)),
    [true, false, true],
  )
  assert.equal([...frame!.payload], [...block(1)])
  session.close()
})

test('every byte on the wire is counted, and is a sign of life', async () => {
  const source = new MemorySource()
  const hash = source.add(block(1, 5000))
  const { session, told } = await sessionWith(source)
  await session.open(ROOT, undefined)
  const before = session.receivedBytes
  assert.ok(before > 0)
  session.get(1, hash, Uint32Array.of(5000))
  await until(() => told.frames.length === 1, 'the frame')
  const wire = Buffer.concat(encodeMessage({ t: 'frame', id: 1, enc: 0 }, block(1, 5000))).length
  assert.is(session.receivedBytes - before, wire)
  assert.is(told.frames[0]!.wireBytes, wire)
  assert.is(told.heardBytes, session.receivedBytes)
  assert.equal(source.sentFrames, [{ request: 1, wireBytes: wire }])
  session.close()
})

test('a busy server says when to come back', async () => {
  const source = new MemorySource()
  source.busy = true
  const { session, told } = await sessionWith(source)
  await session.open(ROOT, undefined)
  session.get(3, source.add(block(1)), Uint32Array.of(100))
  await until(() => told.busy.length === 1, 'busy')
  assert.equal(told.busy, [{ request: 3, ms: 70 }])
  session.close()
})

test('a server that is full ends the session at once', async () => {
  const source = new MemorySource()
  source.full = true
  const { session, told } = await sessionWith(source)
  await session.open(ROOT, undefined).then(
    () => assert.unreachable(),
    () => {},
  )
  assert.ok(told.closed)
})

test('a probe tells block by block what the server has', async () => {
  const source = new MemorySource()
  const hashes = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((byte) => (byte % 2 ? source.add(block(byte)) : sha256(block(byte))))
  const { session } = await sessionWith(source)
  await session.open(ROOT, undefined)
  const bits = await session.probe(Buffer.concat(hashes.map((hash) => hash.subarray(0, 8))))
  assert.equal(
    hashes.map((_, i) => getBit(bits, i)),
    [true, false, true, false, true, false, true, false, true],
  )
  await rejectsCode('BAD_MESSAGE', session.probe(new Uint8Array(0)))
  session.close()
})

test('table parts come in the order of the request, and those that are not there are undefined', async () => {
  const source = new MemorySource()
  source.tables.set(rootOf(2).toString(), Uint8Array.of(1, 2))
  source.tables.set(rootOf(4).toString(), Uint8Array.of(3))
  const { session } = await sessionWith(source)
  await session.open(ROOT, undefined)
  const parts = await session.table([rootOf(2), rootOf(3), rootOf(4)])
  assert.equal(parts, [Uint8Array.of(1, 2), undefined, Uint8Array.of(3)])
  session.close()
})

test('a session tells what the server holds of the image when it opens, and then what it comes to hold', async () => {
  const source = new MemorySource()
  const image = source.holdingsOf.begin(ROOT, 12)
  image.note([0, 11], [5])
  const { session, told } = await sessionWith(source)
  const { holds, held, getting } = await session.open(ROOT, 12)
  const bits = (set: number[]): Uint8Array => {
    const field = newBits(12)
    for (const at of set) setBit(field, at)
    return field
  }
  assert.is(holds, 'some')
  assert.equal(held, bits([0, 11]))
  assert.equal(getting, bits([5]))
  image.note([1], [])
  image.note([2], [7])
  await until(() => told.have.length > 0, 'news')
  assert.equal(told.have, [{ held: [1, 2], getting: [7] }], 'a burst is one message')
  session.close()
})

test('what comes to be held while the session opens is told too', async () => {
  const source = new MemorySource()
  const image = source.holdingsOf.begin(ROOT, 12)
  const { session, told } = await sessionWith(source)
  const holdings = source.holdings.bind(source)
  source.holdings = (root) => {
    queueMicrotask(() => image.note([3], []))
    return holdings(root)
  }
  await session.open(ROOT, 12)
  await until(() => told.have.length > 0, 'news')
  assert.equal(told.have[0]!.held, [3])
  session.close()
})

test('a peer that asked before the image began to be fetched hears of it then', async () => {
  const source = new MemorySource()
  const { session, told } = await sessionWith(source)
  assert.is((await session.open(ROOT, undefined)).holds, 'none')
  source.holdingsOf.begin(ROOT, 3).note([2], [])
  await until(() => told.have.length > 0, 'news')
  assert.equal(told.have[0], { held: [2], getting: [] })
  session.close()
})

test('more news than one message holds comes in several', async () => {
  const source = new MemorySource()
  const count = 2 * HAVE_SEGMENTS_MAX + 10
  const image = source.holdingsOf.begin(ROOT, 200_000)
  const { session, told } = await sessionWith(source)
  await session.open(ROOT, 200_000)
  image.note(
    Array.from({ length: count }, (_, i) => 190_000 + i),
    [],
  )
  await until(() => told.have.reduce((sum, { held }) => sum + held.length, 0) === count, 'all news')
  assert.is(told.closed, undefined)
  session.close()
})

test('an image that is complete is said to be held whole', async () => {
  const source = new MemorySource()
  source.complete.add(ROOT.toString())
  const { session } = await sessionWith(source)
  assert.is((await session.open(ROOT, 3)).holds, 'all')
  session.close()
})

test('peers are told of each other, both ways', async () => {
  const source = new MemorySource()
  const { session, told } = await sessionWith(source)
  await session.open(ROOT, undefined)
  session.tellPeers([{ id: 'a', addresses: ['/ip4/1.2.3.4/tcp/5'] }])
  await until(() => source.heard.length === 1, 'the server hears')
  assert.equal(source.heard[0]!.peers, [{ id: 'a', addresses: ['/ip4/1.2.3.4/tcp/5'] }])
  for (const tell of source.tells) tell([{ id: 'b', addresses: [] }])
  await until(() => told.peers.length === 1, 'the client hears')
  session.close()
})

test('no rumour of peers makes a message that cannot be sent or that the other side refuses', async () => {
  const source = new MemorySource()
  const { session, told } = await sessionWith(source)
  await session.open(ROOT, undefined)
  const rumour = Array.from({ length: 2 * PEERS_MAX }, (_, i) => ({
    id: `peer${i}`,
    addresses: new Array(20).fill(`/dns4/${'x'.repeat(i % 2 ? 150 : 4000)}/tcp/1`),
  }))
  for (const tell of source.tells) tell(rumour)
  session.tellPeers(rumour)
  await until(() => told.peers.length > 0 && source.heard.length > 0, 'both hear')
  assert.is(told.closed, undefined)
  session.close()
})

test('a cancelled request reaches the server', async () => {
  const source = new MemorySource()
  const gate = Promise.withResolvers<void>()
  source.gate = gate.promise
  const { session } = await sessionWith(source)
  await session.open(ROOT, undefined)
  session.get(1, source.add(block(1)), Uint32Array.of(100))
  session.cancel(1)
  await until(() => source.cancelled.length === 1, 'the cancellation')
  gate.resolve()
  session.close()
})

test('when the client leaves, the server ends the session and forgets it', async () => {
  const source = new MemorySource()
  const image = source.holdingsOf.begin(ROOT, 3)
  const { session, told, served } = await sessionWith(source)
  await session.open(ROOT, 3)
  await until(() => source.tells.size === 1, 'the session')
  session.close()
  await served
  assert.equal([source.sessions, source.tells.size, image.listeners.size], [0, 0, 0])
  await until(() => told.closed !== undefined, 'the end')
  assert.is(told.closed!.error, undefined, 'who closes it is told of no failure')
})

test('when the server leaves in the middle, all that was asked fails and the user is told once', async () => {
  const source = new MemorySource()
  source.gate = new Promise(() => {})
  const { session, told, server } = await sessionWith(source)
  await session.open(ROOT, undefined)
  session.get(1, source.add(block(1)), Uint32Array.of(100))
  source.hasPrefix = () => {
    server.abort(new Error('gone'))
    return new Uint8Array(1)
  }
  await session.probe(new Uint8Array(8)).then(
    () => assert.unreachable(),
    () => {},
  )
  await until(() => told.closed !== undefined, 'the end')
  assert.ok(told.closed!.error instanceof Error)
  assert.is(told.frames.length, 0)
  await session.table([ROOT]).then(
    () => assert.unreachable('a session that is over answers nothing'),
    () => {},
  )
  session.get(2, block(1, 32), Uint32Array.of(1))
})

test('a server that closes its side in order is said to have closed', async () => {
  const { told } = await withServer(async (_say, server) => {
    await server.close()
  })
  await until(() => told.closed !== undefined, 'the end')
  assert.is(codeOf(told.closed!.error), 'NO_PEERS')
})

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

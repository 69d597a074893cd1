/** Client and server of the block exchange, over streams in memory. */
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { getBit, newBits, setBit } from '../../../protocols/bits.ts'
import { HAVE_PIECES_MAX, PEERS_MAX, RACK_CHARS_MAX } from '../../../protocols/blocks/constants.ts'
import { encodeMessage } from '../../../protocols/blocks/messages.ts'
import { block, codeOf, withServer } from '../../support/block-sessions.ts'
import { MemorySource, sessionWith, sha256 } from '../../support/block-source.ts'
import { rejectsCode } from '../../support/failures.ts'
import { until } from '../../support/hosts.ts'
import { rootOf } from '../../support/records.ts'

const ROOT = rootOf(1)

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

test('a frame that was sent is released, but not where its connection may still look at it', async () => {
  for (const copies of [true, false]) {
    const source = new MemorySource()
    const hash = source.add(block(1))
    const { openSession } = source
    let released = 0
    source.openSession = () => {
      const session = openSession.call(source)!
      const release = (): void => {
        released++
      }
      const frame: typeof session.frame = async (...asked) => ({ ...(await session.frame(...asked))!, release })
      return { ...session, frame }
    }
    const { session, told, served } = await sessionWith(source, copies)
    await session.open(ROOT, undefined)
    session.get(1, hash, Uint32Array.of(100))
    await until(() => told.frames.length === 1, 'the frame')
    session.close()
    await served
    assert.is(released, copies ? 1 : 0)
  }
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

test('a client whose request waits hears that the server is at work, as long as it is', async () => {
  const source = new MemorySource()
  source.aliveMs = 10
  const gate = Promise.withResolvers<void>()
  source.gate = gate.promise
  const { session, told } = await sessionWith(source)
  await session.open(ROOT, 5)
  const afterOpen = told.heardBytes
  await pause(50)
  assert.is(told.heardBytes, afterOpen, 'nobody waits')
  session.get(1, source.add(block(1)), Uint32Array.of(100))
  await until(() => told.heardBytes > afterOpen, 'a sign of life')
  assert.equal(told.have, [], 'it is no news')
  source.isWorking = false
  await pause(50)
  const whenStuck = told.heardBytes
  await pause(50)
  assert.is(told.heardBytes, whenStuck)
  gate.resolve()
  await until(() => told.frames.length === 1, 'the frame')
  const afterFrame = told.heardBytes
  source.isWorking = true
  await pause(50)
  assert.is(told.heardBytes, afterFrame, 'nobody waits any more')
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

test('a server that is full tells of others, and ends the session', async () => {
  const source = new MemorySource()
  source.full = true
  source.others = [{ id: 'other', addresses: ['/ip4/1.2.3.4/tcp/5'], rack: 'r2' }]
  const { session, told, served } = await sessionWith(source)
  await rejectsCode('BUSY', session.open(ROOT, undefined, 'r1'))
  assert.equal(told.peers, source.others)
  assert.equal(source.clients, [{ id: 'client', rack: 'r1' }])
  assert.is(await served, undefined)
  await until(() => told.closed !== undefined, 'the end')
  assert.is(source.sessions, 0)
})

test('a full server is not held by a client that says nothing of what it wants', async () => {
  const source = new MemorySource()
  source.full = true
  const { session, served } = await sessionWith(source)
  session.cancel(1)
  assert.is(codeOf(await served), 'BAD_MESSAGE')
})

test('a client that is sent away hears which of its wishes are kept for it', async () => {
  const source = new MemorySource()
  source.grants = false
  const { session, told } = await sessionWith(source)
  await session.open(ROOT, undefined)
  session.get(5, new Uint8Array(32), Uint32Array.of(1), { pieces: [1], wishes: [8, 9] })
  await until(() => told.claimed.length > 0, 'the answer')
  assert.equal(told.claimed, [{ request: 5, kept: [8] }])
  session.close()
})

test('client and server tell each other where they stand, if they know', async () => {
  for (const rack of [undefined, 'rack-7', 'x'.repeat(RACK_CHARS_MAX)]) {
    const source = new MemorySource()
    source.rack = rack
    const { session } = await sessionWith(source)
    assert.is((await session.open(ROOT, undefined, rack)).rack, rack)
    await until(() => source.clients.length > 0, 'the session')
    assert.equal(source.clients, [{ id: 'client', rack }])
    session.close()
  }
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
  const count = 2 * HAVE_PIECES_MAX + 10
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

test.run()

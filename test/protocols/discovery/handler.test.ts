/** The server of the providers protocol, and the asking side's framing, over pairs of streams in memory. */
import type { Connection, Stream } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { lpStream, streamPair } from '@libp2p/utils'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  KEYS_PER_MESSAGE_MAX,
  MESSAGES_PER_STREAM_MAX,
  PROVIDER_TTL_MS,
  REQUEST_BYTES_MAX,
} from '../../../protocols/discovery/constants.ts'
import { framed, framingFailure } from '../../../protocols/discovery/framing.ts'
import { ProvidersServer } from '../../../protocols/discovery/handler.ts'
import { decodeAdded, decodeFound, encodeRequest, type Request } from '../../../protocols/discovery/messages.ts'
import { createProviders, recordCount } from '../../../protocols/discovery/provider-store.ts'
import { seededRandom } from '../../../protocols/ports.ts'
import { rejectsCode, throwsCode } from '../../support/failures.ts'
import { newKey, until } from '../../support/hosts.ts'

const [alice, bob] = [peerIdFromPrivateKey(await newKey()), peerIdFromPrivateKey(await newKey())]
const key = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)

function newServer() {
  const providers = createProviders()
  const offences: string[] = []
  const changed: string[] = []
  const clock = { time: 0, now: () => clock.time }
  const server = new ProvidersServer({
    providers,
    clock,
    random: seededRandom(1),
    onOffence: (peer, code) => offences.push(`${peer} ${code}`),
    onChange: (peer) => changed.push(peer),
  })
  return { providers, offences, changed, clock, server }
}

type Fixture = ReturnType<typeof newServer>

/** Opens a stream to the server as the peer. */
async function open(fixture: Fixture, peer = alice): Promise<{ stream: Stream; served: Promise<void> }> {
  const [stream, remote] = await streamPair()
  const served = fixture.server.serve(remote, { remotePeer: peer } as Connection)
  return { stream, served }
}

/** Sends requests on one stream and ends it. @returns the answers */
async function exchange(fixture: Fixture, requests: Request[], peer = alice): Promise<Uint8Array[]> {
  const { stream, served } = await open(fixture, peer)
  const lp = lpStream(stream)
  const answers: Uint8Array[] = []
  for (const request of requests) {
    await lp.write(encodeRequest(request))
    answers.push((await lp.read()).subarray())
  }
  await stream.close()
  await served
  return answers
}

/** Sends bytes as a peer that does not keep to the protocol, and waits until the server has done with it. */
async function sendRaw(fixture: Fixture, pieces: Uint8Array[]): Promise<void> {
  const { stream, served } = await open(fixture)
  for (const piece of pieces) {
    if (stream.status !== 'open') break
    stream.send(piece)
  }
  await served
}

test('one stream adds, asks and removes; the remote peer is who provides', async () => {
  const fixture = newServer()
  const addresses = ['/ip4/10.0.0.1/tcp/1']
  const [added] = await exchange(fixture, [{ kind: 'add', keys: [key(1), key(2)], addresses }])
  assert.equal(decodeAdded(added!, 2), [])
  const get: Request = { kind: 'get', keys: [key(2), key(3)], limit: 20 }
  const [found] = await exchange(fixture, [get], bob)
  const provider = { peer: alice.toString(), addresses: [`/ip4/10.0.0.1/tcp/1/p2p/${alice}`] }
  assert.equal(decodeFound(found!, 2), [[provider], []])
  assert.equal(decodeFound((await exchange(fixture, [get]))[0]!, 2), [[], []], 'nobody is told of itself')

  await exchange(fixture, [{ kind: 'remove', keys: [key(2)] }], bob)
  assert.is(recordCount(fixture.providers), 2, 'nobody removes what another provides')
  const [, after] = await exchange(fixture, [{ kind: 'remove', keys: [key(2)] }, get])
  assert.equal(decodeFound(after!, 2), [[], []])
  assert.is(recordCount(fixture.providers), 1)
  fixture.clock.time = PROVIDER_TTL_MS
  assert.equal(decodeFound((await exchange(fixture, [{ kind: 'get', keys: [key(1)], limit: 1 }], bob))[0]!, 1), [[]])
  assert.equal(fixture.offences, [])
  assert.equal(fixture.changed, [alice, bob, alice].map(String))
})

test('an empty stream, and one that ends within a message, are no offence', async () => {
  const fixture = newServer()
  for (const piece of [new Uint8Array(0), Uint8Array.of(9), Uint8Array.of(0x80), Uint8Array.of(9, 1, 2)]) {
    const { stream, served } = await open(fixture)
    if (piece.length > 0) stream.send(piece)
    await stream.close()
    await served
  }
  assert.equal(fixture.offences, [])
})

test('rubbish, a length out of bounds, a length without end and a flood of bytes are offences', async () => {
  const tooLong = REQUEST_BYTES_MAX + 1
  const cases = [
    [Uint8Array.of(3, 1, 2, 3)],
    [Uint8Array.of(0)],
    [Uint8Array.of((tooLong & 0x7f) | 0x80, ((tooLong >> 7) & 0x7f) | 0x80, tooLong >> 14)],
    [new Uint8Array(1000).fill(0x80)],
    [Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f)],
    Array.from({ length: 5 }, () => new Uint8Array(REQUEST_BYTES_MAX)),
  ]
  for (const [at, pieces] of cases.entries()) {
    const fixture = newServer()
    await sendRaw(fixture, pieces)
    assert.equal(fixture.offences, [`${alice} BAD_MESSAGE`], `case ${at}`)
    assert.is(recordCount(fixture.providers), 0)
  }
})

test('what came before the rubbish counts, the rest of the stream does not', async () => {
  const fixture = newServer()
  const { stream, served } = await open(fixture)
  const lp = lpStream(stream)
  await lp.write(encodeRequest({ kind: 'add', keys: [key(1)], addresses: [] }))
  await lp.read()
  await lp.write(Uint8Array.of(1, 2, 3))
  await served
  assert.is(recordCount(fixture.providers), 1)
  assert.is(fixture.offences.length, 1)
  await until(() => stream.status !== 'open', 'the stream was ended')
})

test('a stream carries so many messages and no more', async () => {
  const fixture = newServer()
  const { stream, served } = await open(fixture)
  const lp = lpStream(stream)
  const request = encodeRequest({ kind: 'remove', keys: [] })
  for (let i = 0; i < MESSAGES_PER_STREAM_MAX; i++) {
    await lp.write(request)
    await lp.read()
  }
  await served
  try {
    await lp.write(request)
    await lp.read()
  } catch {
    return assert.equal(fixture.offences, [])
  }
  assert.unreachable('one message too many was answered')
})

test('a peer that asks too much too fast is an offender, one that keeps to the pace is not', () => {
  const fixture = newServer()
  const keys = Array.from({ length: KEYS_PER_MESSAGE_MAX }, (_, i) => key(i % 256))
  const request: Request = { kind: 'get', keys, limit: 1 }
  for (let i = 0; i < 2000; i++) {
    fixture.clock.time += 100
    fixture.server.answer('calm', request)
  }
  throwsCode('BAD_MESSAGE', () => {
    for (let i = 0; i < 2000; i++) fixture.server.answer('mad', request)
  })
  fixture.server.answer('other', request)
  fixture.clock.time += 60_000
  fixture.server.answer('mad', request)
})

test('messages without keys are counted too', () => {
  const fixture = newServer()
  throwsCode('BAD_MESSAGE', () => {
    for (let i = 0; i < 1_000_000; i++) fixture.server.answer('mad', { kind: 'remove', keys: [] })
  })
})

test('the asking side tells a broken answer from a lost connection', async () => {
  const read = async (bytes: Uint8Array | undefined): Promise<Uint8Array> => {
    const [stream, remote] = await streamPair()
    if (bytes === undefined) remote.abort(new Error('gone'))
    else remote.send(bytes)
    try {
      return (await framed(stream, 100).read()).subarray()
    } catch (error) {
      throw framingFailure(error)
    }
  }
  assert.equal(await read(Uint8Array.of(2, 5, 6)), Uint8Array.of(5, 6))
  await rejectsCode('BAD_MESSAGE', read(Uint8Array.of(101)))
  await rejectsCode('BAD_MESSAGE', read(new Uint8Array(20).fill(0x80)))
  await rejectsCode('BAD_MESSAGE', read(new Uint8Array(201).fill(100)))
  await rejectsCode('INTERNAL', read(undefined))
})

test.run()

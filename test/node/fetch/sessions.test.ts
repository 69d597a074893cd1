import type { Stream } from '@libp2p/interface'
import { streamPair } from '@libp2p/utils'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FAR_SESSIONS_MAX, SESSIONS_MAX } from '../../../node/decisions/peer-book.ts'
import type { FetchDeps } from '../../../node/fetch/ports.ts'
import { type OpenPeer, Sessions } from '../../../node/fetch/sessions.ts'
import { OffenderList } from '../../../node/offenders.ts'
import { Swarms } from '../../../node/serve/swarm.ts'
import { Traffic } from '../../../node/traffic.ts'
import { CLIENT_MESSAGE_BYTES_MAX } from '../../../protocols/blocks/constants.ts'
import { readMessages, writeMessage } from '../../../protocols/blocks/framing.ts'
import { encodeMessage } from '../../../protocols/blocks/messages.ts'
import { serveBlocks } from '../../../protocols/blocks/server.ts'
import { seededRandom, silentLog } from '../../../protocols/ports.ts'
import { MemorySource } from '../../support/block-source.ts'
import { until } from '../../support/hosts.ts'
import { rootOf } from '../../support/records.ts'

const ROOT = rootOf(1)

/** Sessions of one fetch with peers that a test plays. */
class Bench {
  readonly opened: OpenPeer[] = []
  readonly closed: { peer: string; error: Error | undefined }[] = []
  readonly news: string[] = []
  readonly dialled: string[] = []
  readonly offenders: OffenderList
  readonly traffic = new Traffic()
  readonly swarms: Swarms
  readonly sessions: Sessions
  /** How a peer answers; a memory source unless given. */
  readonly play = new Map<string, (server: Stream) => unknown>()
  readonly streams: Stream[] = []
  /** Streams that a test made itself. */
  readonly fakes = new Map<string, Stream>()
  now = 0

  constructor(rack?: string) {
    const clock = { now: () => this.now }
    this.offenders = new OffenderList(clock, silentLog)
    this.swarms = new Swarms(() => this.now, seededRandom(1))
    const deps = {
      mesh: { open: (peer: string) => this.#open(peer) },
      server: { swarms: this.swarms },
      offenders: this.offenders,
      traffic: this.traffic,
      log: silentLog,
      clock,
      random: seededRandom(1),
      rack,
      self: 'self',
    } as unknown as FetchDeps
    this.sessions = new Sessions(deps, ROOT, {
      opened: (peer) => {
        this.opened.push(peer)
        this.news.push(`opened ${peer.peer}`)
      },
      closed: (peer, error) => this.closed.push({ peer, error }),
      frame: () => {},
      busy: () => {},
      claimed: () => {},
      have: (peer, held) => this.news.push(`${peer} has ${held}`),
      heard: () => {},
    })
  }

  add(...peers: string[]): void {
    this.sessions.add(peers.map((peer) => ({ peer, addresses: [], role: 'swarm' as const })))
  }

  async #open(peer: string): Promise<Stream> {
    this.dialled.push(peer)
    const fake = this.fakes.get(peer)
    if (fake !== undefined) return fake
    const [client, server] = await streamPair()
    this.streams.push(server)
    const play = this.play.get(peer) ?? ((stream) => serveBlocks(stream, 'self', new MemorySource()).catch(() => {}))
    // A peer that a test plays hears that its stream was reset, and that is all right.
    Promise.resolve(play(server)).catch(() => {})
    return client
  }
}

test('a peer is dialled once, this node itself never', async () => {
  const bench = new Bench()
  bench.add('a', 'self', 'a')
  bench.add('a')
  await until(() => bench.opened.length === 1, 'the session')
  bench.add('a')
  assert.equal(bench.dialled, ['a'])
  assert.is(bench.sessions.get('a')?.peer, 'a')
  bench.sessions.close()
})

test('sessions are bounded, and a place is filled when one ends', async () => {
  const bench = new Bench()
  bench.add(...Array.from({ length: SESSIONS_MAX + 5 }, (_, i) => `p${i}`))
  await until(() => bench.opened.length === SESSIONS_MAX, 'sessions')
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.is(bench.sessions.open.length, SESSIONS_MAX)
  bench.sessions.drop('p3')
  await until(() => bench.opened.length === SESSIONS_MAX + 1, 'another')
  assert.is(bench.closed[0]!.peer, 'p3')
  assert.is(bench.closed[0]!.error, undefined, 'who is dropped did not fail')
  bench.sessions.close()
})

test('a peer that went is dialled again after a while, not at once', async () => {
  const bench = new Bench()
  bench.add('a')
  await until(() => bench.opened.length === 1, 'the session')
  bench.streams[0]!.abort(new Error('gone'))
  await until(() => bench.closed.length === 1, 'the end')
  bench.sessions.fill()
  assert.is(bench.dialled.length, 1)
  bench.now += 6000
  bench.sessions.fill()
  await until(() => bench.opened.length === 2, 'the next session')
  bench.sessions.close()
})

test('a peer that sent wrong bytes is not dialled again, whoever tells of it', async () => {
  const bench = new Bench()
  bench.add('a')
  await until(() => bench.opened.length === 1, 'the session')
  bench.sessions.drop('a', 'BAD_BLOCK')
  await until(() => bench.closed.length === 1, 'the end')
  bench.now += 60_000
  bench.add('a')
  bench.sessions.fill()
  assert.equal(bench.dialled, ['a'])
  assert.ok(bench.offenders.has('a'))
  bench.sessions.close()
})

test('a peer that breaks the protocol is remembered, before and after its session opens', async () => {
  const bench = new Bench()
  bench.play.set('early', (server) => writeMessage(server, [Uint8Array.of(0, 0, 0, 2, 9, 9)]))
  bench.play.set('late', async (server) => {
    for await (const _ of readMessages(server, CLIENT_MESSAGE_BYTES_MAX)) {
      await writeMessage(server, encodeMessage({ t: 'state', holds: 'all', total: 0 }))
      setTimeout(() => writeMessage(server, encodeMessage({ t: 'busy', id: 1, ms: 1 })).catch(() => {}), 20)
    }
  })
  bench.add('early', 'late')
  await until(() => bench.offenders.has('early') && bench.offenders.has('late'), 'both')
  assert.equal(
    bench.opened.map(({ peer }) => peer),
    ['late'],
  )
  assert.is(bench.sessions.open.length, 0)
  bench.sessions.close()
})

test('a session whose peer closes right after its answer does not stay open for ever', async () => {
  const bench = new Bench()
  const asked = Promise.withResolvers<void>()
  bench.fakes.set('a', {
    send: () => {
      asked.resolve()
      return true
    },
    abort: () => {},
    // The answer and the end of the stream come in one and the same moment.
    async *[Symbol.asyncIterator]() {
      await asked.promise
      yield Buffer.concat(encodeMessage({ t: 'state', holds: 'all', total: 0 }))
    },
  } as unknown as Stream)
  bench.add('a')
  await until(() => bench.sessions.dialing === 0, 'the dial')
  await new Promise((resolve) => setTimeout(resolve, 10))
  assert.is(bench.sessions.open.length, 0)
  assert.is(bench.closed.length, bench.opened.length, 'who is said to have opened is said to have closed')
  bench.sessions.close()
})

test('news that comes before a session counts as open is told right after', async () => {
  const bench = new Bench()
  bench.play.set('a', async (server) => {
    for await (const _ of readMessages(server, CLIENT_MESSAGE_BYTES_MAX)) {
      const state = encodeMessage({ t: 'state', holds: 'none', total: 0 })
      await writeMessage(server, [...state, ...encodeMessage({ t: 'have', held: [4], getting: [] })])
    }
  })
  bench.add('a')
  await until(() => bench.news.length === 2, 'the news')
  assert.equal(bench.news, ['opened a', 'a has 4'])
  bench.sessions.close()
})

test('peers that peers tell of are dialled, and told on', async () => {
  const bench = new Bench()
  const source = new MemorySource()
  bench.play.set('a', (server) => serveBlocks(server, 'self', source).catch(() => {}))
  bench.add('a')
  await until(() => source.tells.size === 1, 'the session')
  for (const tell of source.tells) tell([{ id: 'b', addresses: ['/memory'] }])
  await until(() => bench.opened.length === 2, 'b')
  assert.equal(
    bench.swarms.peers(ROOT).map(({ id }) => id),
    ['b'],
  )
  bench.sessions.introduce(bench.sessions.get('a')!)
  await until(() => source.heard.length > 0, 'a hears of b')
  assert.equal(source.heard[0]!.peers, [{ id: 'b', addresses: ['/memory'] }])
  bench.sessions.close()
})

test('a peer that has no room is left for later, and those that it names are asked', async () => {
  const bench = new Bench()
  const full = new MemorySource()
  full.full = true
  full.others = [{ id: 'b', addresses: [] }]
  bench.play.set('a', (server) => serveBlocks(server, 'self', full))
  bench.add('a')
  await until(() => bench.opened.length === 1, 'b')
  assert.equal(bench.dialled, ['a', 'b'])
  assert.is(bench.offenders.has('a'), false)
  full.full = false
  bench.now += 6000
  bench.sessions.fill()
  await until(() => bench.opened.length === 2, 'a, later')
  bench.sessions.close()
})

test('peers of this rack get most sessions, whoever was heard of first', async () => {
  const bench = new Bench('r1')
  bench.add(...Array.from({ length: 100 }, (_, i) => `far${i}`))
  bench.sessions.add(
    Array.from({ length: 100 }, (_, i) => ({ peer: `near${i}`, addresses: [], role: 'swarm', rack: 'r1' })),
  )
  await until(() => bench.opened.length >= SESSIONS_MAX, 'sessions')
  const near = bench.opened.filter(({ peer }) => peer.startsWith('near'))
  assert.ok(near.length >= SESSIONS_MAX - FAR_SESSIONS_MAX, `${near.length} of this rack`)
  bench.sessions.close()
})

test('a peer that tells of its segments has the table by then', async () => {
  const bench = new Bench()
  const source = new MemorySource()
  source.rack = 'r9'
  bench.play.set('a', (server) => serveBlocks(server, 'self', source).catch(() => {}))
  bench.add('a')
  await until(() => bench.opened.length === 1, 'the session')
  assert.equal([bench.opened[0]!.holds, bench.opened[0]!.rack], ['none', 'r9'])
  source.holdingsOf.begin(ROOT, 3).note([], [])
  await until(() => bench.news.length === 2, 'the news')
  assert.is(bench.opened[0]!.holds, 'some')
  bench.sessions.close()
})

test('received bytes are counted per peer, over all its sessions, those that came to nothing too', async () => {
  const bench = new Bench()
  bench.play.set('refuses', (server) => writeMessage(server, [Uint8Array.of(0, 0, 0, 2, 9, 9)]))
  bench.add('a', 'refuses')
  await until(() => bench.opened.length === 1 && bench.sessions.dialing === 0, 'the session')
  bench.streams[bench.dialled.indexOf('a')]!.abort(new Error('gone'))
  await until(() => bench.closed.length === 1, 'the end')
  bench.now += 6000
  bench.sessions.fill()
  await until(() => bench.opened.length === 2, 'the next session')
  const rows = bench.sessions.received()
  for (const peer of ['a', 'refuses']) {
    assert.is(rows.find((row) => row.peer === peer)!.bytes, bench.traffic.with(peer).received, peer)
  }
  assert.is(rows.find(({ peer }) => peer === 'refuses')!.bytes, 6)
  bench.sessions.close()
})

test('when the fetch ends, sessions end and no more are begun', async () => {
  const bench = new Bench()
  bench.add('a', 'b')
  await until(() => bench.opened.length === 2, 'sessions')
  bench.sessions.close()
  await until(() => bench.closed.length === 2, 'their ends')
  bench.now += 60_000
  bench.add('c')
  bench.sessions.fill()
  assert.equal(bench.dialled.sort(), ['a', 'b'])
})

test.run()

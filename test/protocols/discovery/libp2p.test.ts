/** Discovery over real nodes and TCP. */
import type { Stream } from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { PROVIDER_TTL_MS, PROVIDERS_PROTOCOL, STREAMS_PER_PEER_MAX } from '../../../protocols/discovery/constants.ts'
import { encodeFound } from '../../../protocols/discovery/messages.ts'
import { type DiscoveryNode, startMesh, startNode, stopNodes } from '../../support/discovery-nodes.ts'
import { rejectsCode } from '../../support/failures.ts'
import { connect, until } from '../../support/hosts.ts'
import { key, who } from './contract.ts'

test.after.each(stopNodes)

const find = async (node: DiscoveryNode, ...keys: Uint8Array[]): Promise<string[][]> =>
  who(await node.discovery.find(keys))
const KEYS = Array.from({ length: 40 }, (_, i) => key(i + 1))
const all = (peers: string[]): string[][] => KEYS.map(() => peers)

test('a node that is killed is not found any more when its records have ended, and is until then', async () => {
  const clock = { time: 0, now: () => clock.time }
  const [a, b, c] = await startMesh(5, { clock })
  await Promise.all([a!.discovery.advertise(KEYS), b!.discovery.advertise([key(1)])])
  await a!.kill()
  assert.equal(await find(c!, ...KEYS.slice(1)), all([a!.peer]).slice(1))
  clock.time = PROVIDER_TTL_MS
  await b!.discovery.advertise([key(1)])
  assert.equal(await find(c!, key(1), key(2)), [[b!.peer], []])
})

test('a restart of the nodes that keep provider records loses none, although nobody tells them again', async () => {
  const [a, ...others] = await startMesh(5)
  await a!.discovery.advertise(KEYS)
  await a!.kill()
  const [keeper] = others
  assert.equal(await find(keeper!, ...KEYS), all([a!.peer]))
  for (const node of others) await node.stop()
  const { privateKey, datastore } = keeper!
  const again = await startNode({ privateKey, datastore })
  assert.equal(await find(again, ...KEYS), all([a!.peer]), 'from its own records')
  const fresh = await startNode({ bootstrap: [again.host.addresses()[0]!] })
  await until(() => fresh.discovery.counts().peers === 1, 'the fresh node knows the keeper')
  assert.equal(await find(fresh, ...KEYS), all([a!.peer]), 'from the keeper')
})

test('who comes back with an empty store is told again', async () => {
  const [a, b] = await startMesh(2)
  await a!.discovery.advertise(KEYS)
  assert.is(b!.discovery.counts().providerRecords, KEYS.length)
  await b!.kill()
  const again = await startNode({ privateKey: b!.privateKey, bootstrap: [a!.host.addresses()[0]!] })
  await until(() => again.discovery.counts().providerRecords === KEYS.length, 'it has the records again')
})

test('who joins later is told its share', async () => {
  const [a] = await startMesh(2)
  await a!.discovery.advertise(KEYS)
  const later = await startNode({ bootstrap: [a!.host.addresses()[0]!] })
  await until(() => later.discovery.counts().providerRecords === KEYS.length, 'it has the records')
})

test('a node that knows one peer of the mesh finds what others keep', async () => {
  const nodes = await startMesh(6)
  await nodes[5]!.discovery.advertise(KEYS)
  const fresh = await startNode()
  await connect(fresh.host, nodes[0]!.host)
  await until(() => fresh.discovery.counts().peers > 0, 'it knows one')
  await until(async () => (await find(fresh, ...KEYS)).every(([peer]) => peer === nodes[5]!.peer), 'all are found')
})

test('a peer that answers garbage is reported, passed over, and the look-up goes on', async () => {
  const [liar, a, b, c] = await startMesh(4)
  const { libp2p } = liar!.host
  await liar!.discovery.close()
  let asked = 0
  await libp2p.handle(PROVIDERS_PROTOCOL, async (stream) => {
    asked += 1
    const lp = lpStream(stream)
    await lp.read()
    await lp.write(Uint8Array.of(0x82, 1, 2, 3))
  })
  await a!.discovery.advertise(KEYS)
  assert.ok(asked > 0)
  assert.equal(a!.offences, [liar!.peer])
  assert.equal(await find(c!, ...KEYS), all([a!.peer]))
  assert.equal(c!.offences, [liar!.peer])
  const before = asked
  assert.equal(await find(c!, ...KEYS), all([a!.peer]))
  assert.is(asked, before, 'it is not asked again')
  assert.equal(b!.offences, [])
})

test('a peer that says nothing, or hangs up, is no offender, and the look-up goes on', async () => {
  const [mute, rude, a, b] = await startMesh(4)
  await mute!.discovery.close()
  await rude!.discovery.close()
  await mute!.host.libp2p.handle(PROVIDERS_PROTOCOL, () => {})
  await rude!.host.libp2p.handle(PROVIDERS_PROTOCOL, (stream) => stream.abort(new Error('no')))
  await a!.discovery.advertise(KEYS)
  assert.equal(await find(b!, ...KEYS), all([a!.peer]))
  assert.equal([a!.offences, b!.offences], [[], []])
})

test('a node that listens everywhere is found at its addresses, private ones too, those of its own host last', async () => {
  const [a, b] = [await startNode({ listen: ['/ip4/0.0.0.0/tcp/0'] }), await startNode()]
  await connect(b.host, a.host)
  await until(() => a.discovery.counts().peers + b.discovery.counts().peers === 2, 'they know each other')
  await a.discovery.advertise([key(1)])
  const [found] = await b.discovery.find([key(1)])
  const { addresses } = found!.providers[0]!
  assert.equal(addresses.toSorted(), a.host.addresses().toSorted())
  assert.ok(addresses.at(-1)!.startsWith('/ip4/127.'), 'loopback is the last resort')
})

test('many look-ups at once take turns at a peer, which does not come to look dead', async () => {
  const [slow, b] = await startMesh(2)
  await slow!.discovery.close()
  const [open, most, asked] = [0, 1, 2]
  const counts = [0, 0, 0]
  const serve = async (stream: Stream): Promise<void> => {
    counts[open]! += 1
    counts[asked]! += 1
    counts[most] = Math.max(counts[most]!, counts[open]!)
    const lp = lpStream(stream)
    await lp.read()
    await new Promise((resolve) => setTimeout(resolve, 5))
    await lp.write(encodeFound([[]]))
    counts[open]! -= 1
    await stream.close()
  }
  await slow!.host.libp2p.handle(PROVIDERS_PROTOCOL, serve, { maxInboundStreams: 32 })
  await Promise.all(Array.from({ length: 100 }, () => find(b!, key(1))))
  assert.is(counts[asked], 100)
  assert.ok(counts[most]! <= STREAMS_PER_PEER_MAX, `${counts[most]}`)
  await find(b!, key(1))
  assert.is(counts[asked], 101, 'it is still asked')
  assert.equal(b!.offences, [])
})

test('a search that is stopped ends at once, also one that waits for its turn', async () => {
  const [mute, b] = await startMesh(2)
  await mute!.discovery.close()
  await mute!.host.libp2p.handle(PROVIDERS_PROTOCOL, () => {})
  const stop = new AbortController()
  const searches = Array.from({ length: 20 }, () => b!.discovery.find([key(1)], { signal: stop.signal }))
  const ends = Promise.all(searches.map((search) => rejectsCode('CANCELLED', search)))
  setTimeout(() => stop.abort(), 50)
  await ends
})

test.run()

import type { PrivateKey } from '@libp2p/interface'
import { Record as Value } from '@libp2p/kad-dht'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { MemoryDatastore } from 'datastore-core'
import { Key } from 'interface-datastore'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Host } from '../../node/net/host.ts'
import type { HotblockError } from '../../protocols/errors.ts'
import { RecordBook } from '../../protocols/records/book.ts'
import {
  DHT_FOREIGN_BUILDERS_MAX,
  DHT_FOREIGN_NAMES_MAX,
  DHT_VALUE_LIFE_MS,
} from '../../protocols/records/constants.ts'
import { RecordDht } from '../../protocols/records/dht.ts'
import { dhtKey, parseDhtKey, RecordNamespace } from '../../protocols/records/dht-namespace.ts'
import { newHost, newKey, until } from '../support/hosts.ts'
import { memoryRows, recordOf } from '../support/records.ts'

const key = await newKey()
const builder = peerIdFromPrivateKey(key).toString()
const dkey = dhtKey(builder, 'slc4-batch')

async function fails(code: string, run: () => Promise<unknown>): Promise<void> {
  try {
    await run()
  } catch (error) {
    assert.is((error as HotblockError).code, code, String(error))
    return
  }
  throw new Error(`no ${code}`)
}

test('keys of values', () => {
  assert.equal(parseDhtKey(dkey), { builder, name: 'slc4-batch' })
  for (const text of ['/hotblock/b', '/hotblock//a', '/hotblock/b/a/c', '/other/b/a', 'hotblock/b/a', '/hotblock/b/']) {
    assert.throws(() => parseDhtKey(Buffer.from(text)), /not that of a record/)
  }
  assert.throws(() => parseDhtKey(Buffer.alloc(10_000, '/')), /not that of a record/)
})

test('a namespace takes newer and equal values, and no older, forged or misplaced ones', async () => {
  const namespace = new RecordNamespace({ datastore: new MemoryDatastore() })
  await namespace.validate(dkey, await recordOf(key, { sequence: 2 }))
  await namespace.validate(dkey, await recordOf(key, { sequence: 2 }))
  await namespace.validate(dkey, await recordOf(key, { sequence: 3 }))
  await fails('STALE_RECORD', async () => namespace.validate(dkey, await recordOf(key, { sequence: 2 })))
  const forged = await recordOf(key, { sequence: 4 })
  forged[forged.length - 1]! ^= 1
  await fails('BAD_RECORD', () => namespace.validate(dkey, forged))
  await fails('BAD_RECORD', async () => namespace.validate(dhtKey(builder, 'other'), await recordOf(key)))
  await fails('BAD_RECORD', async () => namespace.validate(dkey, await recordOf(await newKey())))
})

test('what is stored is remembered over a restart, until its life ends', async () => {
  const datastore = new MemoryDatastore()
  const value = new Value(dkey, await recordOf(key, { sequence: 7 }), new Date())
  await datastore.put(new Key('/dht/record/x'), value.serialize().subarray())
  await datastore.put(new Key('/dht/record/rubbish'), Uint8Array.of(1, 2, 3))
  let now = Date.now()
  const namespace = new RecordNamespace({ datastore, now: () => now })
  await fails('STALE_RECORD', async () => namespace.validate(dkey, await recordOf(key, { sequence: 6 })))
  assert.is(await namespace.sweep(), 1)
  now += DHT_VALUE_LIFE_MS + 1000
  assert.is(await namespace.sweep(), 1)
  assert.is(await datastore.has(new Key('/dht/record/x')), false)
  await namespace.validate(dkey, await recordOf(key, { sequence: 6 }))
})

test('the selector takes the highest sequence, and never what does not open', async () => {
  const { selectors } = new RecordNamespace({ datastore: new MemoryDatastore() })
  const values = [new Uint8Array(3), await recordOf(key, { sequence: 2 }), await recordOf(key, { sequence: 9 })]
  assert.is(await selectors.hotblock!(dkey, values), 2)
  assert.is(await selectors.hotblock!(dkey, values.slice(0, 2)), 1)
})

test('builders that are not trusted may store so much and no more', async () => {
  const trusts = (one: string) => one === builder
  const namespace = new RecordNamespace({ datastore: new MemoryDatastore(), trusts })
  const put = async (signer: PrivateKey, name: string) => {
    const peer = peerIdFromPrivateKey(signer).toString()
    await namespace.validate(dhtKey(peer, name), await recordOf(signer, { name }))
  }
  const stranger = await newKey()
  for (let i = 0; i < DHT_FOREIGN_NAMES_MAX; i++) await put(stranger, `n${i}`)
  await fails('BAD_RECORD', () => put(stranger, 'more'))
  for (let i = 1; i < DHT_FOREIGN_BUILDERS_MAX; i++) await put(await newKey(), 'x')
  await fails('BAD_RECORD', async () => put(await newKey(), 'x'))
  await put(key, 'x')
})

interface Node {
  host: Host
  records: RecordDht
  book: RecordBook
}
const running = new Set<Node>()

async function startNode(privateKey: PrivateKey, datastore: MemoryDatastore, bootstrap: string[]): Promise<Node> {
  const book = await RecordBook.open({ rows: memoryRows(), trust: [builder] })
  const namespace = new RecordNamespace({ datastore, trusts: (one) => book.trusts(one) })
  const { validators, selectors } = namespace
  const host = await newHost({ privateKey, datastore, bootstrap, validators, selectors })
  await host.start()
  const records = new RecordDht({ dht: host.dht, namespace, book, self: host.peerId, random: () => 0 })
  const node = { host, records, book }
  running.add(node)
  return node
}

async function stopNode(node: Node): Promise<void> {
  running.delete(node)
  await node.host.stop()
}

test.after.each(async () => {
  await Promise.all([...running].map(stopNode))
})

test('a node alone publishes and looks up', async () => {
  const node = await startNode(await newKey(), new MemoryDatastore(), [])
  assert.equal(await node.records.publish(await recordOf(key, { sequence: 3 })), { peers: 0 })
  const found = await node.records.lookup(builder, 'slc4-batch', { timeoutMs: 1000 })
  assert.is(found?.record.sequence, 3)
  assert.is(await node.records.lookup(builder, 'nothing', { timeoutMs: 1000 }), undefined)
  await fails('STALE_RECORD', async () => node.records.publish(await recordOf(key, { sequence: 2 })))
})

test('a value outlives the restart of all nodes but one', async () => {
  const keys = await Promise.all([newKey(), newKey(), newKey(), newKey()])
  const stores = keys.map(() => new MemoryDatastore())
  const first = await startNode(keys[0]!, stores[0]!, [])
  const bootstrap = [first.host.addresses()[0]!]
  const others = await Promise.all([1, 2, 3].map((i) => startNode(keys[i]!, stores[i]!, bootstrap)))
  const nodes = [first, ...others]
  for (const node of nodes) await until(() => node.host.libp2p.getPeers().length === 3, 'all are connected')

  await until(async () => {
    const { peers } = await others[0]!.records.publish(await recordOf(key, { sequence: 4, time: 1000 }))
    return peers === 3
  }, 'all others store it')
  await Promise.all(others.map(stopNode))
  const again = await Promise.all([1, 2, 3].map((i) => startNode(keys[i]!, stores[i]!, bootstrap)))
  for (const node of again) {
    const found = await node.records.lookup(builder, 'slc4-batch')
    assert.is(found?.record.sequence, 4)
  }

  // The one that never had it, after the others restarted; then an older one does not get through.
  const fresh = await startNode(await newKey(), new MemoryDatastore(), bootstrap)
  await until(async () => (await fresh.records.lookup(builder, 'slc4-batch')) !== undefined, 'a fresh node finds it')
  await fresh.records.publish(await recordOf(key, { sequence: 3, time: 1000 })).catch(() => {})
  assert.is((await again[0]!.records.lookup(builder, 'slc4-batch'))?.record.sequence, 4)

  // A holder stores it again, with its next release.
  await again[1]!.book.accept(await recordOf(key, { sequence: 5 }))
  assert.equal(await again[1]!.records.republish(), { records: 1 })
  await until(async () => {
    return (await fresh.records.lookup(builder, 'slc4-batch'))?.record.sequence === 5
  }, 'the newer one is found')
})

test('a peer that puts an older record after a newer one, a forged or a misplaced one is refused by each node', async () => {
  const a = await startNode(await newKey(), new MemoryDatastore(), [])
  const first = await startNode(await newKey(), new MemoryDatastore(), [a.host.addresses()[0]!])
  await until(() => first.host.libp2p.getPeers().length === 1, 'they are connected')
  await until(async () => {
    return (await a.records.publish(await recordOf(key, { sequence: 5 }))).peers === 1
  }, 'the newer one is stored')
  // A node of another make, which checks nothing.
  const nothing = async (): Promise<void> => {}
  const rogue = await newHost({ bootstrap: [a.host.addresses()[0]!], validators: { hotblock: nothing } })
  running.add({ host: rogue } as Node)
  await rogue.start()
  const forged = await recordOf(key, { sequence: 9 })
  forged[forged.length - 1]! ^= 1
  const strange = await recordOf(await newKey(), { sequence: 9 })
  const put = async (value: Uint8Array): Promise<{ asked: number; errors: number }> => {
    const counts = { asked: 0, errors: 0 }
    for await (const event of rogue.dht.put(dkey, value)) {
      if (event.name === 'SEND_QUERY' && event.messageName === 'PUT_VALUE') counts.asked += 1
      if (event.name === 'PEER_RESPONSE' && event.messageName === 'PUT_VALUE') throw new Error('it was taken')
      if (event.name === 'QUERY_ERROR') counts.errors += 1
    }
    return counts
  }
  for (const value of [
    await recordOf(key, { sequence: 4 }),
    forged,
    strange,
    new Uint8Array(0),
    Buffer.alloc(100_000),
  ]) {
    await until(async () => (await put(value)).asked === 2, 'both nodes were asked')
  }
  for (const node of [a, first]) {
    assert.is((await node.records.lookup(builder, 'slc4-batch'))?.record.sequence, 5)
  }
})

test('a node that knows one bootstrap peer finds a record whose publisher is gone, after all but that one restarted', async () => {
  const keys = await Promise.all(Array.from({ length: 5 }, newKey))
  const stores = keys.map(() => new MemoryDatastore())
  const first = await startNode(keys[0]!, stores[0]!, [])
  const bootstrap = [first.host.addresses()[0]!]
  const others = await Promise.all([1, 2, 3, 4].map((i) => startNode(keys[i]!, stores[i]!, bootstrap)))
  for (const { host } of others) await until(() => host.libp2p.getPeers().length === 4, 'all are connected')
  const bytes = await recordOf(key, { sequence: 4 })
  await until(async () => (await others[0]!.records.publish(bytes)).peers === 4, 'all others store it')
  await Promise.all(others.map(stopNode))
  // The one that stayed did not keep it, so it is the others' disks that count.
  for await (const stored of stores[0]!.queryKeys({ prefix: '/dht/record' })) await stores[0]!.delete(stored)
  await Promise.all([2, 3, 4].map((i) => startNode(keys[i]!, stores[i]!, bootstrap)))

  const fresh = await startNode(await newKey(), new MemoryDatastore(), bootstrap)
  await until(async () => {
    return (await fresh.records.lookup(builder, 'slc4-batch'))?.record.sequence === 4
  }, 'the fresh node finds it')
})

test('a datastore that fails does not make republish fail', async () => {
  const datastore = new MemoryDatastore()
  const node = await startNode(await newKey(), datastore, [])
  datastore.query = () => {
    throw new Error('closed')
  }
  assert.equal(await node.records.republish(), { records: 0 })
})

test('a look-up ends when it is stopped', async () => {
  const node = await startNode(await newKey(), new MemoryDatastore(), [])
  await fails('CANCELLED', () => node.records.lookup(builder, 'x', { signal: AbortSignal.abort() }))
})

test.run()

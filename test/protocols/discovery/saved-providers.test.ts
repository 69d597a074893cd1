import * as cbor from '@ipld/dag-cbor'
import { MemoryDatastore } from 'datastore-core'
import { Key } from 'interface-datastore'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { KEYS_PER_PEER_MAX, PROVIDER_TTL_MS } from '../../../protocols/discovery/constants.ts'
import { keyText } from '../../../protocols/discovery/discovery.ts'
import {
  addProvider,
  createProviders,
  expireProviders,
  getProviders,
  recordCount,
  removeProvider,
} from '../../../protocols/discovery/provider-store.ts'
import { SavedProviders } from '../../../protocols/discovery/saved-providers.ts'
import { type Log, seededRandom, silentLog } from '../../../protocols/ports.ts'

const addresses = ['/ip4/10.0.0.1/tcp/1']
const keys = [1, 2, 3].map((fill) => keyText(new Uint8Array(32).fill(fill)))
const [first] = keys as [string]

function open(datastore: MemoryDatastore, wall: number) {
  const providers = createProviders()
  const warnings: string[] = []
  const log: Log = { ...silentLog, warn: (_data, message) => void warnings.push(message) }
  const time = { wall }
  const saved = new SavedProviders({ datastore, providers, log, wallClock: () => time.wall })
  return { providers, saved, warnings, time }
}

async function rows(datastore: MemoryDatastore): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of datastore.query({})) found.push(key.toString())
  return found.sort()
}

test('records outlive a restart, with what is left of their lives by the wall clock', async () => {
  const datastore = new MemoryDatastore()
  const before = open(datastore, 1_000_000)
  addProvider(before.providers, { peer: 'a', addresses, keys }, 50)
  addProvider(before.providers, { peer: 'b', addresses: [], keys: [first] }, 50)
  for (const peer of ['a', 'b']) before.saved.changed(peer)
  await before.saved.save(50)

  // The other clock begins anew.
  const after = open(datastore, 1_000_000 + 600_000)
  assert.is(await after.saved.load(7), 4)
  const random = seededRandom(1)
  const found = (now: number) => getProviders(after.providers, { key: first, limit: 20 }, now, random)
  assert.is(found(7).length, 2)
  assert.equal(found(7).find(({ peer }) => peer === 'a')?.addresses, addresses)
  assert.is(found(7 + PROVIDER_TTL_MS - 600_000 - 1).length, 2)
  assert.is(found(7 + PROVIDER_TTL_MS - 600_000).length, 0)

  const late = open(datastore, 1_000_000 + PROVIDER_TTL_MS)
  assert.is(await late.saved.load(0), 0)
  await late.saved.save(0)
  assert.equal(await rows(datastore), [], 'rows of which nothing is left go')
})

test('withdrawn and expired records leave the disk, one peer at a time', async () => {
  const datastore = new MemoryDatastore()
  const { providers, saved } = open(datastore, 0)
  for (const [at, peer] of ['a', 'b', 'c'].entries()) {
    addProvider(providers, { peer, addresses, keys }, at)
    saved.changed(peer)
  }
  await saved.save(2)
  assert.equal(
    await rows(datastore),
    ['a', 'b', 'c'].map((peer) => `/hotblock/providers/${peer}`),
  )
  removeProvider(providers, { peer: 'b', keys })
  saved.changed('b')
  removeProvider(providers, { peer: 'c', keys: [first] })
  saved.changed('c')
  expireProviders(providers, PROVIDER_TTL_MS)
  await saved.save(PROVIDER_TTL_MS)
  assert.equal(await rows(datastore), ['/hotblock/providers/c'])
  const again = open(datastore, 0)
  assert.is(await again.saved.load(0), 2)
})

test('damaged rows are left out and named, the others are read', async () => {
  const datastore = new MemoryDatastore()
  const good = cbor.encode([addresses, [new Uint8Array(32)], [1_000_000]])
  const put = (peer: string, value: Uint8Array) => datastore.put(new Key(`/hotblock/providers/${peer}`), value)
  await put('good', good)
  const bad: unknown[] = [
    null,
    [],
    [[], [], 7],
    [[], [new Uint8Array(32)], []],
    [[], [new Uint8Array(3)], [1_000_000]],
    [[], [new Uint8Array(32)], ['x']],
    [[], Array(KEYS_PER_PEER_MAX + 1).fill(new Uint8Array(32)), Array(KEYS_PER_PEER_MAX + 1).fill(1_000_000)],
  ]
  for (const [at, value] of bad.entries()) await put(`bad${at}`, cbor.encode(value))
  await put('cut', good.subarray(0, 5))
  const { saved, warnings, providers } = open(datastore, 0)
  assert.is(await saved.load(0), 1)
  assert.is(warnings.length, bad.length + 1)
  assert.ok(providers.byPeer.has('good'))
  await saved.save(0)
  assert.equal(await rows(datastore), ['/hotblock/providers/good'], 'and they are cleared away')
})

test('a clock that was set back makes no record live longer than a fresh one', async () => {
  const datastore = new MemoryDatastore()
  const before = open(datastore, 1e12)
  addProvider(before.providers, { peer: 'a', addresses, keys }, 0)
  before.saved.changed('a')
  await before.saved.save(0)
  const after = open(datastore, 1000)
  await after.saved.load(0)
  assert.is(expireProviders(after.providers, PROVIDER_TTL_MS), 3)
})

test('a full disk loses nothing that a later save does not bring', async () => {
  const datastore = new MemoryDatastore()
  const { providers, saved, warnings } = open(datastore, 0)
  addProvider(providers, { peer: 'a', addresses, keys }, 0)
  saved.changed('a')
  const put = datastore.put.bind(datastore)
  datastore.put = () => {
    throw new Error('ENOSPC')
  }
  await saved.save(0)
  assert.is(warnings.length, 1)
  datastore.put = put
  await saved.save(0)
  assert.is((await rows(datastore)).length, 1)
  assert.is(recordCount(providers), 3)
})

test.run()

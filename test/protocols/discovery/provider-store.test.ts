import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  addProvider,
  createProviders,
  expireProviders,
  getProviders,
  type ProviderState,
  providerKeys,
  recordCount,
  removeProvider,
  restoreProviders,
} from '../../../protocols/discovery/provider-store.ts'
import { seededRandom } from '../../../protocols/ports.ts'
import { integer, withSeeds } from '../../support/seeds.ts'

const limits = { ttlMs: 1000, providersPerKeyMax: 3, keysPerPeerMax: 4, recordsMax: 10 }
const random = seededRandom(1)
const add = (state: ProviderState, peer: string, keys: string[], now = 0, addresses: string[] = []): number[] =>
  addProvider(state, { peer, addresses, keys }, now)
const who = (state: ProviderState, key: string, now = 0, limit = 20): string[] =>
  getProviders(state, { key, limit }, now, random)
    .map(({ peer }) => peer)
    .sort()

test('a key has at most so many providers; the next is refused, and one that goes makes room', () => {
  const state = createProviders(limits)
  for (const peer of ['a', 'b', 'c']) assert.equal(add(state, peer, ['k']), [])
  assert.equal(add(state, 'd', ['x', 'k']), [1])
  assert.equal(who(state, 'k'), ['a', 'b', 'c'])
  assert.equal(add(state, 'a', ['k']), [], 'who is in may renew')
  removeProvider(state, { peer: 'b', keys: ['k'] })
  assert.equal(add(state, 'd', ['k']), [])
  assert.equal(who(state, 'k'), ['a', 'c', 'd'])
})

test('a peer has at most so many keys, and the store at most so many records', () => {
  const state = createProviders(limits)
  assert.equal(add(state, 'a', ['1', '2', '3', '4', '5', '6']), [4, 5])
  assert.equal(add(state, 'b', ['b1', 'b2', 'b3', 'b4']), [])
  assert.equal(add(state, 'c', ['c1', 'c2', 'c3']), [2])
  assert.is(recordCount(state), 10)
  assert.equal(add(state, 'e', ['e1']), [0])
  assert.is(state.byPeer.has('e'), false, 'a peer without records leaves nothing behind')
})

test('a flood of keys and peers stays within the limits', () => {
  const state = createProviders({ ...limits, recordsMax: 500 })
  for (let i = 0; i < 10_000; i++) add(state, `p${i % 700}`, [`k${i}`, `k${i % 50}`], i / 1000)
  assert.is(recordCount(state), 500)
  assert.ok(state.byPeer.size <= 500)
  assert.ok(state.byKey.size <= 500)
})

test('a record lives as long as it says, unless it is renewed', () => {
  const state = createProviders(limits)
  add(state, 'a', ['k', 'l'], 0)
  add(state, 'b', ['k'], 500)
  add(state, 'a', ['l'], 600)
  assert.equal(who(state, 'k', 999), ['a', 'b'])
  assert.equal(who(state, 'k', 1000), ['b'], 'not found any more, even before it is forgotten')
  assert.is(expireProviders(state, 1000), 1)
  assert.equal(who(state, 'l', 1599), ['a'])
  assert.is(expireProviders(state, 1600), 2)
  assert.is(recordCount(state) + state.byKey.size + state.byPeer.size, 0)
})

test('what is withdrawn is gone, of that peer and no other', () => {
  const state = createProviders(limits)
  add(state, 'a', ['k', 'l'])
  add(state, 'b', ['k'])
  removeProvider(state, { peer: 'a', keys: ['k', 'unknown'] })
  removeProvider(state, { peer: 'nobody', keys: ['k'] })
  assert.equal([who(state, 'k'), who(state, 'l')], [['b'], ['a']])
  removeProvider(state, { peer: 'a', keys: ['l'] })
  assert.is(state.byPeer.has('a'), false)
})

test('answers are capped, random, without the asker, with the latest addresses', () => {
  const state = createProviders({ ...limits, providersPerKeyMax: 20, recordsMax: 100 })
  for (let i = 0; i < 20; i++) add(state, `p${i}`, ['k'])
  add(state, 'p3', [], 0, ['/ip4/1.1.1.1/tcp/1'])
  const seen = new Set<string>()
  for (let i = 0; i < 100; i++) {
    const found = getProviders(state, { key: 'k', limit: 2, except: 'p0' }, 0, random)
    assert.is(new Set(found.map(({ peer }) => peer)).size, 2)
    for (const { peer, addresses } of found) {
      seen.add(peer)
      if (peer === 'p3') assert.equal(addresses, ['/ip4/1.1.1.1/tcp/1'])
    }
  }
  assert.is(seen.has('p0'), false)
  assert.is(seen.size, 19)
  assert.equal(getProviders(state, { key: 'unknown', limit: 2 }, 0, random), [])
})

test('what is written down is taken back with what is left of its life, within the limits', () => {
  const state = createProviders(limits)
  add(state, 'a', ['k', 'l'], 0, ['/ip4/1.1.1.1/tcp/1'])
  add(state, 'a', ['m'], 400)
  const saved = providerKeys(state, 'a', 600)!
  assert.equal(
    saved.keys.map(({ key, leftMs }) => [key, leftMs]),
    [
      ['k', 400],
      ['l', 400],
      ['m', 800],
    ],
  )
  assert.is(providerKeys(state, 'b', 600), undefined)

  const again = createProviders(limits)
  const rows = saved.keys.map(({ key, leftMs }) => ({ peer: 'a', addresses: saved.addresses, key, leftMs }))
  const dead = { peer: 'z', addresses: [], key: 'k', leftMs: 0 }
  const lasting = { peer: 'y', addresses: [], key: 'k', leftMs: 1e12 }
  const many = Array.from({ length: 20 }, (_, i) => ({ peer: 'x', addresses: [], key: `x${i}`, leftMs: 5 }))
  assert.is(restoreProviders(again, [lasting, dead, ...rows.toReversed(), ...rows, ...many], 9000), 8)
  assert.equal(who(again, 'k', 9399), ['a', 'y'])
  assert.equal(who(again, 'k', 9400), ['y'])
  assert.is(expireProviders(again, 9400), 6)
  assert.equal(who(again, 'm', 9400), ['a'])
  assert.equal(who(again, 'k', 10_000), [], 'no record lives longer than a fresh one')
})

test('any order of events keeps the indices in step', () => {
  withSeeds(50, (seeded) => {
    const state = createProviders(limits)
    let now = 0
    for (let step = 0; step < 200; step++) {
      now += integer(seeded, 0, 100)
      const peer = `p${integer(seeded, 0, 5)}`
      const keys = Array.from({ length: integer(seeded, 0, 4) }, () => `k${integer(seeded, 0, 6)}`)
      if (seeded() < 0.6) add(state, peer, keys, now)
      else if (seeded() < 0.8) removeProvider(state, { peer, keys })
      else expireProviders(state, now)
      const byKey = [...state.byKey.values()].reduce((sum, records) => sum + records.size, 0)
      const byPeer = [...state.byPeer.values()].reduce((sum, { keys }) => sum + keys.size, 0)
      assert.equal([byKey, byPeer], [recordCount(state), recordCount(state)])
      for (const records of state.byKey.values()) assert.ok(records.size >= 1 && records.size <= 3)
      for (const { keys } of state.byPeer.values()) assert.ok(keys.size >= 1 && keys.size <= 4)
      const ends = [...state.queue].map(({ until }) => until)
      assert.equal(
        ends,
        ends.toSorted((a, b) => a - b),
        'the queue is in the order of the ends',
      )
    }
  })
})

test.run()

/** Directory, sweep, advertiser and Kademlia's metric: the pure parts. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Advertiser } from '../../../protocols/discovery/advertiser.ts'
import {
  FAILED_MS_MAX,
  FAILED_MS_MIN,
  PEERS_KNOWN_MAX,
  PROVIDER_TTL_MS,
  REGION_LIFE_MS,
  RENEW_MS,
  WHOLE_LIFE_MS,
} from '../../../protocols/discovery/constants.ts'
import { Directory, type KnownPeer } from '../../../protocols/discovery/directory.ts'
import {
  closest,
  commonBits,
  compareDistance,
  compareKad,
  kadIdOf,
  type Placed,
} from '../../../protocols/discovery/kad.ts'
import { isCovered, pickWalks, regionOf, uncovered } from '../../../protocols/discovery/sweep.ts'
import { integer, randomBytes, withSeeds } from '../../support/seeds.ts'

const placed = (text: string): KnownPeer => ({ peer: text, kadId: kadIdOf(Buffer.from(text)) })
const placedKey = (text: string) => ({ key: Buffer.from(text), kadId: kadIdOf(Buffer.from(text)) })
const names = (peers: readonly KnownPeer[]): string[] => peers.map(({ peer }) => peer).sort()

test('the closest are those that sorting by distance gives', () => {
  withSeeds(100, (random) => {
    const length = integer(random, 0, 40)
    const ids: Placed[] = Array.from({ length }, () => ({ kadId: randomBytes(random, 32) })).sort(compareKad)
    const target = random() < 0.2 && length > 0 ? ids[0]!.kadId : randomBytes(random, 32)
    const count = integer(random, 0, 25)
    const expected = ids.toSorted((a, b) => compareDistance(target, a.kadId, b.kadId)).slice(0, count)
    assert.equal(closest(ids, target, count), expected)
  })
})

test('common bits', () => {
  const zero = new Uint8Array(32)
  assert.is(commonBits(zero, zero), 256)
  for (const bit of [0, 1, 7, 8, 9, 254, 255]) {
    const other = new Uint8Array(32)
    other[bit >>> 3] = 0x80 >>> (bit & 7)
    assert.is(commonBits(zero, other), bit)
  }
})

test('a region that a walk covers holds no peer that the walk did not find', () => {
  withSeeds(60, (random) => {
    const peers: Placed[] = Array.from({ length: integer(random, 1, 300) }, () => ({ kadId: randomBytes(random, 32) }))
    peers.sort(compareKad)
    const target = randomBytes(random, 32)
    const answer = closest(peers, target, 20)
    const region = regionOf(target, answer, 20)
    if (peers.length < 20) assert.is(region.bits, 0)
    assert.ok(isCovered(target, [region]))
    for (const peer of peers) if (isCovered(peer.kadId, [region])) assert.ok(answer.includes(peer))
  })
})

test('walks go to keys that are not covered, spread out, no more than asked for', () => {
  const keys = Array.from({ length: 100 }, (_, i) => placedKey(`k${i}`))
  assert.equal(uncovered(keys, [{ prefix: keys[0]!.kadId, bits: 0 }]), [])
  const half = { prefix: new Uint8Array(32), bits: 1 }
  const open = uncovered(keys, [half])
  assert.ok(open.length > 20 && open.every(({ kadId }) => kadId[0]! >= 0x80))
  assert.equal(open, open.toSorted(compareKad))
  assert.is(new Set(pickWalks(open, 7)).size, 7)
  assert.is(pickWalks(open, 1000).length, open.length)
  assert.equal(pickWalks([], 3), [])
})

test('a directory passes over a peer that failed, longer each time, until it connects', () => {
  const directory = new Directory(placed('self'))
  for (const peer of ['a', 'b']) directory.connected(peer, placed(peer).kadId)
  directory.connected('self', placed('self').kadId)
  assert.equal(names(directory.sorted(0)), ['a', 'b', 'self'])
  directory.failed('a', 0)
  assert.equal(names(directory.sorted(FAILED_MS_MIN - 1)), ['b', 'self'])
  assert.equal(names(directory.sorted(FAILED_MS_MIN)), ['a', 'b', 'self'])
  directory.failed('a', FAILED_MS_MIN)
  assert.equal(names(directory.sorted(2 * FAILED_MS_MIN)), ['b', 'self'])
  directory.connected('a', placed('a').kadId)
  assert.equal(names(directory.sorted(2 * FAILED_MS_MIN)), ['a', 'b', 'self'])
  directory.failed('nobody', 0)
})

test('look-ups that fail at once count as one failure', () => {
  const directory = new Directory(placed('self'))
  directory.found('a', placed('a').kadId)
  for (let i = 0; i < 50; i++) directory.failed('a', 0)
  assert.equal(names(directory.sorted(FAILED_MS_MIN)), ['a', 'self'])
})

test('a peer that goes on failing is forgotten, unless it is connected', () => {
  const directory = new Directory(placed('self'))
  directory.found('a', placed('a').kadId)
  directory.connected('b', placed('b').kadId)
  for (let now = 0; now < 20 * FAILED_MS_MAX; now += 2 * FAILED_MS_MAX)
    for (const p of ['a', 'b']) directory.failed(p, now)
  assert.is(directory.size, 1)
  assert.equal(names(directory.sorted(100 * FAILED_MS_MAX)), ['b', 'self'])
})

test('a peer that broke the protocol is passed over although it connects again', () => {
  const directory = new Directory(placed('self'))
  directory.connected('a', placed('a').kadId)
  directory.shun('a', 0)
  directory.disconnected('a')
  directory.connected('a', placed('a').kadId)
  assert.equal(names(directory.sorted(FAILED_MS_MAX - 1)), ['self'])
  assert.equal(names(directory.sorted(FAILED_MS_MAX)), ['a', 'self'])
})

test('a directory is bounded, and a flood of made-up peers does not push out connected ones', () => {
  const directory = new Directory(placed('self'))
  for (let i = 0; i < 100; i++) directory.connected(`c${i}`, placed(`c${i}`).kadId)
  for (let i = 0; i < PEERS_KNOWN_MAX + 500; i++) directory.found(`f${i}`, placed(`f${i}`).kadId)
  assert.is(directory.size, PEERS_KNOWN_MAX)
  assert.is(directory.sorted(0).filter(({ peer }) => peer.startsWith('c')).length, 100)
})

test('regions end, that of a whole network sooner', () => {
  const directory = new Directory(placed('self'))
  const prefix = new Uint8Array(32)
  directory.addRegion({ prefix, bits: 0 }, 0)
  directory.addRegion({ prefix, bits: 3 }, 0)
  directory.addRegion({ prefix, bits: 4 }, 0, 10)
  assert.is(directory.regions(9).length, 3)
  assert.is(directory.regions(10).length, 2)
  assert.is(directory.regions(WHOLE_LIFE_MS).length, 1)
  assert.is(directory.regions(REGION_LIFE_MS).length, 0)
})

const peers = ['a', 'b', 'c', 'd', 'e'].map(placed).sort(compareKad)

test('what is due goes to the responsible peers once, and again when it is to be renewed', () => {
  const advertiser = new Advertiser(2)
  for (const text of ['k', 'l']) advertiser.add(text, placedKey(text))
  const due = advertiser.due(peers, 0)
  for (const text of ['k', 'l']) {
    const to = due.filter(({ keys }) => keys.some(({ key }) => Buffer.from(key).toString() === text))
    assert.equal(names(to.map(({ peer }) => placed(peer))), names(closest(peers, placedKey(text).kadId, 2)))
  }
  for (const { peer, keys } of due)
    advertiser.sent(
      peer,
      keys.map(({ key }) => Buffer.from(key).toString()),
      0,
    )
  assert.equal(advertiser.due(peers, RENEW_MS - 1), [])
  assert.is(advertiser.due(peers, RENEW_MS).length, due.length)
})

test('a peer that lost what it was sent gets it again, and one that is new gets its share', () => {
  const advertiser = new Advertiser(2)
  advertiser.add('k', placedKey('k'))
  const [near, next] = closest(peers, placedKey('k').kadId, 2)
  for (const { peer } of [near!, next!]) advertiser.sent(peer, ['k'], 0)
  advertiser.lost(near!.peer)
  assert.equal(
    advertiser.due(peers, 1).map(({ peer }) => peer),
    [near!.peer],
  )
  advertiser.sent(near!.peer, ['k'], 1)
  const others = peers.filter(({ peer }) => peer !== near!.peer)
  assert.is(advertiser.due(others, 2).length, 1, 'the next closest takes the place of one that is gone')
})

test('a key that enough others provide rests, until it is due', () => {
  const advertiser = new Advertiser(2)
  advertiser.add('k', placedKey('k'))
  advertiser.rest('k', 0)
  assert.equal(advertiser.due(peers, RENEW_MS - 1), [])
  assert.is(advertiser.due(peers, RENEW_MS).length, 2)
})

test('who was told of a key is told of its end, and nobody else', () => {
  const advertiser = new Advertiser(2)
  for (const text of ['k', 'l']) advertiser.add(text, placedKey(text))
  advertiser.sent('a', ['k', 'l', 'never added'], 0)
  advertiser.sent('b', ['l'], 0)
  assert.equal([...advertiser.remove(['k', 'unknown'])], [['a', ['k']]])
  assert.equal([...advertiser.remove(['k'])], [])
  assert.equal(advertiser.texts(), ['l'])
  advertiser.forgetOld(PROVIDER_TTL_MS + 1, PROVIDER_TTL_MS)
  assert.equal([...advertiser.remove(['l'])], [], 'their records have ended by themselves')
})

test.run()

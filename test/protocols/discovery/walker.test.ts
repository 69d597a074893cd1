import type { KadDHT } from '@libp2p/kad-dht'
import { peerIdFromMultihash } from '@libp2p/peer-id'
import * as Digest from 'multiformats/hashes/digest'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  SMALL_NETWORK_PEERS,
  UNSURE_LIFE_MS,
  WALK_PEERS,
  WHOLE_LIFE_MS,
} from '../../../protocols/discovery/constants.ts'
import { Directory } from '../../../protocols/discovery/directory.ts'
import { closest, compareKad, kadIdOf } from '../../../protocols/discovery/kad.ts'
import { type PlacedKey, Walker } from '../../../protocols/discovery/walker.ts'
import { seededRandom, silentLog } from '../../../protocols/ports.ts'
import { randomBytes } from '../../support/seeds.ts'

const random = seededRandom(7)
const never = new AbortController().signal

function newPeer() {
  // An Ed25519 peer id is the identity multihash of the key's protobuf.
  const id = peerIdFromMultihash(Digest.create(0, Uint8Array.of(8, 1, 18, 32, ...randomBytes(random, 32))))
  return { id, peer: id.toString(), kadId: kadIdOf(id.toMultihash().bytes) }
}

const newKeys = (count: number): PlacedKey[] =>
  Array.from({ length: count }, () => {
    const key = randomBytes(random, 32)
    return { key, kadId: kadIdOf(key) }
  })

/** A walker in a network of so many peers, of which it knows `known`; the DHT answers as kad-dht does. */
function newWalker(count: number, known: number, behaviour: 'right' | 'hangs' | 'fails' | 'silent' = 'right') {
  const peers = Array.from({ length: count }, newPeer).sort(compareKad)
  const directory = new Directory(newPeer())
  for (const { peer, kadId } of peers.slice(0, known)) directory.connected(peer, kadId)
  const clock = { time: 0, now: () => clock.time }
  const fake = { walks: 0, running: 0, runningMost: 0 }
  const dht = {
    async *getClosestPeers(key: Uint8Array, { signal }: { signal: AbortSignal }) {
      fake.walks += 1
      fake.running += 1
      fake.runningMost = Math.max(fake.runningMost, fake.running)
      // A time-out's timer alone does not keep the process alive.
      const alive = setInterval(() => {}, 1000)
      try {
        await new Promise((resolve) => setImmediate(resolve))
        if (behaviour === 'fails') throw new Error('no')
        if (behaviour === 'silent') return
        const near = closest(peers, kadIdOf(key), WALK_PEERS)
        for (const { id } of near) yield { name: 'PEER_RESPONSE', from: id }
        if (behaviour === 'hangs') {
          await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
        }
        for (const { id } of near) yield { name: 'FINAL_PEER', peer: { id } }
      } finally {
        fake.running -= 1
        clearInterval(alive)
      }
    },
  } as unknown as KadDHT
  return { walker: new Walker(dht, directory, clock, silentLog), directory, clock, fake, peers }
}

test('a node that knows nobody does not walk', async () => {
  const { walker, fake } = newWalker(0, 0)
  await walker.cover(newKeys(3), 8, 100, never)
  assert.is(fake.walks, 0)
})

test('one walk shows a small network, however many keys, also to a node that knows a single peer', async () => {
  const { walker, fake, directory, clock } = newWalker(12, 1)
  await walker.cover(newKeys(500), 8, 1000, never)
  assert.is(fake.walks, 1)
  assert.is(directory.size, 12)
  await walker.cover(newKeys(500), 8, 1000, never)
  assert.is(fake.walks, 1, 'that holds for a while')
  clock.time = WHOLE_LIFE_MS
  await walker.cover(newKeys(500), 8, 1000, never)
  assert.is(fake.walks, 2, 'but networks grow')
})

test('in a large network far fewer walks than keys show the peers that are responsible for them', async () => {
  const { walker, fake, directory, peers } = newWalker(1000, 40)
  const keys = newKeys(2000)
  await walker.cover(keys, 1000, 1000, never)
  assert.ok(fake.walks < 400, `${fake.walks} walks`)
  assert.ok(fake.runningMost <= 4)
  const known = directory.sorted(0)
  for (const { kadId } of keys) {
    const right = closest(peers, kadId, 4).map(({ peer }) => peer)
    const seen = closest(known, kadId, 5).map(({ peer }) => peer)
    assert.ok(right.every((peer) => seen.includes(peer)))
  }
})

test('no more walks than allowed, and none after the end', async () => {
  const { walker, fake } = newWalker(1000, 40)
  await walker.cover(newKeys(2000), 7, 1000, never)
  assert.is(fake.walks, 7)
  await walker.cover(newKeys(2000), 7, 1000, AbortSignal.abort())
  assert.is(fake.walks, 7)
})

test('walks that fail, or that nobody answers, end the search and cover nothing', async () => {
  for (const behaviour of ['fails', 'silent'] as const) {
    const { walker, fake, directory } = newWalker(100, 40, behaviour)
    await walker.cover(newKeys(100), 8, 1000, never)
    assert.is(fake.walks, 1)
    assert.equal(directory.regions(0), [])
  }
})

test('a walk that dead peers hold up gives the living ones, and is not repeated at once', async () => {
  const { walker, fake, directory, clock } = newWalker(12, 3, 'hangs')
  const keys = newKeys(10)
  await walker.cover(keys, 8, 50, never)
  assert.is(fake.walks, 1)
  assert.is(directory.size, 12)
  await walker.cover(keys, 8, 50, never)
  assert.is(fake.walks, 1)
  clock.time = UNSURE_LIFE_MS
  await walker.cover(keys, 8, 50, never)
  assert.is(fake.walks, 2)
})

test('few answers do not make a network small that is known to be large', async () => {
  const { walker, fake, directory } = newWalker(15, 15)
  for (let i = 0; i <= SMALL_NETWORK_PEERS; i++) {
    const { peer, kadId } = newPeer()
    directory.connected(peer, kadId)
  }
  await walker.cover(newKeys(3), 8, 1000, never)
  assert.is(fake.walks, 3)
})

test.run()

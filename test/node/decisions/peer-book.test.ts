import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { HOOK_PEERS_MAX } from '../../../node/decisions/hook-peers.ts'
import {
  CANDIDATES_MAX,
  type Candidate,
  DIALS_MAX,
  FAR_SESSIONS_MAX,
  NEAR_SESSIONS_MAX,
  PeerBook,
  RETRY_MS,
  SESSIONS_MAX,
} from '../../../node/decisions/peer-book.ts'
import { seededRandom } from '../../../protocols/ports.ts'

function candidate(i: number, rack?: string): Candidate {
  return { peer: `p${i}`, addresses: [], role: 'swarm', rack }
}

function book(rack?: string): PeerBook {
  return new PeerBook({ self: 'self', rack, random: seededRandom(1) })
}

/** Dials and opens until nobody is left to be dialled. */
function openAll(peers: PeerBook, now = 0): string[] {
  const opened: string[] = []
  for (let chosen = peers.next(now); chosen.length > 0; chosen = peers.next(now)) {
    assert.ok(peers.dialing <= DIALS_MAX)
    for (const { peer, rack } of chosen) {
      peers.opened(peer, rack)
      opened.push(peer)
    }
  }
  return opened
}

test('hook peers find room however many peers of the swarm there are, of this rack and of others', () => {
  for (const rack of [undefined, 'mine']) {
    const peers = book(rack)
    peers.add([...Array(100).keys()].map((i) => candidate(i, i % 2 === 0 ? 'mine' : `rack-${i}`)))
    openAll(peers)
    const hooks = [...Array(2 * HOOK_PEERS_MAX).keys()].map(
      (i): Candidate => ({ ...candidate(1000 + i), role: 'hook' }),
    )
    peers.add(hooks)
    assert.is(openAll(peers).length, HOOK_PEERS_MAX)
    peers.ended('p0', 0)
    assert.ok(
      peers.next(0).every(({ role }) => role === 'swarm'),
      'nor do they take the place of others',
    )
  }
})

test('the builder is dialled first, this node never', () => {
  const peers = book()
  peers.add([...Array(50).keys()].map((i) => candidate(i)))
  peers.add([
    { ...candidate(0), peer: 'self' },
    { ...candidate(0), peer: 'builder', role: 'builder' },
  ])
  assert.is(peers.next(0)[0]!.peer, 'builder')
  assert.not.ok(openAll(peers).includes('self'))
})

test('sessions are bounded; of one that ended another takes the place', () => {
  const peers = book()
  peers.add([...Array(100).keys()].map((i) => candidate(i)))
  const opened = openAll(peers)
  assert.is(opened.length, SESSIONS_MAX)
  assert.equal(peers.next(0), [])
  peers.ended(opened[0]!, 0)
  assert.is(peers.next(0).length, 1)
})

test('most sessions are with peers of the own rack, some with others', () => {
  const peers = book('mine')
  peers.add([...Array(40).keys()].map((i) => candidate(i, 'mine')))
  peers.add([...Array(40).keys()].map((i) => candidate(100 + i, 'other')))
  const opened = openAll(peers)
  const near = opened.filter((peer) => Number(peer.slice(1)) < 100).length
  assert.is(near, NEAR_SESSIONS_MAX)
  assert.is(opened.length, SESSIONS_MAX)
})

test('a rack that has nobody else keeps to its share of sessions elsewhere', () => {
  const peers = book('mine')
  peers.add([...Array(40).keys()].map((i) => candidate(i, 'other')))
  assert.is(openAll(peers).length, FAR_SESSIONS_MAX)
})

test('who could not be reached is tried again, not at once; who sent wrong bytes never', () => {
  const peers = book()
  peers.add([candidate(1), candidate(2)])
  for (const { peer } of peers.next(0)) peers.ended(peer, 10)
  assert.equal(peers.next(RETRY_MS), [])
  assert.is(peers.next(10 + RETRY_MS).length, 2)
  peers.ban('p1', 0)
  peers.add([candidate(1)])
  peers.ended('p2', 0)
  assert.equal(
    peers.next(100 * RETRY_MS).map(({ peer }) => peer),
    ['p2'],
  )
})

test('candidates are bounded; a peer’s addresses and rack are kept up to date', () => {
  const peers = book()
  peers.add([...Array(2 * CANDIDATES_MAX).keys()].map((i) => candidate(i)))
  assert.is(peers.get(`p${CANDIDATES_MAX}`), undefined)
  peers.add([{ ...candidate(1, 'r'), addresses: ['/ip4/1.1.1.1/tcp/1'] }])
  peers.add([candidate(1)])
  assert.equal(peers.get('p1'), { ...candidate(1, 'r'), addresses: ['/ip4/1.1.1.1/tcp/1'] })
})

test.run()

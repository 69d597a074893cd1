import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { HOOK_PEERS_MAX } from '../../../node/decisions/hook-peers.ts'
import {
  CANDIDATES_MAX,
  type Candidate,
  DIALS_MAX,
  FAR_SESSIONS_MAX,
  NEAR_SEEK_MS_MAX,
  NEAR_SEEK_MS_MIN,
  NEAR_SESSIONS_MAX,
  NEAR_WANTED,
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

test('of a large swarm a node still hears of the peers in its own rack', () => {
  const peers = book('mine')
  peers.add([...Array(CANDIDATES_MAX).keys()].map((i) => candidate(i, 'other')))
  openAll(peers)
  peers.add([candidate(CANDIDATES_MAX, 'mine'), candidate(CANDIDATES_MAX + 1, 'other')])
  assert.equal(openAll(peers), [`p${CANDIDATES_MAX}`])
  assert.is(peers.get(`p${CANDIDATES_MAX + 1}`), undefined, 'others find no room')
  const known = [...Array(CANDIDATES_MAX).keys()].filter((i) => peers.get(`p${i}`) !== undefined)
  assert.is(known.length, CANDIDATES_MAX - 1, 'one of another rack made room')
})

test('peers of the own rack are looked for until there are enough, ever more seldom', () => {
  const peers = book('mine')
  let now = 0
  const sought: number[] = []
  for (; now <= 100_000; now += 500) if (peers.seeksNear(now)) sought.push(now)
  assert.equal(
    sought.slice(0, 4),
    [1, 3, 7, 15].map((times) => times * NEAR_SEEK_MS_MIN),
  )
  assert.is(sought.at(-1)! - sought.at(-2)!, NEAR_SEEK_MS_MAX)
  peers.add([...Array(NEAR_WANTED).keys()].map((i) => candidate(i, 'mine')))
  now += NEAR_SEEK_MS_MAX
  assert.not.ok(peers.seeksNear(now), 'there are enough to be dialled')
  openAll(peers, now)
  assert.not.ok(peers.seeksNear(now), 'there are enough sessions')
  peers.ended('p0', now)
  assert.ok(peers.seeksNear(now))
  assert.not.ok(book().seeksNear(NEAR_SEEK_MS_MAX), 'who does not know its rack has nobody to look for')
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

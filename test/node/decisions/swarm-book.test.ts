import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  FAR_RACK_SESSIONS,
  HINTS_MAX,
  NEAR_SESSIONS,
  PEER_LIFE_MS,
  PEERS_KNOWN_MAX,
  type PeerHint,
  SWARM_SESSIONS,
  SwarmBook,
  TOLD_PEERS_MAX,
  TOLD_SESSIONS_MAX,
} from '../../../node/decisions/swarm-book.ts'
import { seededRandom } from '../../../protocols/ports.ts'
import { integer, withSeeds } from '../../support/seeds.ts'

function hint(i: number, rack?: string): PeerHint {
  return { id: `p${i}`, addresses: [], rack }
}

test('in a small swarm everybody hears of everybody', () => {
  const book = new SwarmBook(seededRandom(1), undefined)
  const told = new Map<number, Set<string>>()
  for (let i = 0; i < 6; i++) {
    told.set(i, new Set())
    for (const { session, hints } of book.joined(0, i, hint(i))) for (const { id } of hints) told.get(session)!.add(id)
  }
  for (let i = 0; i < 6; i++)
    assert.equal(
      [...told.get(i)!].sort(),
      [0, 1, 2, 3, 4, 5].filter((j) => j !== i).map((j) => `p${j}`),
    )
})

test('in a large one the messages for a newcomer are bounded, and what one session is told', () => {
  const book = new SwarmBook(seededRandom(1), undefined)
  const told = new Map<number, number>()
  for (let i = 0; i < 200; i++) {
    const tellings = book.joined(0, i, hint(i))
    assert.ok(tellings.length <= TOLD_SESSIONS_MAX + 1)
    for (const { session, hints } of tellings) {
      assert.ok(hints.length <= HINTS_MAX)
      told.set(session, (told.get(session) ?? 0) + hints.length)
    }
  }
  assert.ok(Math.max(...told.values()) <= TOLD_PEERS_MAX + HINTS_MAX)
})

test('a node takes about as many sessions as it opens, newcomers or not', () => {
  const book = new SwarmBook(seededRandom(1), undefined)
  for (let i = 0; i < SWARM_SESSIONS; i++) {
    assert.ok(book.admits(undefined))
    book.joined(0, i, hint(i))
  }
  assert.not.ok(book.admits(undefined))
  book.left(3)
  assert.ok(book.admits(undefined))
  assert.is(book.sessions, SWARM_SESSIONS - 1)
})

test('peers of the own rack find room where others do not, as many as each opens', () => {
  const book = new SwarmBook(seededRandom(1), 'mine')
  for (let i = 0; i < SWARM_SESSIONS; i++) book.joined(0, i, hint(i, `other-${i}`))
  assert.not.ok(book.admits('other'))
  for (let i = 0; i < NEAR_SESSIONS; i++) {
    assert.ok(book.admits('mine'))
    book.joined(0, 100 + i, hint(100 + i, 'mine'))
  }
  assert.not.ok(book.admits('mine'))
  book.left(100)
  assert.ok(book.admits('mine'))
})

test('one other rack does not take all the room', () => {
  const book = new SwarmBook(seededRandom(1), 'mine')
  for (let i = 0; i < FAR_RACK_SESSIONS; i++) {
    assert.ok(book.admits('first'))
    book.joined(0, i, hint(i, 'first'))
  }
  assert.not.ok(book.admits('first'))
  assert.ok(book.admits('second'))
  assert.ok(book.admits(undefined))
  book.left(0)
  assert.ok(book.admits('first'))
})

test('who finds no room hears of others, of its own rack first, and others hear of it later', () => {
  const book = new SwarmBook(seededRandom(1), undefined)
  for (let i = 0; i < 100; i++) book.joined(0, i, hint(i, i < 20 ? 'mine' : 'other'))
  const hints = book.refused(0, hint(200, 'mine'))
  assert.is(hints.length, HINTS_MAX)
  assert.is(hints.filter(({ rack }) => rack === 'mine').length, HINTS_MAX / 2)
  assert.ok(book.choose(0, 1000).some(({ id }) => id === 'p200'))
})

test('peers that nobody speaks of any more are forgotten; no more than a bound are known', () => {
  const book = new SwarmBook(seededRandom(1), undefined)
  book.heardOf(0, [hint(1)])
  assert.is(book.choose(PEER_LIFE_MS, 10).length, 1)
  assert.is(book.choose(2 * PEER_LIFE_MS, 10).length, 0)
  for (let i = 0; i < 2 * PEERS_KNOWN_MAX; i++) book.heardOf(2 * PEER_LIFE_MS, [hint(i)])
  assert.is(book.choose(2 * PEER_LIFE_MS, 10_000).length, PEERS_KNOWN_MAX)
  book.joined(2 * PEER_LIFE_MS, 1, hint(9999))
  assert.ok(
    book.choose(2 * PEER_LIFE_MS, 10_000).some(({ id }) => id === 'p9999'),
    'who is really there is known',
  )
})

test('a rack that was said once is not forgotten by a hint without it', () => {
  const book = new SwarmBook(seededRandom(1), undefined)
  book.heardOf(0, [hint(1, 'r')])
  book.heardOf(1, [hint(1)])
  assert.is(book.choose(1, 1)[0]!.rack, 'r')
})

test('whatever is heard of racks, a choice names each peer once, never the asker, and as many of its rack as there should be', () => {
  withSeeds(100, (random) => {
    const book = new SwarmBook(random, 'r0')
    const rackOf = new Map<string, string | undefined>()
    let now = 0
    for (let i = 0; i < 60; i++) {
      now += random() < 0.02 ? PEER_LIFE_MS + 2 : integer(random, 0, 5)
      const said = hint(integer(random, 0, 50), random() < 0.2 ? undefined : `r${integer(random, 0, 3)}`)
      book.heardOf(now, [said])
      rackOf.set(said.id, said.rack ?? rackOf.get(said.id))
      const asker = hint(integer(random, 0, 50), `r${integer(random, 0, 3)}`)
      const all = book.choose(now, Number.POSITIVE_INFINITY)
      for (const { id, rack } of all) assert.ok(rack === undefined || rack === rackOf.get(id), `${id} in ${rack}`)
      const count = integer(random, 0, 20)
      const chosen = book.choose(now, count, asker)
      const others = all.filter(({ id }) => id !== asker.id)
      const near = others.filter(({ rack }) => rack === asker.rack).length
      assert.is(new Set(chosen.map(({ id }) => id)).size, chosen.length)
      assert.not.ok(chosen.some(({ id }) => id === asker.id))
      assert.is(chosen.length, Math.min(count, others.length))
      const wanted = Math.min(near, Math.max(count >> 1, count - (others.length - near)))
      assert.is(chosen.filter(({ rack }) => rack === asker.rack).length, wanted)
    }
  })
})

test.run()

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { PEERS_KNOWN_MAX, TOLD_PEERS_MAX, TOLD_SESSIONS_MAX } from '../../../node/decisions/swarm-book.ts'
import { IMAGES_MAX, Swarms } from '../../../node/serve/swarm.ts'
import { PEERS_MAX } from '../../../protocols/blocks/constants.ts'
import type { PeerHint } from '../../../protocols/blocks/messages.ts'
import { seededRandom } from '../../../protocols/ports.ts'
import { rootOf } from '../../support/records.ts'

const ROOT = rootOf(1)

function hint(id: string, rack?: string): PeerHint {
  return { id, addresses: [`/ip4/127.0.0.1/tcp/${id.length}`], rack }
}

function hints(from: number, to: number): PeerHint[] {
  return Array.from({ length: to - from }, (_, i) => hint(`p${from + i}`))
}

function swarms(): Swarms {
  return new Swarms(() => 0, seededRandom(1))
}

function ids(peers: readonly PeerHint[]): string[] {
  return peers.map(({ id }) => id)
}

/** Joins, and notes the ids that the peer is told of. */
function join(swarm: Swarms, id: string, root = ROOT): { told: string[]; leave: () => void } {
  const told: string[] = []
  const leave = swarm.joined(root, hint(id), (peers) => {
    assert.ok(peers.length <= PEERS_MAX)
    told.push(...ids(peers))
  })
  return { told, leave }
}

test('who joins hears of the others, and they of it, and nobody of itself or of another image', () => {
  const swarm = swarms()
  const a = join(swarm, 'a')
  const b = join(swarm, 'b')
  const c = join(swarm, 'c')
  const other = join(swarm, 'other', rootOf(2))
  assert.equal(a.told, ['b', 'c'])
  assert.equal(b.told, ['a', 'c'])
  assert.equal(c.told.sort(), ['a', 'b'])
  assert.equal(other.told, [])
})

test('who has left hears no more, and is still told of', () => {
  const swarm = swarms()
  const a = join(swarm, 'a')
  a.leave()
  const b = join(swarm, 'b')
  assert.equal(a.told, [])
  assert.equal(b.told, ['a'])
})

test('news is told once, not whenever it is repeated', () => {
  const swarm = swarms()
  const a = join(swarm, 'a')
  for (let i = 0; i < 3; i++) swarm.heardOf(ROOT, hints(0, 2))
  assert.equal(a.told, ['p0', 'p1'])
})

test('who found no room is told of others, those of its own rack among them, and remembered', () => {
  const swarm = swarms()
  const crowd = hints(0, 2 * PEERS_MAX).map(({ id }) => hint(id, 'far'))
  swarm.heardOf(ROOT, [hint('near', 'r1'), ...crowd])
  const told = ids(swarm.refused(ROOT, hint('late', 'r1')))
  assert.is(told.length, PEERS_MAX)
  assert.ok(told.includes('near'))
  assert.ok(ids(swarm.peers(ROOT)).includes('late'))
})

test('in a large swarm a newcomer costs a bounded number of messages', () => {
  const swarm = swarms()
  let messages = 0
  for (let i = 0; i < 200; i++) swarm.joined(ROOT, hint(`p${i}`), () => messages++)
  assert.ok(messages <= 200 * (TOLD_SESSIONS_MAX + 1), `${messages} messages`)
  const a = join(swarm, 'a')
  for (let from = 0; from < 1000; from += PEERS_MAX) swarm.heardOf(ROOT, hints(from, from + PEERS_MAX))
  assert.ok(a.told.length <= TOLD_PEERS_MAX + PEERS_MAX)
})

test('a fetch of the image hears of everybody: those who join, are refused, or are told of; until it ends', () => {
  const swarm = swarms()
  const heard: string[] = []
  const end = swarm.listen(ROOT, (peers) => heard.push(...ids(peers)))
  join(swarm, 'a')
  join(swarm, 'of another image', rootOf(2))
  swarm.refused(ROOT, hint('b'))
  swarm.heardOf(ROOT, [hint('c')])
  end()
  join(swarm, 'd')
  assert.equal(heard, ['a', 'b', 'c'])
})

test('all known peers are there to be dialled, and no more than are remembered', () => {
  const swarm = swarms()
  for (let from = 0; from < 2 * PEERS_KNOWN_MAX; from += PEERS_MAX) swarm.heardOf(ROOT, hints(from, from + PEERS_MAX))
  assert.is(new Set(ids(swarm.peers(ROOT))).size, PEERS_KNOWN_MAX)
  assert.equal(swarm.peers(rootOf(2)), [])
})

test('images are bounded; one with sessions is not given up for another', () => {
  const swarm = swarms()
  join(swarm, 'a')
  for (let i = 0; i < 2 * IMAGES_MAX; i++) swarm.heardOf(rootOf(i % 256), [hint(`q${i}`)])
  assert.ok(ids(swarm.peers(ROOT)).includes('a'))
})

test.run()

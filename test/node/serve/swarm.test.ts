import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { IMAGES_MAX, PEER_LIFE_MS, PEERS_PER_IMAGE_MAX, Swarms } from '../../../node/serve/swarm.ts'
import { PEERS_MAX } from '../../../protocols/blocks/constants.ts'
import type { PeerHint } from '../../../protocols/blocks/messages.ts'
import { seededRandom } from '../../../protocols/ports.ts'
import { rootOf } from '../../support/records.ts'

const ROOT = rootOf(1)

function hint(id: string): PeerHint {
  return { id, addresses: [`/ip4/127.0.0.1/tcp/${id.length}`] }
}

function hints(from: number, to: number): PeerHint[] {
  return Array.from({ length: to - from }, (_, i) => hint(`p${from + i}`))
}

function swarms(): { swarms: Swarms; at(now: number): void } {
  let time = 0
  return {
    swarms: new Swarms(() => time, seededRandom(1)),
    at: (now) => {
      time = now
    },
  }
}

/** Joins, and notes the ids that the peer is told of. */
function join(swarm: Swarms, id: string): { told: string[]; leave: () => void } {
  const told: string[] = []
  const leave = swarm.joined(ROOT, hint(id), (peers) => {
    assert.ok(peers.length <= PEERS_MAX)
    told.push(...peers.map((peer) => peer.id))
  })
  return { told, leave }
}

test('who joins hears of the others, and they of it, and nobody of itself', () => {
  const { swarms: swarm } = swarms()
  const a = join(swarm, 'a')
  const b = join(swarm, 'b')
  const c = join(swarm, 'c')
  assert.equal(a.told, ['b', 'c'])
  assert.equal(b.told, ['a', 'c'])
  assert.equal(c.told.sort(), ['a', 'b'])
})

test('who has left hears no more, and is still told of for a while', () => {
  const { swarms: swarm, at } = swarms()
  const a = join(swarm, 'a')
  a.leave()
  const b = join(swarm, 'b')
  assert.equal(a.told, [])
  assert.equal(b.told, ['a'])
  at(PEER_LIFE_MS + 1)
  assert.equal(swarm.peers(ROOT), [])
})

test('news is told once, not whenever it is repeated', () => {
  const { swarms: swarm } = swarms()
  const a = join(swarm, 'a')
  for (let i = 0; i < 3; i++) swarm.heardOf(ROOT, hints(0, 2))
  assert.equal(a.told, ['p0', 'p1'])
})

test('rumours beyond what is remembered are not passed on, however often they come', () => {
  const { swarms: swarm } = swarms()
  const a = join(swarm, 'a')
  for (let i = 0; i < 3; i++) {
    for (let from = 0; from < 2 * PEERS_PER_IMAGE_MAX; from += 32) swarm.heardOf(ROOT, hints(from, from + 32))
  }
  assert.is(a.told.length, PEERS_PER_IMAGE_MAX - 1)
  assert.is(new Set(a.told).size, a.told.length)
})

test('a peer that is really there displaces a rumour', () => {
  const { swarms: swarm, at } = swarms()
  const a = join(swarm, 'a')
  for (let from = 0; from < PEERS_PER_IMAGE_MAX; from += 32) swarm.heardOf(ROOT, hints(from, from + 32))
  at(10)
  swarm.heardOf(ROOT, [hint('a')])
  join(swarm, 'real')
  assert.is(a.told.at(-1), 'real')
})

test('rumours that were not heard again make room for new ones', () => {
  const { swarms: swarm, at } = swarms()
  swarm.heardOf(ROOT, hints(0, PEERS_PER_IMAGE_MAX))
  at(PEER_LIFE_MS + 1)
  swarm.heardOf(ROOT, [hint('new')])
  assert.equal(
    swarm.peers(ROOT).map(({ id }) => id),
    ['new'],
  )
})

test('a choice of peers is bounded, and differs', () => {
  const { swarms: swarm } = swarms()
  swarm.heardOf(ROOT, hints(0, 100))
  const ids = (): string =>
    swarm
      .peers(ROOT)
      .map(({ id }) => id)
      .join()
  assert.is(swarm.peers(ROOT).length, PEERS_MAX)
  assert.is.not(ids(), ids())
})

test('a peer that is forgotten is not told of', () => {
  const { swarms: swarm } = swarms()
  swarm.heardOf(ROOT, hints(0, 2))
  swarm.forget('p0')
  assert.equal(
    swarm.peers(ROOT).map(({ id }) => id),
    ['p1'],
  )
})

test('images are bounded; one with sessions is not given up for another', () => {
  const { swarms: swarm } = swarms()
  join(swarm, 'a')
  for (let i = 0; i < 2 * IMAGES_MAX; i++) swarm.heardOf(rootOf(i % 256), [hint(`q${i}`)])
  assert.ok(swarm.peers(ROOT).some(({ id }) => id === 'a'))
})

test.run()

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { choosePeerOrder, choosePiece, Scarcity } from '../../../../node/decisions/fetch/choose.ts'
import { Demand } from '../../../../node/decisions/fetch/demand.ts'
import { CLAIM_MS, SAMPLE_PIECES } from '../../../../node/decisions/fetch/limits.ts'
import { newBits, setBit } from '../../../../protocols/bits.ts'
import { seededRandom } from '../../../../protocols/ports.ts'
import { integer, withSeeds } from '../../../support/seeds.ts'
import { evenItems, itemsOf, peerOf } from './helpers.ts'

const SEGMENTS = 10
const PER = 4
const SPARE = { spare: 'swarm' } as const
const isOpen = (): boolean => true

function world(pieces = SEGMENTS): { demand: Demand; scarcity: Scarcity } {
  const demand = new Demand(evenItems(pieces * PER, PER))
  for (let item = 0; item < pieces * PER; item++) demand.want(item)
  return { demand, scarcity: new Scarcity(pieces, pieces * PER) }
}

function bitsOf(count: number, set: number[]): Uint8Array {
  const bits = newBits(count)
  for (const at of set) setBit(bits, at)
  return bits
}

test('the builder comes last, the others in random order', () => {
  const peers = ['a', 'b', 'c'].map((id) => peerOf(id))
  peers.unshift(peerOf('builder', 'builder', true))
  const orders = new Set<string>()
  for (let seed = 0; seed < 50; seed++) {
    const order = choosePeerOrder(peers, seededRandom(seed)).map(({ id }) => id)
    assert.is(order.at(-1), 'builder')
    orders.add(order.join())
  }
  assert.is(orders.size, 6)
})

test('of what a peer holds the rarest is taken', () => {
  const { demand, scarcity } = world()
  const peer = peerOf('full', 'swarm', true)
  scarcity.count(peer, true)
  const other = peerOf('other')
  scarcity.count(other, true)
  scarcity.note(other, 0, [0, 1, 2, 3, 4, 5, 6, 8, 9], [], isOpen)
  for (let seed = 0; seed < 20; seed++) {
    assert.is(choosePiece(demand, peer, scarcity, {}, 0, seededRandom(seed)), 7)
  }
})

test('among equally rare ones chance decides', () => {
  const { demand, scarcity } = world()
  const peer = peerOf('full', 'swarm', true)
  const chosen = new Set<number | undefined>()
  for (let seed = 0; seed < 200; seed++) {
    chosen.add(choosePiece(demand, peer, scarcity, {}, 0, seededRandom(seed)))
  }
  assert.is(chosen.size, SEGMENTS)
})

test('a piece that a peer was asked for is gone on with until it is whole', () => {
  const { demand, scarcity } = world()
  const peer = peerOf('builder', 'builder', true)
  peer.piece = 3
  demand.ask(12)
  for (const rule of [{}, SPARE]) {
    assert.is(choosePiece(demand, peer, scarcity, rule, 0, seededRandom(1)), 3)
  }
  for (const item of [13, 14, 15]) demand.ask(item)
  assert.is.not(choosePiece(demand, peer, scarcity, {}, 0, seededRandom(1)), 3)
})

test('nothing is asked of a peer that holds nothing of what is wanted', () => {
  const { demand, scarcity } = world()
  const peer = peerOf('empty')
  assert.is(choosePiece(demand, peer, scarcity, {}, 0, seededRandom(1)), undefined)
  scarcity.note(peer, 0, [2], [], isOpen)
  assert.is(choosePiece(demand, peer, scarcity, {}, 0, seededRandom(1)), 2)
  for (const item of itemsOf(8, 12)) demand.done(item)
  assert.is(choosePiece(demand, peer, scarcity, {}, 0, seededRandom(1)), undefined)
})

test('what a peer said it lacks is not asked of it again', () => {
  const { demand, scarcity } = world()
  const peer = peerOf('full', 'swarm', true)
  for (let item = 0; item < SEGMENTS * PER; item++) if (item !== 21) peer.lacks.add(item)
  assert.is(choosePiece(demand, peer, scarcity, {}, 0, seededRandom(1)), 5)
  peer.lacks.add(21)
  assert.is(choosePiece(demand, peer, scarcity, {}, 0, seededRandom(1)), undefined)
})

test('a peer that holds one piece of very many is not left idle', () => {
  const pieces = 20 * SAMPLE_PIECES
  const { demand, scarcity } = world(pieces)
  const peer = peerOf('little')
  scarcity.note(peer, 0, [777], [], isOpen)
  for (let seed = 0; seed < 20; seed++) {
    assert.is(choosePiece(demand, peer, scarcity, {}, 0, seededRandom(seed)), 777)
  }
})

test('a spared builder is asked only for what nobody else holds or is getting', () => {
  const { demand, scarcity } = world()
  const builder = peerOf('builder', 'builder', true)
  const other = peerOf('other')
  scarcity.count(other, true)
  scarcity.note(other, 0, [0, 1, 2, 3], [4, 5, 6, 7], isOpen)
  for (let seed = 0; seed < 30; seed++) {
    const piece = choosePiece(demand, builder, scarcity, SPARE, 0, seededRandom(seed))!
    assert.ok(piece >= 8, `${piece}`)
  }
  for (const item of itemsOf(32, 40)) demand.ask(item)
  assert.is(choosePiece(demand, builder, scarcity, SPARE, 0, seededRandom(1)), undefined)
  const later = choosePiece(demand, builder, scarcity, SPARE, CLAIM_MS, seededRandom(1))!
  assert.ok(later >= 4 && later < 8, 'a claim lapses')
  assert.is.not(choosePiece(demand, builder, scarcity, {}, 0, seededRandom(1)), undefined)
})

test('a spared builder is not asked for blocks that others hold in other images', () => {
  const { demand, scarcity } = world(2)
  const builder = peerOf('builder', 'builder', true)
  const hook = peerOf('hook', 'hook')
  scarcity.count(hook, true)
  scarcity.noteItems(hook, bitsOf(8, [0, 1, 2, 3, 4]))
  assert.is(choosePiece(demand, builder, scarcity, SPARE, 0, seededRandom(1)), 1)
  scarcity.noteItems(hook, bitsOf(8, itemsOf(0, 8)))
  assert.is(choosePiece(demand, builder, scarcity, SPARE, 0, seededRandom(1)), undefined)
})

test('piece numbers that the image does not have are passed over', () => {
  const { scarcity } = world()
  const peer = peerOf('liar')
  scarcity.count(peer, true)
  scarcity.note(peer, 0, [SEGMENTS, 4_294_967_295], [SEGMENTS, 4_294_967_295], isOpen)
  assert.equal([...scarcity.holders], new Array(SEGMENTS).fill(0))
  assert.is(scarcity.claimedAt.length, SEGMENTS)
})

test('what counts is what the counted peers hold, however they come, learn and go', () => {
  withSeeds(100, (random) => {
    const items = SEGMENTS * PER
    const scarcity = new Scarcity(SEGMENTS, items)
    const peers = itemsOf(0, 6).map((i) => peerOf(`p${i}`, i === 0 ? 'builder' : 'swarm', i < 2))
    for (let i = 0; i < 200; i++) {
      const peer = peers[integer(random, 0, 5)]!
      const dice = random()
      if (dice < 0.3) scarcity.count(peer, random() < 0.6)
      else if (dice < 0.7)
        scarcity.note(peer, i, [integer(random, 0, SEGMENTS), integer(random, 0, SEGMENTS)], [], isOpen)
      else scarcity.noteItems(peer, bitsOf(items, [integer(random, 0, items - 1), integer(random, 0, items - 1)]))
    }
    const counted = peers.filter((peer) => peer.counted)
    assert.ok(!counted.some(({ role }) => role === 'builder'))
    for (let piece = 0; piece < SEGMENTS; piece++) {
      const holders = counted.filter((peer) => peer.all || ((peer.held?.[piece >> 3] ?? 0) >> (piece & 7)) & 1)
      assert.is(scarcity.holders[piece], holders.length)
    }
    for (const peer of peers) scarcity.count(peer, false)
    assert.ok(scarcity.holders.every((count) => count === 0))
    assert.ok(scarcity.hookHolders.every((count) => count === 0))
  })
})

test.run()

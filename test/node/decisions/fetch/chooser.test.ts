import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Chooser } from '../../../../node/decisions/fetch/chooser.ts'
import { Demand } from '../../../../node/decisions/fetch/demand.ts'
import { FAR_STARVED_BYTES, NEAR_CLAIM_MS, NOTHING_MS, WISHES_MAX } from '../../../../node/decisions/fetch/limits.ts'
import type { PeerState, Role } from '../../../../node/decisions/fetch/peer.ts'
import { seededRandom } from '../../../../protocols/ports.ts'
import { evenItems, itemsOf, peerOf } from './helpers.ts'

const PIECES = 12
/** Items of 64 KiB: a piece is one request. */
const PER = 16

function world(rack: string | undefined): { demand: Demand; chooser: Chooser } {
  const demand = new Demand(evenItems(PIECES * PER, PER))
  for (const item of itemsOf(0, PIECES * PER)) demand.want(item)
  return { demand, chooser: new Chooser(demand, { self: 'self', rack, random: seededRandom(1) }) }
}

function open(chooser: Chooser, id: string, { near = false, role = 'swarm' as Role, all = false } = {}): PeerState {
  const peer = peerOf(id, role, all)
  peer.near = near
  chooser.opened(peer)
  return peer
}

function pieceOf(items: readonly number[]): number | undefined {
  return items.length === 0 ? undefined : Math.floor(items[0]! / PER)
}

test('of a peer in another rack is asked what nobody in this one holds or is getting', () => {
  const { chooser } = world('mine')
  const near = open(chooser, 'near', { near: true })
  const far = open(chooser, 'far')
  chooser.holds(far, 0, [1, 2, 3], [])
  chooser.holds(near, 0, [1], [2])
  assert.is(pieceOf(chooser.fromFar(far, 0, 0)), 3)
  for (const item of itemsOf(3 * PER, 4 * PER)) chooser.holds(near, 0, [3], [item])
  assert.equal(chooser.fromFar(far, 0, 0), [])
  assert.is(far.nothingUntil, NOTHING_MS)
  assert.is(pieceOf(chooser.fromFar(far, 0, NEAR_CLAIM_MS)), 2, 'a claim lapses')
})

test('what is another one’s share is taken from elsewhere only with little else under way', () => {
  const { chooser } = world('mine')
  for (let i = 0; i < 200; i++) open(chooser, `near${i}`, { near: true })
  const far = open(chooser, 'far')
  chooser.holds(far, 0, itemsOf(0, PIECES), [])
  assert.equal(chooser.fromFar(far, FAR_STARVED_BYTES, 0), [])
  assert.is.not(pieceOf(chooser.fromFar(far, FAR_STARVED_BYTES - 1, 0)), undefined)
})

test('a peer is far only while there are peers near, to whom it does not belong; the builder never is', () => {
  const { chooser } = world('mine')
  const far = open(chooser, 'far')
  const builder = open(chooser, 'builder', { role: 'builder', all: true })
  assert.not.ok(chooser.isFar(far))
  const near = open(chooser, 'near', { near: true })
  assert.equal([chooser.isFar(far), chooser.isFar(near), chooser.isFar(builder)], [true, false, false])
  chooser.gone(near)
  assert.not.ok(chooser.isFar(far))
  assert.not.ok(world(undefined).chooser.isFar(far))
})

test('a near builder that tells of what far workers get does not keep this rack from it', () => {
  const { chooser } = world('mine')
  const builder = open(chooser, 'builder', { near: true, role: 'builder', all: true })
  open(chooser, 'near', { near: true })
  const far = open(chooser, 'far')
  chooser.holds(builder, 0, [], [5])
  chooser.holds(far, 0, [5], [])
  assert.is(pieceOf(chooser.fromFar(far, 0, 1)), 5)
})

test('what the builder keeps for this node is asked for first, if it is wanted still', () => {
  const { demand, chooser } = world(undefined)
  const builder = open(chooser, 'builder', { role: 'builder', all: true })
  for (const item of itemsOf(4 * PER, 5 * PER)) demand.done(item)
  builder.kept = [7, 4]
  assert.is(pieceOf(chooser.rare(builder, 0)), 7)
  assert.equal(builder.kept, [])
})

test('wishes are wanted pieces that nobody else holds or is getting, and not many', () => {
  const { demand, chooser } = world(undefined)
  const builder = open(chooser, 'builder', { role: 'builder', all: true })
  const other = open(chooser, 'other')
  chooser.holds(other, 0, [0, 1, 2], [3, 4])
  for (const item of itemsOf(5 * PER, 6 * PER)) demand.done(item)
  const seen = new Set<number>()
  for (let i = 0; i < 50; i++) {
    const wishes = chooser.wishes(builder, 0)
    assert.ok(wishes.length <= WISHES_MAX)
    for (const piece of wishes) seen.add(piece)
  }
  assert.equal(
    [...seen].sort((a, b) => a - b),
    itemsOf(6, PIECES),
  )
})

test('what is wanted again is offered again by those that hold it', () => {
  const { demand, chooser } = world(undefined)
  const peer = open(chooser, 'peer')
  chooser.offerOpened(new Map([[peer.id, peer]]))
  chooser.holds(peer, 0, [2], [])
  const items = chooser.from(peer, 0)
  assert.is(pieceOf(items), 2)
  for (const item of items) demand.ask(item)
  assert.equal(chooser.from(peer, 0), [])
  assert.ok(chooser.hasNothing(peer))
  for (const item of items) demand.unask(item)
  chooser.offerOpened(new Map([[peer.id, peer]]))
  assert.not.ok(chooser.hasNothing(peer))
  assert.is(pieceOf(chooser.from(peer, 0)), 2)
})

test.run()

/** Fetches with peers that do whatever peers may do: what a machine asks for keeps the rules, and it ends. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  IN_FLIGHT_BYTES_MAX,
  PEER_REQUESTS_MAX,
  REQUEST_BLOCKS_MAX,
  REQUEST_BYTES_MAX,
  SILENT_HEDGE_MS,
  TICK_MS,
} from '../../../../node/decisions/fetch/limits.ts'
import {
  type FetchAction,
  FetchMachine,
  ITEM_GOOD,
  ITEM_MISSING,
  ITEM_WRONG,
} from '../../../../node/decisions/fetch/machine.ts'
import type { Role } from '../../../../node/decisions/fetch/peer.ts'
import { getBit, newBits, setBit } from '../../../../protocols/bits.ts'
import type { Random } from '../../../../protocols/ports.ts'
import { integer, withSeeds } from '../../../support/seeds.ts'
import { itemsOf, randomItems } from './helpers.ts'

interface Request {
  readonly peer: string
  readonly items: readonly number[]
  readonly at: number
}

interface Peer {
  readonly id: string
  all: boolean
  readonly pieces: Set<number>
  bits: Uint8Array | undefined
  readonly lacks: Set<number>
}

class World {
  readonly items
  readonly machine: FetchMachine
  readonly peers = new Map<string, Peer>()
  readonly requests = new Map<number, Request>()
  readonly wanted = new Set<number>()
  readonly #random: Random
  now = 0
  done = false
  #names = 0

  constructor(random: Random) {
    this.#random = random
    this.items = randomItems(random)
    this.machine = new FetchMachine({ items: this.items, random })
  }

  want(items: number[]): void {
    for (const item of items) this.wanted.add(item)
    this.act(this.machine.want(this.now, items))
  }

  open(role: Role, all: boolean): void {
    const id = `p${this.#names++}`
    this.peers.set(id, { id, all, pieces: new Set(), bits: undefined, lacks: new Set() })
    this.act(this.machine.peerOpened(this.now, id, role, all))
  }

  gone(id: string): void {
    this.#forget(id)
    this.act(this.machine.peerGone(this.now, id))
  }

  answer(id: number, kind: 'good' | 'missing' | 'wrong' | 'mixed'): void {
    const { peer, items } = this.requests.get(id)!
    this.requests.delete(id)
    const outcome = Uint8Array.from(items, () => {
      if (kind === 'good') return ITEM_GOOD
      if (kind === 'wrong') return ITEM_WRONG
      return kind === 'missing' || this.#random() < 0.5 ? ITEM_MISSING : ITEM_GOOD
    })
    items.forEach((item, i) => {
      if (outcome[i] === ITEM_GOOD) this.wanted.delete(item)
      if (outcome[i] === ITEM_MISSING) this.peers.get(peer)?.lacks.add(item)
    })
    this.act(this.machine.delivered(this.now, peer, id, outcome, 100))
  }

  busy(id: number): void {
    const { peer } = this.requests.get(id)!
    this.requests.delete(id)
    this.act(this.machine.busy(this.now, peer, id, integer(this.#random, 0, 300)))
  }

  tick(): void {
    this.now += TICK_MS
    this.act(this.machine.tick(this.now))
  }

  act(actions: FetchAction[]): void {
    assert.not(this.done && actions.length > 0, 'nothing after the end')
    for (const action of actions) {
      if (action.do === 'get') this.#check(action.peer, action.request, action.items)
      if (action.do === 'drop') this.#forget(action.peer)
      if (action.do === 'cancel') assert.ok(this.requests.delete(action.request), 'only what is open is cancelled')
      if (action.do === 'done') {
        assert.is(this.wanted.size, 0, 'everything wanted is here')
        this.done = true
      }
    }
    const open = [...this.requests.values()]
    assert.is(
      this.machine.inFlightBytes,
      open.reduce((sum, { items }) => sum + this.#bytes(items), 0),
    )
  }

  #check(id: string, request: number, items: readonly number[]): void {
    const peer = this.peers.get(id)
    assert.ok(peer !== undefined, 'only open peers are asked')
    assert.not(this.requests.has(request), 'numbers are used once')
    assert.ok(items.length > 0 && items.length <= REQUEST_BLOCKS_MAX)
    assert.ok(this.#bytes(items) <= REQUEST_BYTES_MAX)
    assert.is(new Set(items).size, items.length)
    const open = [...this.requests.values()]
    assert.ok(open.filter((other) => other.peer === id).length < PEER_REQUESTS_MAX)
    assert.ok(open.reduce((sum, other) => sum + this.#bytes(other.items), 0) < IN_FLIGHT_BYTES_MAX)
    for (const item of items) {
      assert.ok(this.wanted.has(item), 'only what is wanted and not here is asked for')
      assert.not(peer.lacks.has(item), 'not of a peer that said that it lacks it')
      const piece = this.items.pieces[item]!
      const holds = peer.all || peer.pieces.has(piece) || (peer.bits !== undefined && getBit(peer.bits, item))
      assert.ok(holds, 'only of a peer that holds it')
      const others = open.filter((other) => other.items.includes(item))
      // Twice only at the end of the fetch, when nothing is left to be asked for once, or when a peer keeps silent.
      const askedAt = (id: string): number => Math.min(...open.filter((other) => other.peer === id).map(({ at }) => at))
      const lively = others.filter((other) => this.now - askedAt(other.peer) <= SILENT_HEDGE_MS)
      if (lively.length > 0) {
        assert.is(this.machine.demand.wanted, 0, 'not twice while there is other work')
        assert.ok(lively.length === 1, 'of two peers at most')
      }
    }
    this.requests.set(request, { peer: id, items, at: this.now })
  }

  #bytes(items: readonly number[]): number {
    return items.reduce((sum, item) => sum + this.items.lengths[item]!, 0)
  }

  #forget(id: string): void {
    this.peers.delete(id)
    for (const [request, { peer }] of this.requests) if (peer === id) this.requests.delete(request)
  }
}

function step(world: World, random: Random): void {
  const { machine, items, peers, requests } = world
  const peer = [...peers.values()][integer(random, 0, Math.max(0, peers.size - 1))]
  const request = [...requests.keys()][integer(random, 0, Math.max(0, requests.size - 1))]
  const dice = random()
  if (dice < 0.06) world.open(random() < 0.2 ? 'builder' : 'swarm', random() < 0.4)
  else if (dice < 0.08 && peer !== undefined) world.gone(peer.id)
  else if (dice < 0.25 && peer !== undefined) {
    const held = itemsOf(0, items.pieceCount).filter(() => random() < 0.2)
    for (const piece of held) peer.pieces.add(piece)
    const getting = [integer(random, 0, items.pieceCount)]
    world.act(machine.peerHolds(world.now, peer.id, held, getting))
  } else if (dice < 0.28 && peer !== undefined && !peer.all) {
    const bits = newBits(items.lengths.length)
    for (let item = 0; item < items.lengths.length; item++) if (random() < 0.3) setBit(bits, item)
    peer.bits = bits
    world.act(machine.peerHasItems(world.now, peer.id, bits))
  } else if (dice < 0.75 && request !== undefined) {
    const kind = random()
    world.answer(request, kind < 0.85 ? 'good' : kind < 0.92 ? 'mixed' : kind < 0.97 ? 'missing' : 'wrong')
  } else if (dice < 0.8 && request !== undefined) world.busy(request)
  else if (dice < 0.85 && request !== undefined) {
    machine.arrived(world.now, requests.get(request)!.peer, request)
  } else if (dice < 0.9 && peer !== undefined) machine.peerHeard(world.now, peer.id)
  else world.tick()
}

test('whatever peers do, requests keep the rules', () => {
  withSeeds(60, (random) => {
    const world = new World(random)
    const all = itemsOf(0, world.items.lengths.length)
    world.want(all.filter(() => random() < 0.8))
    for (let i = 0; i < 400; i++) step(world, random)
  })
})

test('whatever peers did, one good peer is enough to end the fetch', () => {
  withSeeds(60, (random) => {
    const world = new World(random)
    world.want(itemsOf(0, world.items.lengths.length))
    for (let i = 0; i < 150; i++) step(world, random)
    world.act(world.machine.close(world.now))
    for (const id of [...world.peers.keys()]) world.gone(id)
    if (!world.done) world.open(random() < 0.5 ? 'builder' : 'swarm', true)
    for (let i = 0; i < 2000 && !world.done; i++) {
      const [request] = world.requests.keys()
      if (request === undefined) world.tick()
      else world.answer(request, 'good')
    }
    assert.ok(world.done)
  })
})

test('a fetch ends although peers stall, as long as one with everything delivers', () => {
  withSeeds(30, (random) => {
    const world = new World(random)
    world.want(itemsOf(0, world.items.lengths.length))
    world.act(world.machine.close(world.now))
    for (let i = 0; i < 3; i++) world.open('swarm', true)
    const staller = new Set(world.peers.keys())
    world.open('swarm', true)
    for (let i = 0; i < 2000 && !world.done; i++) {
      for (const [id, { peer }] of [...world.requests])
        if (!staller.has(peer) && world.requests.has(id)) world.answer(id, 'good')
      if (!world.done) world.tick()
    }
    assert.ok(world.done)
    assert.ok(world.now < 4000, `${world.now} ms`)
  })
})

test.run()

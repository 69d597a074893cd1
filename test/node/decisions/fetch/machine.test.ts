import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Items } from '../../../../node/decisions/fetch/demand.ts'
import {
  END_HEDGE_MS,
  IN_FLIGHT_BYTES_MAX,
  PEER_REQUESTS_MAX,
  REQUEST_BYTES_MAX,
  SEEK_INTERVAL_MS,
  SILENT_DROP_MS,
  SILENT_HEDGE_MS,
  TICK_MS,
  WINDOW_BYTES_START,
} from '../../../../node/decisions/fetch/limits.ts'
import {
  type FetchAction,
  type FetchInit,
  FetchMachine,
  ITEM_GOOD,
  ITEM_MISSING,
  ITEM_WRONG,
} from '../../../../node/decisions/fetch/machine.ts'
import { getBit, newBits, setBit } from '../../../../protocols/bits.ts'
import { seededRandom } from '../../../../protocols/ports.ts'
import { evenItems, itemsOf } from './helpers.ts'

type Get = FetchAction & { do: 'get' }

const FRAME = REQUEST_BYTES_MAX / 65_536

/** A machine that wants all of an image, and the time. */
class Bench {
  readonly items: Items
  readonly machine: FetchMachine
  now = 0

  constructor(items: Items, init: Partial<FetchInit> = {}) {
    this.items = items
    this.machine = new FetchMachine({ items, random: seededRandom(1), ...init })
    this.machine.want(0, itemsOf(0, items.lengths.length))
    this.machine.close(0)
  }

  open(id: string, all = true, role: 'builder' | 'swarm' | 'hook' = 'swarm'): FetchAction[] {
    return this.machine.peerOpened(this.now, id, role, all)
  }

  answer({ peer, request, items }: Get, outcome = ITEM_GOOD): FetchAction[] {
    const wireBytes = items.length * 65_536
    return this.machine.delivered(this.now, peer, request, new Uint8Array(items.length).fill(outcome), wireBytes)
  }

  /** Ticks until the time has passed. */
  wait(ms: number): FetchAction[] {
    const actions: FetchAction[] = []
    for (const end = this.now + ms; this.now < end; ) {
      this.now += Math.min(TICK_MS, end - this.now)
      actions.push(...this.machine.tick(this.now))
    }
    return actions
  }
}

function gets(actions: FetchAction[]): Get[] {
  return actions.filter((action) => action.do === 'get')
}

function dos(actions: FetchAction[]): string[] {
  return actions.map((action) => action.do)
}

test('a fetch that wants nothing is done when it is told that nothing will come', () => {
  const machine = new FetchMachine({ items: evenItems(4, 4), random: seededRandom(1) })
  assert.equal(machine.want(0, []), [])
  assert.equal(dos(machine.close(0)), ['done'])
  assert.equal(machine.tick(100), [])
})

test('a fetch is not done while more may be wanted', () => {
  const machine = new FetchMachine({ items: evenItems(4, 4), random: seededRandom(1) })
  machine.want(0, [0])
  const [get] = gets(machine.peerOpened(0, 'p', 'swarm', true))
  assert.equal(dos(machine.delivered(10, 'p', get!.request, Uint8Array.of(ITEM_GOOD), 100)), [])
  assert.is(gets(machine.want(20, [1])).length, 1)
})

test('a new peer is asked at once, for as much as its window lets be under way', () => {
  const bench = new Bench(evenItems(20 * FRAME, FRAME))
  const asked = gets(bench.open('p'))
  assert.is(asked.length, 2)
  assert.is(bench.machine.inFlightBytes, 2 * REQUEST_BYTES_MAX)
  assert.is(gets(bench.answer(asked[0]!)).length >= 1, true)
})

test('a peer is opened once, and is asked only for what it holds', () => {
  const bench = new Bench(evenItems(8 * FRAME, FRAME))
  assert.equal(bench.open('p', false), [])
  const asked = gets(bench.machine.peerHolds(0, 'p', [3], []))
  assert.equal(
    asked.map(({ items }) => items),
    [itemsOf(3 * FRAME, 4 * FRAME)],
  )
  assert.equal(bench.open('p'), [])
})

test('a peer that holds blocks in another image is asked for just those', () => {
  const bench = new Bench(evenItems(8, 4))
  bench.open('p', false, 'hook')
  const bits = newBits(8)
  for (const item of [1, 2, 6]) setBit(bits, item)
  const asked = gets(bench.machine.peerHasItems(0, 'p', bits))
  assert.equal(asked.flatMap(({ items }) => items).sort(), [1, 2, 6])
})

test('a wrong block drops the peer at once, and all that it owed is asked of another', () => {
  const bench = new Bench(evenItems(2 * FRAME, FRAME))
  const asked = gets(bench.open('liar'))
  assert.is(asked.length, 2)
  bench.open('honest')
  const actions = bench.answer(asked[0]!, ITEM_WRONG)
  assert.equal(actions[0], { do: 'drop', peer: 'liar', reason: 'wrong-block' })
  const again = gets(actions)
  assert.ok(again.every(({ peer }) => peer === 'honest'))
  assert.equal(
    again.flatMap(({ items }) => items).sort((a, b) => a - b),
    itemsOf(0, 2 * FRAME),
  )
  assert.equal(bench.answer(asked[1]!), [], 'what it sends later does not count')
})

test('the good blocks of a frame with a wrong one are kept', () => {
  const bench = new Bench(evenItems(2, 2))
  const [asked] = gets(bench.open('liar'))
  bench.open('honest')
  const actions = bench.machine.delivered(0, 'liar', asked!.request, Uint8Array.of(ITEM_GOOD, ITEM_WRONG), 10)
  assert.equal(
    gets(actions).map(({ items }) => items),
    [[1]],
  )
})

test('a missing block is asked of another peer, and of this one no more', () => {
  const bench = new Bench(evenItems(2, 2))
  const [asked] = gets(bench.open('a'))
  assert.equal(gets(bench.answer(asked!, ITEM_MISSING)), [])
  assert.equal(gets(bench.wait(500)), [])
  const [again] = gets(bench.open('b'))
  assert.equal([again!.peer, again!.items], ['b', [0, 1]])
})

test("a silent peer's blocks are wanted of others within a second, and what it brings after all still counts", () => {
  const bench = new Bench(evenItems(200 * FRAME, FRAME))
  const [late] = gets(bench.open('silent'))
  const queue = gets(bench.open('other'))
  const owed = (): boolean => late!.items.every((item) => bench.machine.demand.isAsked(item))
  while (bench.now < SILENT_HEDGE_MS + 2 * TICK_MS) {
    for (const get of queue.splice(0, 2)) queue.push(...gets(bench.answer(get)))
    if (bench.now < SILENT_HEDGE_MS) assert.ok(owed())
    queue.push(...gets(bench.wait(TICK_MS)))
  }
  assert.not(owed())
  bench.answer(late!)
  assert.ok(late!.items.every((item) => bench.machine.demand.isDone(item)))
})

test("a silent peer's blocks that another was asked for are not wanted a third time when it goes, or lacks them", () => {
  for (const end of ['goes', 'lacks'] as const) {
    const bench = new Bench(evenItems(2 * FRAME, FRAME))
    const owed = gets(bench.open('silent'))
    bench.wait(SILENT_HEDGE_MS + TICK_MS)
    assert.is(bench.machine.demand.asked, 0)
    const again = gets(bench.open('other'))
    assert.is(again.length, 2)
    if (end === 'goes') bench.machine.peerGone(bench.now, 'silent')
    else for (const get of owed) bench.answer(get, ITEM_MISSING)
    assert.is(bench.machine.demand.wanted, 0, end)
    for (const get of again) assert.ok(get.items.every((item) => bench.machine.demand.isAsked(item)))
  }
})

test('a silent peer is dropped in the end, one that gives signs of life is not', () => {
  const bench = new Bench(evenItems(FRAME, FRAME))
  bench.open('silent')
  const actions = bench.wait(SILENT_DROP_MS + 2 * TICK_MS)
  assert.equal(
    actions.filter((action) => action.do === 'drop'),
    [{ do: 'drop', peer: 'silent', reason: 'silent' }],
  )
  const slow = new Bench(evenItems(FRAME, FRAME))
  slow.open('slow')
  for (let i = 0; i < 100; i++) {
    assert.not(dos(slow.wait(TICK_MS)).includes('drop'))
    slow.machine.peerHeard(slow.now, 'slow')
  }
})

test('a peer is not silent because this node stood still', () => {
  const bench = new Bench(evenItems(FRAME, FRAME))
  bench.open('a')
  bench.open('b')
  bench.wait(200)
  bench.now += 2 * SILENT_DROP_MS
  assert.equal(bench.machine.tick(bench.now), [
    { do: 'get', peer: 'b', request: 2, claim: undefined, told: false, items: itemsOf(0, FRAME) },
  ])
  bench.now += TICK_MS
  assert.equal(bench.machine.tick(bench.now), [], 'the end of the fetch is doubled, nobody is dropped')
})

test('however many peers say that they are at work and send nothing, others are asked in the end', () => {
  const bench = new Bench(evenItems(FRAME, FRAME))
  const names = ['a', 'b', 'c', 'd', 'e']
  for (const name of names) bench.open(name)
  const asked = new Map([['a', 0]])
  for (let ms = 0; ms < 10_000; ms += TICK_MS) {
    for (const { peer } of gets(bench.wait(TICK_MS))) {
      assert.not.ok(asked.has(peer), 'nobody is asked twice')
      asked.set(peer, ms)
    }
    for (const name of names) bench.machine.peerHeard(bench.now, name)
  }
  assert.is(asked.size, names.length)
  const times = [...asked.values()]
  assert.ok(times[2]! > 2 * times[1]! && times[3]! > times[2]!, `later and later: ${times}`)
})

test('a peer is not silent because the disk is slow', () => {
  const bench = new Bench(evenItems(FRAME, FRAME))
  const [get] = gets(bench.open('a'))
  bench.open('b')
  bench.machine.arrived(bench.now, 'a', get!.request)
  assert.equal(bench.wait(2 * SILENT_DROP_MS), [])
  assert.equal(dos(bench.answer(get!)), ['done'])
})

test('a busy peer is left alone for as long as it said', () => {
  const bench = new Bench(evenItems(FRAME, FRAME))
  const [get] = gets(bench.open('a'))
  assert.equal(gets(bench.machine.busy(bench.now, 'a', get!.request, 500)), [])
  assert.equal(gets(bench.wait(400)), [])
  assert.is(gets(bench.wait(200)).length, 1)
})

test('what a peer owed when it went is asked of another', () => {
  const bench = new Bench(evenItems(FRAME, FRAME))
  const [get] = gets(bench.open('a'))
  bench.open('b')
  const [again] = gets(bench.machine.peerGone(bench.now, 'a'))
  assert.equal([again!.peer, again!.items], ['b', get!.items])
  assert.is(bench.machine.inFlightBytes, REQUEST_BYTES_MAX)
})

test('the builder is not asked before its time, unless the search is over', () => {
  const early = new Bench(evenItems(FRAME, FRAME), { builderFromMs: 400 })
  assert.equal(gets(early.open('builder', true, 'builder')), [])
  assert.equal(gets(early.wait(300)), [])
  assert.is(gets(early.wait(100)).length, 1)
  const settled = new Bench(evenItems(FRAME, FRAME), { builderFromMs: 400 })
  settled.open('builder', true, 'builder')
  assert.is(gets(settled.machine.settled(10)).length, 1)
})

test('others are asked before the builder, and alone while they deliver as well', () => {
  const bench = new Bench(evenItems(64 * FRAME, FRAME))
  const queue: Get[] = [...gets(bench.open('seeder')), ...gets(bench.open('builder', true, 'builder'))]
  const share = { builder: 0, seeder: 0 }
  while (queue.length > 0) {
    bench.now += 8
    const get = queue.shift()!
    share[get.peer as 'builder' | 'seeder']++
    queue.push(...gets(bench.answer(get)))
  }
  assert.is(share.builder + share.seeder, 64)
  assert.ok(share.builder <= 4, `${share.builder} of 64 from the builder`)
})

test('even a builder that is much faster is asked first for what nobody else holds', () => {
  const bench = new Bench(evenItems(60 * FRAME, FRAME), { builderFromMs: 1 })
  bench.open('hook', false, 'hook')
  bench.open('builder', true, 'builder')
  const bits = newBits(bench.items.lengths.length)
  for (let item = 0; item < bench.items.lengths.length; item++) if (item % 4 === 0) setBit(bits, item)
  const queue = gets(bench.machine.peerHasItems(0, 'hook', bits))
  let shared = 0
  queue.push(...gets(bench.machine.settled(1)))
  while (bench.machine.demand.wanted > 15 * FRAME) {
    bench.now += 4
    // Of ten answers nine are the builder's.
    const at = queue.findIndex(({ peer }) => (peer === 'hook') === (bench.now % 40 === 0))
    const [get] = queue.splice(Math.max(at, 0), 1)
    if (get!.peer === 'builder') shared += get!.items.filter((item) => getBit(bits, item)).length
    queue.push(...gets(bench.answer(get!)))
  }
  assert.is(shared, 0, 'blocks of the other peer that the builder sent')
})

test('when nobody has what is wanted, more peers are looked for, once a second', () => {
  const bench = new Bench(evenItems(4, 4))
  const before = bench.machine.tick(0)
  assert.equal(before, [], 'the search that wanting began is not repeated at once')
  const actions = bench.wait(5 * SEEK_INTERVAL_MS)
  assert.equal(dos(actions), new Array(5).fill('seek'))
})

test('at the end what takes long is asked of a second peer, and the slower request is cancelled', () => {
  const bench = new Bench(evenItems(FRAME, FRAME))
  const [first] = gets(bench.open('slow'))
  bench.open('fast')
  const early = bench.wait(END_HEDGE_MS - TICK_MS)
  assert.equal(gets(early), [], 'not at once')
  bench.machine.peerHeard(bench.now, 'slow')
  const [second] = gets(bench.wait(2 * TICK_MS))
  assert.equal([second!.peer, second!.items], ['fast', first!.items])
  assert.equal(gets(bench.wait(2 * TICK_MS)), [], 'and of no third, nor again')
  const actions = bench.answer(second!)
  assert.equal(actions, [{ do: 'cancel', peer: 'slow', request: first!.request }, { do: 'done' }])
})

test('answers to what was not asked, or was answered, change nothing', () => {
  const bench = new Bench(evenItems(2 * FRAME, FRAME))
  const [get] = gets(bench.open('a'))
  assert.equal(bench.answer({ ...get!, peer: 'stranger' }), [])
  assert.equal(bench.answer({ ...get!, request: 999 }), [])
  assert.equal(bench.machine.busy(0, 'a', 999, 10), [])
  bench.machine.arrived(0, 'stranger', 1)
  bench.machine.peerHeard(0, 'stranger')
  bench.answer(get!)
  const inFlight = bench.machine.inFlightBytes
  assert.equal(bench.answer(get!), [])
  assert.is(bench.machine.inFlightBytes, inFlight)
})

test('what is under way from all peers together is bounded', () => {
  const bench = new Bench(evenItems(100 * FRAME, FRAME))
  let requests = 0
  for (let i = 0; i < 40; i++) requests += gets(bench.open(`p${i}`)).length
  // What others may not have is kept for the builder.
  assert.is(requests, (IN_FLIGHT_BYTES_MAX - WINDOW_BYTES_START) / REQUEST_BYTES_MAX)
})

test('requests to one peer are bounded when they are small', () => {
  const bench = new Bench(evenItems(1000, 1, 100_000))
  const asked = gets(bench.open('p'))
  assert.ok(asked.length <= PEER_REQUESTS_MAX)
})

test('a download limit holds back requests, and they go on as it allows', () => {
  const rate = 4 * REQUEST_BYTES_MAX
  const bench = new Bench(evenItems(40 * FRAME, FRAME), { rateDownBytes: rate })
  const queue = gets(bench.open('p'))
  let bytes = 0
  while (bench.now < 6000) {
    for (const get of queue.splice(0)) {
      bytes += get.items.length * 65_536
      queue.push(...gets(bench.answer(get)))
    }
    queue.push(...gets(bench.wait(TICK_MS)))
    assert.ok(bytes <= rate * (bench.now / 1000 + 1) + REQUEST_BYTES_MAX, `${bytes} bytes in ${bench.now} ms`)
  }
  assert.ok(bytes >= 0.8 * rate * 6, `${bytes} bytes`)
})

test.run()

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { VirtualClock } from '../../simulations/clock.ts'
import { Holding } from '../../simulations/holding.ts'
import { Link, Network } from '../../simulations/network.ts'
import { evenImage } from '../../simulations/plan.ts'
import { integer, withSeeds } from '../support/seeds.ts'

const LATENCY_MS = 5

function world(): { clock: VirtualClock; network: Network } {
  const clock = new VirtualClock()
  return { clock, network: new Network(clock, LATENCY_MS) }
}

/** Sends a frame and notes when it arrived. */
function send(
  network: Network,
  clock: VirtualClock,
  from: Link,
  to: Link,
  bytes: number,
): { at: number[]; ended: number } {
  const seen = { at: [] as number[], ended: 0, progress: 0 }
  network.send(from, to, bytes, {
    progress: () => {
      seen.progress++
    },
    arrived: () => seen.at.push(clock.now()),
    ended: () => {
      seen.ended++
    },
  })
  return seen
}

test('events happen in the order of their time, those of one moment in the order of planning', () => {
  withSeeds(50, (random) => {
    const clock = new VirtualClock()
    const planned: { at: number; order: number }[] = []
    const happened: { at: number; order: number }[] = []
    const plan = (): void => {
      const event = { at: clock.now() + integer(random, 0, 20), order: planned.length }
      planned.push(event)
      clock.after(event.at - clock.now(), () => {
        assert.is(clock.now(), event.at)
        happened.push(event)
        if (planned.length < 300 && random() < 0.9) plan()
        if (planned.length < 300 && random() < 0.2) plan()
      })
    }
    for (let i = 0; i < 20; i++) plan()
    assert.is(clock.run(Number.POSITIVE_INFINITY), planned.length)
    assert.equal(
      happened,
      planned.slice().sort((a, b) => a.at - b.at || a.order - b.order),
    )
  })
})

test('time stops where it is told to', () => {
  const clock = new VirtualClock()
  let ticks = 0
  const tick = (): void => {
    ticks++
    clock.after(10, tick)
  }
  clock.after(10, tick)
  clock.run(100)
  assert.equal([ticks, clock.now()], [10, 100])
  clock.run(1000, () => ticks === 20)
  assert.is(clock.now(), 200)
})

test('a frame takes the time of the slower link, and the latency', () => {
  for (const [up, down, ms] of [
    [1000, 2000, 1000],
    [2000, 1000, 1000],
    [1000, 1000, 1000],
  ] as const) {
    const { clock, network } = world()
    const frame = send(network, clock, new Link(up, 1), new Link(1, down), 1000)
    clock.run(Number.POSITIVE_INFINITY)
    assert.equal(frame.at, [ms + LATENCY_MS])
    assert.is(frame.ended, 1)
  }
})

test("frames share the sender's link one after the other, and the receiver's", () => {
  const { clock, network } = world()
  const [a, b, c] = [new Link(1000, 1000), new Link(1000, 1000), new Link(1000, 1000)]
  const frames = [send(network, clock, a, c, 500), send(network, clock, a, c, 500), send(network, clock, b, c, 500)]
  clock.run(Number.POSITIVE_INFINITY)
  const ends = frames.flatMap(({ at }) => at).sort((x, y) => x - y)
  assert.equal(
    ends,
    [500, 1000, 1500].map((ms) => ms + LATENCY_MS),
  )
})

test("a slow sender does not fill the receiver's link", () => {
  const { clock, network } = world()
  const to = new Link(1000, 1000)
  const slow = send(network, clock, new Link(10, 1000), to, 100)
  const fast = send(network, clock, new Link(1000, 1000), to, 900)
  clock.run(Number.POSITIVE_INFINITY)
  assert.equal(slow.at, [10_000 + LATENCY_MS])
  assert.equal(fast.at, [1000 + LATENCY_MS])
})

test('nothing passes a link that is cut, and the sender gets rid of its frame', () => {
  const { clock, network } = world()
  const [from, to] = [new Link(1000, 1000), new Link(1000, 1000)]
  const frame = send(network, clock, from, to, 1000)
  let told = 0
  network.tell(from, to, () => told++)
  clock.after(2, () => {
    to.cut = true
  })
  clock.run(Number.POSITIVE_INFINITY)
  assert.equal([frame.at, frame.ended, told], [[], 1, 0])
})

test('a holding knows its segments as they become whole', () => {
  const image = evenImage(7, 100, 3)
  const holding = new Holding(image, (item) => item < 2)
  assert.equal(holding.segments, [])
  assert.is(holding.add(2), 0)
  assert.is(holding.add(2), undefined, 'twice is once')
  assert.is(holding.add(6), 2, 'the last segment is shorter')
  assert.equal([holding.segments, holding.all], [[0, 2], false])
  for (const item of [3, 4, 5]) holding.add(item)
  assert.ok(holding.all)
  assert.ok(new Holding(image, 'all').all)
})

test.run()

/** The virtual network: times of transfers, sharing, latency, partitions, loss. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { VirtualClock } from '../../../simulations/clock.ts'
import { type Link, Network } from '../../../simulations/network/network.ts'
import { integer, withSeeds } from '../../support/seeds.ts'

const QUANTUM_MS = 1
const RATE = 1_000_000

interface World {
  readonly clock: VirtualClock
  readonly network: Network
}

/** Hosts of one rate, so many in each rack; uplinks of `uplink`. */
function world(
  perRack: readonly number[],
  uplink = Number.POSITIVE_INFINITY,
  latencyMs = 0,
  rackLatencyMs = 0,
  quantumMs = QUANTUM_MS,
): World {
  const clock = new VirtualClock()
  const link: Link = { upBytes: RATE, downBytes: RATE }
  const hosts = perRack.flatMap((count, rack) => Array.from({ length: count }, () => ({ ...link, rack })))
  const racks = perRack.map(() => ({ upBytes: uplink, downBytes: uplink }))
  return { clock, network: new Network({ clock, hosts, racks, rackLatencyMs, latencyMs, quantumMs }) }
}

/** Sends and notes when it arrived; undefined until then. */
function sent({ clock, network }: World, from: number, to: number, bytes: number): { atMs: number | undefined } {
  const noted: { atMs: number | undefined } = { atMs: undefined }
  network.send(network.connect(from, to), bytes, () => {
    noted.atMs = clock.now()
  })
  return noted
}

function near(actual: number | undefined, expected: number, slackMs = 3): void {
  assert.ok(actual !== undefined && Math.abs(actual - expected) <= slackMs, `${actual} ms, not ${expected}`)
}

test('one transfer takes its bytes over the rate, and the latency', () => {
  const net = world([1, 1], Number.POSITIVE_INFINITY, 40)
  const noted = sent(net, 0, 1, RATE)
  net.clock.run(10_000)
  near(noted.atMs, 1040)
})

test('within a rack the latency is that of the rack, and the uplink is not passed', () => {
  const net = world([2, 1], RATE / 10, 40, 5)
  const noted = sent(net, 0, 1, RATE)
  net.clock.run(10_000)
  near(noted.atMs, 1005)
  assert.is(net.network.rackUse(0).upBytes, 0)
})

test('two that leave one host share its link', () => {
  const net = world([3])
  const [a, b] = [sent(net, 0, 1, RATE), sent(net, 0, 2, RATE)]
  net.clock.run(10_000)
  near(a.atMs, 2000)
  near(b.atMs, 2000)
})

test('an uplink is shared by all that leave the rack', () => {
  const net = world([4, 4], RATE)
  const noted = [0, 1, 2, 3].map((from) => sent(net, from, 4 + from, RATE))
  net.clock.run(10_000)
  for (const { atMs } of noted) near(atMs, 4000)
})

test('when one is done, the others have its share', () => {
  const net = world([3])
  const short = sent(net, 0, 1, RATE / 2)
  const long = sent(net, 0, 2, RATE)
  net.clock.run(10_000)
  near(short.atMs, 1000)
  near(long.atMs, 1500)
})

test('small frames that follow one another lose nothing of a link to the quantum that they end in', () => {
  const quantumMs = 8
  const net = world([5], Number.POSITIVE_INFINITY, 0, 0, quantumMs)
  // Four connections share the link; each has a frame of 5 ms, alone, after the other.
  const frameBytes = (RATE * 5) / 1000
  let arrived = 0
  for (let to = 1; to <= 4; to++) {
    const connection = net.network.connect(0, to)
    const next = (): void => {
      arrived++
      net.network.send(connection, frameBytes, next)
    }
    net.network.send(connection, frameBytes, next)
  }
  net.clock.run(10_000)
  const bytes = arrived * frameBytes
  assert.ok(bytes > 0.95 * 10 * RATE && bytes <= 10 * RATE, `${bytes} bytes in 10 s at ${RATE} a second`)
})

test('what ended flows leave is lost where nobody else is there to have it', () => {
  const net = world([2], Number.POSITIVE_INFINITY, 0, 0, 8)
  const first = sent(net, 0, 1, RATE / 250)
  let second = first
  net.clock.after(100, () => {
    second = sent(net, 0, 1, RATE)
  })
  net.clock.run(10_000)
  near(first.atMs, 4)
  near(second.atMs, 1100, 8)
})

test('frames of a connection arrive in their order, and as one would', () => {
  const { clock, network } = world([2])
  const connection = network.connect(0, 1)
  const arrived: number[] = []
  for (let i = 0; i < 10; i++) network.send(connection, RATE / 10, () => arrived.push(i))
  clock.run(10_000)
  assert.equal(arrived, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  near(clock.now(), 1000)
  assert.is(Math.round(connection.sentBytes), RATE)
})

test('what is closed arrives no more; the other has the link to itself', () => {
  const { clock, network } = world([3])
  const connection = network.connect(0, 1)
  network.send(connection, RATE, () => assert.unreachable())
  const other = sent({ clock, network }, 0, 2, RATE)
  clock.after(500, () => network.close(connection))
  clock.run(10_000)
  near(other.atMs, 1250)
})

test('a host that is lost receives nothing, sends nothing, and is told nothing', () => {
  const { clock, network } = world([3])
  network.send(network.connect(0, 1), RATE, () => assert.unreachable())
  network.send(network.connect(1, 2), RATE, () => assert.unreachable())
  clock.after(100, () => network.lose(1))
  clock.after(200, () => {
    network.tell(0, 1, () => assert.unreachable())
    network.tell(1, 0, () => assert.unreachable())
    network.send(network.connect(1, 2), RATE, () => assert.unreachable())
  })
  clock.run(10_000)
  assert.not(network.reaches(0, 1))
})

test('while a partition lasts nothing passes; afterwards it goes on, and what was said is heard', () => {
  const { clock, network } = world([2])
  const noted = sent({ clock, network }, 0, 1, RATE)
  let heardAtMs: number | undefined
  clock.after(300, () => network.part([1], 1))
  clock.after(400, () => {
    assert.not(network.reaches(0, 1))
    network.tell(0, 1, () => {
      heardAtMs = clock.now()
    })
  })
  clock.after(2300, () => network.part([1], 0))
  clock.run(10_000)
  near(noted.atMs, 3000)
  near(heardAtMs, 2300)
})

test('those on one island reach each other', () => {
  const { clock, network } = world([3])
  network.part([1, 2], 7)
  const noted = sent({ clock, network }, 1, 2, RATE)
  clock.run(10_000)
  near(noted.atMs, 1000)
})

test('other rates of an uplink count from then on', () => {
  const net = world([1, 1], RATE)
  const noted = sent(net, 0, 1, RATE)
  net.clock.after(500, () => net.network.setRack(0, { upBytes: RATE / 4, downBytes: RATE / 4 }))
  net.clock.run(10_000)
  near(noted.atMs, 2500)
})

test('bytes are conserved: links count what arrived and what closing left on the way', () => {
  withSeeds(20, (random) => {
    const { clock, network } = world([3, 3], 2 * RATE, 1, 1)
    let arrivedBytes = 0
    const connections = Array.from({ length: 30 }, () => {
      const from = integer(random, 0, 5)
      const connection = network.connect(from, (from + integer(random, 1, 5)) % 6)
      const bytes = integer(random, 1, RATE)
      clock.after(integer(random, 0, 1000), () => {
        network.send(connection, bytes, () => {
          arrivedBytes += bytes
        })
      })
      if (random() < 0.2) clock.after(integer(random, 0, 3000), () => network.close(connection))
      return connection
    })
    clock.run(1e6)
    const up = [0, 1, 2, 3, 4, 5].reduce((sum, host) => sum + network.hostUse(host).upBytes, 0)
    const down = [0, 1, 2, 3, 4, 5].reduce((sum, host) => sum + network.hostUse(host).downBytes, 0)
    const passed = connections.reduce((sum, { sentBytes }) => sum + sentBytes, 0)
    const closed = connections.filter((connection) => connection.closed)
    const onWay = closed.reduce((sum, { sentBytes }) => sum + sentBytes, 0)
    assert.ok(Math.abs(up - down) < 1 && Math.abs(up - passed) < 1)
    assert.ok(arrivedBytes <= passed + 1 && arrivedBytes >= passed - onWay - 1)
    const away = connections.filter(({ from, to }) => Math.floor(from / 3) !== Math.floor(to / 3))
    const uplinks = network.rackUse(0).upBytes + network.rackUse(1).upBytes
    assert.ok(Math.abs(uplinks - away.reduce((sum, { sentBytes }) => sum + sentBytes, 0)) < 1)
  })
})

test.run()

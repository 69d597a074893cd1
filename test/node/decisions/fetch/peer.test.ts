import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  WINDOW_BYTES_MAX,
  WINDOW_BYTES_MIN,
  WINDOW_BYTES_START,
  WINDOW_SECONDS,
} from '../../../../node/decisions/fetch/limits.ts'
import { Meter } from '../../../../node/decisions/fetch/meter.ts'
import type { Request } from '../../../../node/decisions/fetch/peer.ts'
import { newBits, setBit } from '../../../../protocols/bits.ts'
import { integer, withSeeds } from '../../../support/seeds.ts'
import { peerOf } from './helpers.ts'

const MIB = 1024 * 1024

function request(id: number, at: number, bytes = MIB): Request {
  return { id, items: [id], bytes, at, hedged: false }
}

test('what a peer has: the image, a piece, a block of another image, and not what it said it lacks', () => {
  const full = peerOf('full', 'swarm', true)
  assert.ok(full.hasItem(3, 0))
  full.lacks.add(3)
  assert.not(full.hasItem(3, 0))
  const part = peerOf('part')
  assert.not(part.mayHavePiece(1))
  part.held = newBits(4)
  setBit(part.held, 1)
  assert.ok(part.mayHavePiece(1) && part.hasItem(9, 1))
  assert.not(part.mayHavePiece(2))
  part.items = newBits(10)
  setBit(part.items, 5)
  assert.ok(part.mayHavePiece(2) && part.hasItem(5, 2))
  assert.not(part.hasItem(6, 2))
})

test('silence counts from the oldest open request or the last sign of life, whichever is later', () => {
  const peer = peerOf('p')
  assert.is(peer.silentMs(10_000), 0, 'who owes nothing is not silent')
  peer.sent(request(1, 100))
  peer.sent(request(2, 500))
  assert.is(peer.silentMs(1000), 900)
  peer.heardAt = 800
  assert.is(peer.silentMs(1000), 200)
  peer.settle(1)
  peer.settle(2)
  assert.is(peer.silentMs(1000), 0)
})

test('a peer whose answer waits for the disk is not silent', () => {
  const peer = peerOf('p')
  peer.sent(request(1, 0))
  peer.requests.get(1)!.arrivedAt = 10
  assert.is(peer.silentMs(60_000), 0)
})

test('the time that the disk takes is not held against the peer', () => {
  const peer = peerOf('p')
  peer.sent(request(1, 0))
  const answered = peer.requests.get(1)!
  answered.arrivedAt = 100
  peer.settle(1)
  peer.delivered(answered, 5000)
  assert.is(peer.latencyMs, 100)
  assert.is(peer.rate, MIB * 10)
})

test('settling twice, or what was never asked, changes nothing', () => {
  const peer = peerOf('p')
  peer.sent(request(1, 0))
  assert.is(peer.settle(7), undefined)
  assert.is(peer.settle(1)?.id, 1)
  assert.is(peer.settle(1), undefined)
  assert.is(peer.inFlightBytes, 0)
  assert.is(peer.spareBytes, WINDOW_BYTES_START)
})

test('the window follows what the peer delivers, up and down, within its bounds', () => {
  const fast = peerOf('fast')
  const slow = peerOf('slow')
  for (let i = 0; i < 40; i++) {
    fast.sent(request(i, i * 5))
    fast.delivered(fast.settle(i)!, i * 5 + 5)
    slow.sent(request(i, i * 5000))
    slow.delivered(slow.settle(i)!, i * 5000 + 5000)
  }
  assert.is(fast.windowBytes, WINDOW_BYTES_MAX)
  assert.ok(slow.windowBytes < 1.1 * WINDOW_BYTES_MIN, 'of a slow peer one frame is under way at a time')
  const middle = peerOf('middle')
  for (let i = 0; i < 40; i++) {
    middle.sent(request(i, i * 100))
    middle.delivered(middle.settle(i)!, i * 100 + 100)
  }
  // A round takes 0.1 s.
  const wanted = 10 * MIB * (0.1 + WINDOW_SECONDS)
  assert.ok(Math.abs(middle.windowBytes - wanted) < 0.05 * wanted, `${middle.windowBytes}`)
})

test('a peer that is far away is kept busy: what is under way covers the way there and back', () => {
  const far = peerOf('far')
  const [roundTripMs, bytesPerSecond] = [300, 20 * MIB]
  let at = 0
  let freeAt = 0
  const waiting: { id: number; doneAt: number }[] = []
  for (let id = 0; id < 500; id++) {
    while (far.spareBytes < MIB) {
      const { id: done, doneAt } = waiting.shift()!
      at = doneAt
      far.delivered(far.settle(done)!, at)
    }
    far.sent(request(id, at))
    freeAt = Math.max(freeAt, at + roundTripMs / 2) + (MIB / bytesPerSecond) * 1000
    waiting.push({ id, doneAt: freeAt + roundTripMs / 2 })
  }
  assert.ok(far.rate > 0.8 * bytesPerSecond, `${far.rate}`)
})

test('frames that come in bursts make no peer seem faster than it is', () => {
  const peer = peerOf('bursts')
  for (let i = 0; i < 100; i++) {
    // Ten at a time, once a second.
    const at = Math.floor(i / 10) * 1000
    peer.sent(request(i, at))
    peer.delivered(peer.settle(i)!, at + 1000 + (i % 10))
  }
  assert.ok(peer.throughput < 40 * MIB, `${peer.throughput / MIB} MiB/s`)
  assert.ok(peer.rate > 100 * MIB, 'each seems fast, so the window grows')
})

test('windows stay within their bounds, whatever the times are', () => {
  withSeeds(50, (random) => {
    const peer = peerOf('p')
    let now = 0
    for (let i = 0; i < 100; i++) {
      const at = now
      now += random() < 0.3 ? 0 : integer(random, 0, 3000)
      peer.sent(request(i, at, integer(random, 1, MIB)))
      peer.delivered(peer.settle(i)!, now)
      assert.ok(
        peer.windowBytes >= Math.min(WINDOW_BYTES_MIN, WINDOW_BYTES_START) && peer.windowBytes <= WINDOW_BYTES_MAX,
      )
      assert.ok(Number.isFinite(peer.rate) && peer.rate >= 0)
    }
  })
})

test('a meter shows a steady rate, and nothing after a span of silence', () => {
  const meter = new Meter(500)
  assert.is(meter.rate(0), 0)
  for (let now = 0; now <= 100; now += 10) meter.add(now, 10_000)
  assert.ok(Math.abs(meter.rate(100) - 1_100_000) < 150_000, `young: ${meter.rate(100)}`)
  for (let now = 110; now <= 5000; now += 10) meter.add(now, 10_000)
  const rate = meter.rate(5000)
  assert.ok(Math.abs(rate - 1_000_000) < 50_000, `${rate}`)
  assert.ok(meter.rate(5250) < rate && meter.rate(5250) > 0)
  assert.is(meter.rate(5500), 0)
})

test.run()

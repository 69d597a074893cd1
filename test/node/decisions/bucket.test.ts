import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Bucket } from '../../../node/decisions/bucket.ts'
import { integer, withSeeds } from '../../support/seeds.ts'

test('without a limit nothing waits', () => {
  const bucket = new Bucket(Number.POSITIVE_INFINITY)
  bucket.spend(0, 1e15)
  assert.is(bucket.waitMs(0), 0)
})

test("one second's worth passes at once, then a debt delays what comes next", () => {
  const bucket = new Bucket(1000)
  bucket.spend(0, 999)
  assert.is(bucket.waitMs(0), 0)
  bucket.spend(0, 501)
  const wait = bucket.waitMs(0)
  assert.ok(wait > 500 && wait <= 502, `${wait} ms`)
  assert.is.not(bucket.waitMs(500), 0)
  assert.is(bucket.waitMs(wait), 0)
})

test('idle time is worth one second at most', () => {
  const bucket = new Bucket(1000)
  assert.is(bucket.waitMs(3_600_000), 0)
  bucket.spend(3_600_000, 2000)
  assert.ok(bucket.waitMs(3_600_000) >= 1000)
})

test('time that goes back gives nothing', () => {
  const bucket = new Bucket(1000)
  bucket.spend(5000, 1500)
  assert.ok(bucket.waitMs(0) > 0)
  assert.ok(bucket.waitMs(5000) > 0)
})

test('who waits as told never sends more than the rate, a burst and one piece', () => {
  withSeeds(200, (random) => {
    const rate = integer(random, 1, 1_000_000)
    const pieceMax = integer(random, 1, 2 * rate)
    const bucket = new Bucket(rate)
    let now = integer(random, 0, 1e9)
    const began = now
    let sent = 0
    for (let i = 0; i < 200; i++) {
      const wait = bucket.waitMs(now)
      if (random() < 0.3) now += random() * 2000
      else now += wait
      if (bucket.waitMs(now) > 0) continue
      const piece = integer(random, 1, pieceMax)
      bucket.spend(now, piece)
      sent += piece
      assert.ok(sent <= rate * ((now - began) / 1000 + 1) + piece + 1, `${sent} bytes after ${now - began} ms`)
    }
    assert.ok(sent > 0)
  })
})

test.run()

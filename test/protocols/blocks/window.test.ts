import type { Stream } from '@libp2p/interface'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { StreamWindow, WINDOW_BYTES_MAX, WINDOW_BYTES_MIN } from '../../../protocols/blocks/window.ts'
import { newHost } from '../../support/hosts.ts'

/** What the window is after 64 KiB came each so many milliseconds, for a second. */
function windowAt(everyMs: number): number {
  const stream = { recvWindow: WINDOW_BYTES_MIN }
  const window = new StreamWindow(stream as unknown as Stream)
  for (let now = 0; now <= 1000; now += everyMs) window.received(64 * 1024, now)
  return stream.recvWindow
}

test('a quick stream has much under way, a slow one as little as yamux says, any other a tenth of a second of its rate', () => {
  assert.is(windowAt(0.5), WINDOW_BYTES_MAX)
  assert.is(windowAt(200), WINDOW_BYTES_MIN)
  const rate = (64 * 1024) / 5
  assert.ok(Math.abs(windowAt(5) / (rate * 100) - 1) < 0.15)
})

test('it falls when the stream becomes slow', () => {
  const stream = { recvWindow: WINDOW_BYTES_MIN }
  const window = new StreamWindow(stream as unknown as Stream)
  for (let now = 0; now < 100; now++) window.received(64 * 1024, now)
  assert.is(stream.recvWindow, WINDOW_BYTES_MAX)
  for (let now = 100; now < 1000; now += 100) window.received(64 * 1024, now)
  assert.is(stream.recvWindow, WINDOW_BYTES_MIN)
})

test('other streams are left as they are', () => {
  const stream = {}
  const window = new StreamWindow(stream as unknown as Stream)
  for (let now = 0; now < 1000; now++) window.received(64 * 1024, now)
  assert.equal(stream, {})
})

test("yamux's streams have the window that is set", async () => {
  const hosts = [await newHost(), await newHost()] as const
  try {
    for (const host of hosts) await host.start()
    await hosts[1].libp2p.handle('/test', () => {})
    const stream = await hosts[0].libp2p.dialProtocol(hosts[1].libp2p.getMultiaddrs(), '/test')
    assert.is((stream as unknown as { recvWindow: number }).recvWindow, WINDOW_BYTES_MIN)
    await stream.close()
  } finally {
    for (const host of hosts) await host.stop()
  }
})

test.run()

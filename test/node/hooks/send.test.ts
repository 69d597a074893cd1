/** Orders over real connections: one for each peer, and a new one where a host is somebody else now. */
import { multiaddr } from '@multiformats/multiaddr'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Host } from '../../../node/net/host.ts'
import { libp2pSend } from '../../../node/orders/send.ts'
import { handleOrders } from '../../../protocols/orders/handler.ts'
import type { Order } from '../../../protocols/orders/messages.ts'
import { silentLog } from '../../../protocols/ports.ts'
import { newHost } from '../../support/hosts.ts'

const ORDER: Order = { priority: 'allocated', job: '1', names: ['a'] }
const clock = { now: () => performance.now() }

async function taker(scheduler: Host, listen: string, took: () => void): Promise<Host> {
  const host = await newHost({ listen: [listen] })
  const take = async (): Promise<void> => took()
  const schedulers = new Set([scheduler.peerId])
  await handleOrders(host.libp2p, { schedulers, take, onOffence: () => {}, clock, log: silentLog })
  await host.start()
  return host
}

test('a host is connected to once, and again when another peer is at its address', async () => {
  const scheduler = await newHost()
  const hosts = [scheduler]
  let connections = 0
  let taken = 0
  scheduler.libp2p.addEventListener('connection:open', () => connections++)
  await scheduler.start()
  try {
    const first = await taker(scheduler, '/ip4/127.0.0.1/tcp/0', () => taken++)
    hosts.push(first)
    const [, , , , port] = first.addresses()[0]!.split('/')
    const address = multiaddr(`/ip4/127.0.0.1/tcp/${port}`)
    const send = libp2pSend(scheduler.libp2p)
    for (let i = 0; i < 5; i++) assert.is(await send(address, ORDER, AbortSignal.timeout(5000)), 'taken')
    assert.equal([taken, connections], [5, 1])

    await first.stop()
    const second = await taker(scheduler, String(address), () => taken++)
    hosts.push(second)
    for (let i = 0; i < 3; i++) assert.is(await send(address, ORDER, AbortSignal.timeout(5000)), 'taken')
    assert.equal([taken, connections], [8, 2])
  } finally {
    await Promise.all(hosts.map((host) => host.stop()))
  }
})

test.run()

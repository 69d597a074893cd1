/**
 * A process of many hosts that take orders and do nothing else: `node order-hosts-child.ts SCHEDULER COUNT`. Prints their
 * ports, as JSON, when all listen; each line on standard input asks how many orders came in all.
 */
import { noise } from '@chainsafe/libp2p-noise'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { handleOrders } from '../../protocols/orders/handler.ts'
import { silentLog } from '../../protocols/ports.ts'
import { LOCAL } from './hosts.ts'

const [scheduler, count] = process.argv.slice(2) as [string, string]
const clock = { now: () => performance.now() }
let taken = 0

async function listen(): Promise<string> {
  const libp2p = await createLibp2p({
    start: false,
    addresses: { listen: [LOCAL] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify() },
  })
  const take = async (): Promise<void> => {
    taken++
  }
  await handleOrders(libp2p, { schedulers: new Set([scheduler]), take, onOffence: () => {}, clock, log: silentLog })
  await libp2p.start()
  return libp2p.getMultiaddrs()[0]!.toString().split('/')[4]!
}

const ports: string[] = []
for (let i = 0; i < Number(count); i++) ports.push(await listen())
console.log(JSON.stringify(ports))
for await (const _ of process.stdin) console.log(taken)
process.exit(0)

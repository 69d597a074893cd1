/**
 * One side of a transfer of encrypted bytes over loopback, as a process of its own.
 *
 *     node transport-peer.ts serve          prints where it listens: the daemon's libp2p host, answering as a daemon does
 *     node transport-peer.ts serve-tls KEY CERTIFICATE
 *     node transport-peer.ts fetch ADDRESS BYTES      prints the seconds that the transfer took
 *     node transport-peer.ts fetch-tls PORT BYTES
 *
 * Blocks are neither read from disk nor hashed, so that what is measured is the way between two daemons: the block
 * exchange's messages over yamux, Noise and TCP.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { multiaddr } from '@multiformats/multiaddr'
import { leftBehind } from '../../../node/garbage.ts'
import { handleBlocks, libp2pMesh } from '../../../node/mesh.ts'
import { OffenderList } from '../../../node/offenders.ts'
import { startLean } from '../../../node/start-anew.ts'
import { Traffic } from '../../../node/traffic.ts'
import { BlockSession } from '../../../protocols/blocks/client.ts'
import { FRAME_BYTES_MAX } from '../../../protocols/blocks/constants.ts'
import type { ServeSession } from '../../../protocols/blocks/server.ts'
import { silentLog, systemClock } from '../../../protocols/ports.ts'
import { MemorySource } from '../../support/block-source.ts'
import { newHost } from '../../support/hosts.ts'
import { imageOf } from '../../support/stores.ts'

const BLOCK_BYTES = 64 * 1024
/** As many requests are under way as a fetch has to a quick peer. */
const IN_FLIGHT = 8
const BLOCKS_PER_FRAME = FRAME_BYTES_MAX / BLOCK_BYTES

const [what, at, more] = process.argv.slice(2)
// As a daemon is started, and as it looks after its buffers.
if (what === 'serve' || what === 'fetch') startLean()
const traffic = new Traffic((bytes) => leftBehind(3 * bytes, 'minor'))
if (what === 'serve') await serve()
else if (what === 'fetch') await fetch(at!, Number(more))
else if (what === 'serve-tls') await serveTls(readFileSync(at!), readFileSync(more!))
else await fetchTls(Number(at), Number(more))

async function serve(): Promise<void> {
  const payload = randomBytes(FRAME_BYTES_MAX)
  const source = new MemorySource()
  const session: ServeSession = {
    frame: async () => ({ encoding: 0, payload, missing: undefined }),
    cancel() {},
    sent: (_, bytes) => traffic.sent('client', bytes),
    busyMs: 100,
    aliveMs: 300,
    isWorking: () => true,
    newsMs: () => 50,
    close() {},
  }
  source.openSession = () => session
  const host = await newHost()
  await handleBlocks(host.libp2p, source, new OffenderList(systemClock, silentLog), silentLog)
  await host.start()
  console.log(host.addresses()[0])
}

async function fetch(address: string, bytes: number): Promise<void> {
  const host = await newHost()
  await host.start()
  const peer = multiaddr(address)
    .getComponents()
    .find(({ name }) => name === 'p2p')!.value!
  const mesh = libp2pMesh(host.libp2p, { find: async () => [] } as never)
  const stream = await mesh.open(peer, [address], AbortSignal.timeout(5000))
  const frames = Math.ceil(bytes / FRAME_BYTES_MAX)
  const hashes = randomBytes(32 * BLOCKS_PER_FRAME)
  const lengths = new Uint32Array(BLOCKS_PER_FRAME).fill(BLOCK_BYTES)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let [asked, got] = [0, 0]
  const ask = (): void => {
    if (asked < frames) session.get(++asked, hashes, lengths)
  }
  const session = new BlockSession(stream, {
    frame() {
      got++
      if (got === frames) resolve()
      else ask()
    },
    busy: () => reject(new Error('busy')),
    claimed() {},
    have() {},
    peers() {},
    heard: (bytes) => traffic.received('server', bytes),
    closed: (error) => reject(error ?? new Error('closed')),
  })
  await session.open(imageOf([undefined]).root, undefined)
  const startedAt = performance.now()
  for (let i = 0; i < IN_FLIGHT; i++) ask()
  await promise
  console.log((performance.now() - startedAt) / 1000)
  process.exit()
}

async function serveTls(key: Buffer, cert: Buffer): Promise<void> {
  const payload = randomBytes(FRAME_BYTES_MAX)
  const server = createServer({ key, cert, minVersion: 'TLSv1.3' }, (socket) => {
    socket.once('data', (request) => void sendAll(socket, payload, Number(request)).catch(() => socket.destroy()))
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  console.log((server.address() as AddressInfo).port)
}

async function sendAll(socket: TLSSocket, payload: Buffer, bytes: number): Promise<void> {
  for (let sent = 0; sent < bytes; sent += payload.length) {
    if (!socket.write(payload)) await once(socket, 'drain')
  }
}

async function fetchTls(port: number, bytes: number): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const startedAt = performance.now()
  socket.write(String(bytes))
  let got = 0
  for await (const chunk of socket) {
    got += (chunk as Buffer).length
    if (got >= bytes) break
  }
  console.log((performance.now() - startedAt) / 1000)
  process.exit()
}

/** A BitTorrent tracker on 127.0.0.1: tells each peer of all others of the same torrent (BEP 3, BEP 23). */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Seconds after which peers ask again. */
const INTERVAL_SECONDS = 1

export interface Tracker {
  readonly url: string
  readonly peers: number
  /** Of these nobody is told any more. */
  forget(ports: readonly number[]): void
  close(): Promise<void>
}

export async function startTracker(): Promise<Tracker> {
  const ports = new Set<number>()
  const server = createServer((request, response) => {
    const parameters = new URL(request.url!.replace(/info_hash=[^&]*/, ''), 'http://here').searchParams
    const port = Number(parameters.get('port'))
    if (parameters.get('event') === 'stopped') ports.delete(port)
    else ports.add(port)
    response.end(answer([...ports].filter((other) => other !== port)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/announce`,
    get peers() {
      return ports.size
    },
    forget(gone) {
      for (const port of gone) ports.delete(port)
    },
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

function answer(ports: readonly number[]): Buffer {
  const peers = Buffer.concat(ports.map((port) => Buffer.from([127, 0, 0, 1, port >> 8, port & 0xff])))
  const head = `d8:intervali${INTERVAL_SECONDS}e12:min intervali${INTERVAL_SECONDS}e5:peers${peers.length}:`
  return Buffer.concat([Buffer.from(head), peers, Buffer.from('e')])
}

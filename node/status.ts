import { memoryUsage } from 'node:process'
import type { Connection, Libp2p } from '@libp2p/interface'
import type { DiscoveryCounts } from '../protocols/discovery/libp2p.ts'
import type { PeerRow, StatusReport } from './api.ts'
import type { Fetches } from './fetch/manager.ts'
import type { Wants } from './fetch/wants.ts'
import type { Host } from './net/host.ts'
import type { HookDesk } from './orders/desk.ts'
import type { Packing } from './serve/packing.ts'
import type { BlockServer } from './serve/source.ts'
import type { Store } from './store/store.ts'
import type { Traffic } from './traffic.ts'
import { VERSION } from './version.ts'

export interface StatusInit {
  readonly home: string
  readonly host: Host
  readonly store: Store
  readonly discovery: { counts(): DiscoveryCounts }
  readonly advertising: { readonly keys: number }
  readonly fetches: Fetches
  readonly wants: Wants
  readonly desk: HookDesk
  readonly server: BlockServer
  readonly packing: Packing
  readonly trust: readonly string[]
  /** Of performance.now(). */
  readonly startedAt: number
}

/** The node as it is now. */
export async function statusReport(init: StatusInit): Promise<StatusReport> {
  const { home, host, store, discovery, fetches, wants, server } = init
  const images = store.images()
  const usage = await store.usage()
  const { rss, heapUsed } = memoryUsage()
  const counts = discovery.counts()
  return {
    version: VERSION,
    peer: host.peerId,
    addresses: host.addresses(),
    home,
    uptimeSeconds: (performance.now() - init.startedAt) / 1000,
    connections: host.libp2p.getPeers().length,
    dht: {
      mode: host.dht.getMode(),
      peers: counts.peers,
      advertisedKeys: init.advertising.keys,
      providerRecords: counts.providerRecords,
    },
    images: {
      complete: images.filter(({ state }) => state === 'complete').length,
      partial: images.filter(({ state }) => state === 'partial').length,
    },
    transfers: fetches.transfers,
    wants: wants.names,
    hooks: init.desk.report(),
    served: { ...server.counters },
    frames: {
      bytes: server.frames.bytes,
      bytesMax: server.frames.bytesMax,
      packing: init.packing.count,
      ...server.frames.counters,
    },
    store: {
      imageBytes: usage.imageBytes,
      indexBytes: usage.indexBytes,
      quotaBytes: usage.quotaBytes ?? null,
      freeBytes: usage.freeBytes,
      floorBytes: usage.floorBytes,
      indexedBlocks: usage.indexedBlocks,
    },
    memory: { rssBytes: rss, heapBytes: heapUsed },
    trust: [...init.trust],
  }
}

/** The peers that the node is connected to. */
export async function peerRows(libp2p: Libp2p, traffic: Traffic): Promise<PeerRow[]> {
  const rows = await Promise.all(libp2p.getConnections().map((connection) => peerRow(libp2p, traffic, connection)))
  return rows.sort((a, b) => b.connectedSeconds - a.connectedSeconds)
}

async function peerRow(libp2p: Libp2p, traffic: Traffic, connection: Connection): Promise<PeerRow> {
  const known = await libp2p.peerStore.get(connection.remotePeer).catch(() => undefined)
  const { received, sent } = traffic.with(connection.remotePeer.toString())
  const agent = known?.metadata.get('AgentVersion')
  return {
    peer: connection.remotePeer.toString(),
    addresses: [connection.remoteAddr.toString()],
    direction: connection.direction === 'inbound' ? 'in' : 'out',
    connectedSeconds: (Date.now() - connection.timeline.open) / 1000,
    receivedBytes: received,
    sentBytes: sent,
    ...(connection.rtt === undefined ? {} : { rttSeconds: connection.rtt / 1000 }),
    ...(agent === undefined ? {} : { agent: Buffer.from(agent).toString('utf8') }),
  }
}

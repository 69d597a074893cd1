/**
 * The libp2p host of a node: TCP, TLS or Noise, yamux, identify, ping and a Kademlia DHT of its own.
 *
 * Order: create the host; create and start what handles protocols on it (records, discovery, blocks), so that the first
 * identify of each connection names them; then start the host. Stop in the opposite order: discovery first, while it can
 * still withdraw, the host last.
 */
import { identify } from '@libp2p/identify'
import type { Libp2p, PrivateKey } from '@libp2p/interface'
import { type KadDHT, kadDHT, passthroughMapper, type Selectors, type Validators } from '@libp2p/kad-dht'
import { type Ping, ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import type { Multiaddr } from '@multiformats/multiaddr'
import { MemoryDatastore } from 'datastore-core'
import type { Datastore } from 'interface-datastore'
import { createLibp2p } from 'libp2p'
import { HotblockError } from '../../protocols/errors.ts'
import { type Log, silentLog } from '../../protocols/ports.ts'
import { parseAddress } from './addresses.ts'
import { Bootstrap, type RememberedPeers } from './bootstrap.ts'
import * as constants from './constants.ts'
import { Fill } from './fill.ts'
import { GuardedDatastore, NO_PUBLIC_KEYS } from './kad-guard.ts'
import { lateNoise } from './late-noise.ts'
import { tls } from './tls/encrypter.ts'

export interface HostInit {
  /** Ed25519. */
  readonly privateKey: PrivateKey
  /** Addresses to listen on, like /ip4/0.0.0.0/tcp/4001; port 0 takes a free one. */
  readonly listen: readonly string[]
  /** Addresses to announce in place of those that are listened on; for nodes behind a port forwarding. */
  readonly announce?: readonly string[]
  /** Addresses of peers to begin with, with or without /p2p/PEER at the end. */
  readonly bootstrap: readonly string[]
  /** Where the DHT and the peer store keep what outlives a restart; in memory where none is given. */
  readonly datastore?: Datastore
  readonly remembered?: RememberedPeers
  /** Encrypts by TLS where the other side does too; default: yes. Noise is always there. */
  readonly tls?: boolean
  /** What the node says it is, like hotblock/1.2.3. */
  readonly agent: string
  readonly log?: Log
  /** Of the namespaces of the DHT's values; see RecordNamespace. */
  readonly validators?: Validators
  readonly selectors?: Selectors
}

/** The services of the host's libp2p. */
export type HostServices = { dht: KadDHT; ping: Ping } & Record<string, unknown>

export interface Host {
  readonly libp2p: Libp2p<HostServices>
  readonly dht: KadDHT
  readonly peerId: string
  /** Where other nodes can dial this one, each with /p2p/PEER; empty until it is started. */
  addresses(): string[]
  /** @throws LISTEN */
  start(): Promise<void>
  stop(): Promise<void>
}

/** @throws BAD_CONFIG for a key of another type or an address that cannot be read */
export async function createHost(init: HostInit): Promise<Host> {
  if (init.privateKey.type !== 'Ed25519') {
    throw new HotblockError('BAD_CONFIG', `identity: an Ed25519 key is needed, not ${init.privateKey.type}`)
  }
  const listen = init.listen.map((text) => parseAddress(text, 'listen'))
  const announce = (init.announce ?? []).map((text) => parseAddress(text, 'announce'))
  const bootstrap = init.bootstrap.map((text) => parseAddress(text, 'bootstrap'))
  const log = init.log ?? silentLog
  const libp2p = await createNode(init, listen, announce)
  const remembered = init.remembered ?? { load: () => [], save: () => {} }
  const joining = new Bootstrap(libp2p, bootstrap, remembered, log)
  const filling = new Fill(libp2p, libp2p.services.dht, log)
  return {
    libp2p,
    dht: libp2p.services.dht,
    peerId: libp2p.peerId.toString(),
    addresses: () => libp2p.getMultiaddrs().map((address) => address.toString()),
    async start() {
      filling.start()
      try {
        await libp2p.start()
      } catch (error) {
        filling.stop()
        throw listenError(error, listen)
      }
      joining.start()
    },
    async stop() {
      filling.stop()
      await joining.stop()
      await libp2p.stop()
    },
  }
}

async function createNode(init: HostInit, listen: Multiaddr[], announce: Multiaddr[]): Promise<Libp2p<HostServices>> {
  return createLibp2p<HostServices>({
    start: false,
    privateKey: init.privateKey,
    nodeInfo: { name: 'hotblock', version: '1', userAgent: init.agent },
    addresses: { listen: listen.map(String), announce: announce.map(String) },
    datastore: new GuardedDatastore(init.datastore ?? new MemoryDatastore()),
    transports: [tcp()],
    connectionEncrypters: init.tls === false ? [lateNoise()] : [tls(), lateNoise()],
    streamMuxers: [
      yamux({
        // The connection monitor tries connections already.
        enableKeepAlive: false,
        maxInboundStreams: constants.STREAMS_PER_CONNECTION_MAX,
        maxOutboundStreams: constants.STREAMS_PER_CONNECTION_MAX,
        maxEarlyStreams: constants.STREAMS_NEGOTIATING_MAX,
        streamOptions: {
          maxStreamWindowSize: constants.STREAM_WINDOW_BYTES_MAX,
          maxReadBufferLength: constants.STREAM_BUFFER_BYTES_MAX,
        },
      }),
    ],
    connectionManager: {
      maxConnections: constants.CONNECTIONS_MAX,
      inboundConnectionThreshold: constants.CONNECTIONS_PER_SECOND_MAX,
      maxIncomingPendingConnections: constants.CONNECTIONS_PENDING_MAX,
      maxParallelDials: constants.DIALS_PARALLEL_MAX,
      maxDialQueueLength: constants.DIALS_QUEUED_MAX,
      maxPeerAddrsToDial: constants.ADDRESSES_PER_DIAL_MAX,
      dialTimeout: constants.DIAL_TIMEOUT_MS,
      addressDialTimeout: constants.ADDRESS_TIMEOUT_MS,
      inboundUpgradeTimeout: constants.UPGRADE_TIMEOUT_MS,
      inboundStreamProtocolNegotiationTimeout: constants.NEGOTIATION_TIMEOUT_MS,
      outboundStreamProtocolNegotiationTimeout: constants.NEGOTIATION_TIMEOUT_MS,
      reconnectRetries: constants.RECONNECTS_MAX,
      reconnectRetryInterval: constants.RECONNECT_MS,
    },
    connectionMonitor: {
      pingInterval: constants.PING_INTERVAL_MS,
      pingTimeout: { minTimeout: constants.PING_TIMEOUT_MS },
    },
    services: {
      identify: identify(),
      ping: ping(),
      dht: kadDHT({
        protocol: constants.KAD_PROTOCOL,
        clientMode: false,
        // The default drops private addresses, which is all that a cluster has.
        peerInfoMapper: passthroughMapper,
        kBucketSize: constants.BUCKET_PEERS,
        alpha: constants.WALK_PARALLEL,
        disjointPaths: constants.WALK_PATHS,
        // A first node must be able to store values while it is alone.
        allowQueryWithZeroPeers: true,
        maxInboundStreams: constants.KAD_STREAMS_MAX,
        maxOutboundStreams: constants.KAD_STREAMS_MAX,
        networkDialTimeout: { minTimeout: constants.KAD_REQUEST_MS_MIN, maxTimeout: constants.KAD_REQUEST_MS_MAX },
        pingNewContactTimeout: { minTimeout: constants.KAD_REQUEST_MS_MIN, maxTimeout: constants.KAD_REQUEST_MS_MAX },
        pingOldContactTimeout: { minTimeout: constants.KAD_REQUEST_MS_MIN, maxTimeout: constants.KAD_REQUEST_MS_MAX },
        validators: { ...NO_PUBLIC_KEYS, ...init.validators },
        selectors: init.selectors ?? {},
      }),
    },
  })
}

/** libp2p puts what went wrong with each address into one long message; the address and the reason are what matters. */
function listenError(error: unknown, listen: Multiaddr[]): HotblockError {
  const text = error instanceof Error ? error.message : String(error)
  const address = listen.map(String).find((one) => text.includes(one)) ?? listen.map(String).join(', ')
  const reason = REASONS.find(([code]) => text.includes(code))?.[1] ?? text.trim().split('\n')[0] ?? 'unknown reason'
  return new HotblockError('LISTEN', `cannot listen on ${address}: ${reason}`, { address }, error)
}

const REASONS: readonly (readonly [string, string])[] = [
  ['EADDRINUSE', 'the port is in use'],
  ['EADDRNOTAVAIL', 'the address is not one of this machine'],
  ['EACCES', 'permission denied'],
  ['ENOTFOUND', 'the name does not resolve'],
]

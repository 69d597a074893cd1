import type { Connection, Libp2p, PeerId, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { BLOCKS_PROTOCOL } from '../protocols/blocks/constants.ts'
import { type BlockSource, serveBlocks } from '../protocols/blocks/server.ts'
import type { Discovery } from '../protocols/discovery/discovery.ts'
import type { Log } from '../protocols/ports.ts'
import type { Mesh } from './fetch/ports.ts'
import { TLS_PROTOCOL } from './net/tls/encrypter.ts'

/** Sessions of the block exchange over one connection, each way. */
const STREAMS_MAX = 64
/** Sessions are quiet while a peer has nothing to say or want; the connection's own pings notice a dead peer. */
const SESSION_IDLE_MS = 24 * 60 * 60 * 1000

/** The mesh over libp2p. */
export function libp2pMesh(libp2p: Libp2p, discovery: Discovery): Mesh {
  return {
    async open(peer, addresses, signal): Promise<Stream> {
      const id = peerIdFromString(peer)
      await remember(libp2p, id, addresses)
      const stream = await libp2p.dialProtocol(id, BLOCKS_PROTOCOL, { signal, maxOutboundStreams: STREAMS_MAX })
      stream.inactivityTimeout = SESSION_IDLE_MS
      return stream
    },
    find: (keys, limit, signal) => discovery.find(keys, { limit, signal }),
  }
}

/** Serves blocks to whoever asks, except offenders. @returns ends it */
export async function handleBlocks(
  libp2p: Libp2p,
  source: BlockSource,
  offenders: { has(peer: string): boolean; add(peer: string, code: string): void },
  log: Log,
): Promise<() => Promise<void>> {
  const handler = async (stream: Stream, connection: Connection): Promise<void> => {
    const peer = connection.remotePeer.toString()
    stream.inactivityTimeout = SESSION_IDLE_MS
    if (offenders.has(peer)) {
      stream.abort(new Error('refused'))
      return
    }
    try {
      await serveBlocks(stream, peer, source, connection.encryption === TLS_PROTOCOL)
    } catch (error) {
      const code = (error as { code?: string }).code
      if (code === 'BAD_MESSAGE') {
        log.warn({ peer, code, error: String(error) }, 'the peer broke the block protocol')
        offenders.add(peer, code)
      }
      stream.abort(error as Error)
    }
  }
  await libp2p.handle(BLOCKS_PROTOCOL, handler, { maxInboundStreams: STREAMS_MAX, maxOutboundStreams: STREAMS_MAX })
  return () => libp2p.unhandle(BLOCKS_PROTOCOL)
}

async function remember(libp2p: Libp2p, id: PeerId, addresses: readonly string[]): Promise<void> {
  const known: Multiaddr[] = []
  for (const text of addresses) {
    try {
      known.push(multiaddr(text))
    } catch {
      // A peer told of an address that is none; the others may do.
    }
  }
  if (known.length > 0) await libp2p.peerStore.merge(id, { multiaddrs: known })
}

/** A peer of the mesh that lies: it says that it holds an image, is found like any other, and answers as it likes. */
import { readFile } from 'node:fs/promises'
import type { Connection, PrivateKey, Stream } from '@libp2p/interface'
import { messageStreamToDuplex } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import { pipe } from 'it-pipe'
import type { CID } from 'multiformats/cid'
import type { Host } from '../../node/net/host.ts'
import { BLOCKS_PROTOCOL } from '../../protocols/blocks/constants.ts'
import type { BlockSource, ServedFrame, ServeSession } from '../../protocols/blocks/server.ts'
import { Libp2pDiscovery } from '../../protocols/discovery/libp2p.ts'
import { PUSH_PROTOCOL } from '../../protocols/records/push/constants.ts'
import { encodeFrames } from '../../protocols/records/push/messages.ts'
import { newHost, until } from './hosts.ts'
import type { RunningNode } from './nodes.ts'

/** What the liar does with a session of the block exchange. */
export type Serve = (stream: Stream, peer: string) => Promise<void>

export interface LiarInit {
  /** Nodes that it connects to, and that are told of it. */
  readonly nodes: readonly RunningNode[]
  /** Advertised as held. */
  readonly root?: CID
  readonly serve?: Serve
  readonly privateKey?: PrivateKey
}

export class Liar {
  readonly host: Host
  /** Peers that opened a session with it, one entry for each session. */
  readonly sessions: string[] = []
  readonly #discovery: Libp2pDiscovery

  private constructor(host: Host) {
    this.host = host
    this.#discovery = new Libp2pDiscovery({ libp2p: host.libp2p, dht: host.dht })
  }

  get peer(): string {
    return this.host.peerId
  }

  /** Starts it. When this resolves, the nodes know what it advertises. */
  static async start({ nodes, root, serve, privateKey }: LiarInit): Promise<Liar> {
    const liar = new Liar(await newHost(privateKey === undefined ? {} : { privateKey }))
    const { libp2p } = liar.host
    await liar.#discovery.start()
    if (serve !== undefined) {
      await libp2p.handle(BLOCKS_PROTOCOL, async (stream: Stream, { remotePeer }: Connection) => {
        liar.sessions.push(remotePeer.toString())
        await serve(stream, remotePeer.toString()).catch((error: Error) => stream.abort(error))
      })
    }
    await liar.host.start()
    try {
      await liar.#join(nodes)
      if (root !== undefined) await liar.#discovery.advertise([root.multihash.digest])
      return liar
    } catch (error) {
      await liar.stop()
      throw error
    }
  }

  async #join(nodes: readonly RunningNode[]): Promise<void> {
    for (const { address } of nodes) {
      // Two peers that dial each other at the same moment on a busy machine may both give up.
      await until(
        () =>
          this.host.libp2p.dial(multiaddr(address)).then(
            () => true,
            () => false,
          ),
        `a connection to ${address}`,
      )
    }
    await until(() => this.#discovery.counts().peers >= nodes.length, 'the nodes are known to the liar')
  }

  /** Pushes records to a node, whatever they are, and waits until it has read them. */
  async push(node: RunningNode, records: Uint8Array[]): Promise<void> {
    const [connection] = this.host.libp2p.getConnections().filter(({ remotePeer }) => `${remotePeer}` === node.peer)
    const stream = await connection!.newStream(PUSH_PROTOCOL)
    await pipe(encodeFrames(records), messageStreamToDuplex(stream).sink).catch(() => {})
    await stream.close().catch(() => {})
  }

  async stop(): Promise<void> {
    await this.#discovery.close()
    await this.host.stop()
  }
}

/** Claims to hold all of every image, has no table, and delivers what it is told to in place of blocks. */
export class LyingSource implements BlockSource {
  /** CIDs that it was asked for, and bytes of blocks. */
  readonly askedTables: string[] = []
  askedBytes = 0
  readonly #frame: (lengths: Uint32Array) => Promise<ServedFrame>
  readonly #table: (cid: CID) => Uint8Array | undefined

  constructor(init: {
    frame?: (lengths: Uint32Array) => Promise<ServedFrame>
    table?: (cid: CID) => Uint8Array | undefined
  }) {
    this.#frame = init.frame ?? (() => new Promise(() => {}))
    this.#table = init.table ?? (() => undefined)
  }

  holdings() {
    const none = new Uint8Array(0)
    return { holds: 'all' as const, pieces: 1, held: none, getting: none, subscribe: () => () => {} }
  }

  tableBytes(cid: CID): Uint8Array | undefined {
    this.askedTables.push(cid.toString())
    return this.#table(cid)
  }

  hasPrefix(prefixes: Uint8Array): Uint8Array {
    return new Uint8Array(prefixes.length / 8).fill(1)
  }

  openSession(): ServeSession {
    return {
      busyMs: 100,
      aliveMs: 100,
      isWorking: () => false,
      newsMs: () => 50,
      frame: (_request, _hashes, lengths) => {
        for (const length of lengths) this.askedBytes += length
        return this.#frame(lengths)
      },
      cancel: () => {},
      sent: () => {},
      close: () => {},
    }
  }

  joined(): () => void {
    return () => {}
  }

  async turnedAway() {
    return []
  }

  admits(): boolean {
    return true
  }

  claimed(): undefined {}

  heardOf(): void {}
}

interface LogLine {
  readonly level: number
  readonly msg: string
  readonly peer?: string
  readonly code?: string
}

/** What a node's log says of a peer. */
export async function logOf(node: RunningNode, peer: string): Promise<LogLine[]> {
  const lines = (await readFile(`${node.home}.log`, 'utf8')).split('\n').filter(Boolean)
  return lines.map((line) => JSON.parse(line) as LogLine).filter((line) => line.peer === peer)
}

/** Does a node's log name a peer with this code? */
export async function isRefused(node: RunningNode, peer: string, code: string): Promise<boolean> {
  return (await logOf(node, peer)).some((line) => line.code === code)
}

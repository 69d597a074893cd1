/** Real hosts with discovery on them, for tests. */
import type { PrivateKey } from '@libp2p/interface'
import { MemoryDatastore } from 'datastore-core'
import type { Datastore } from 'interface-datastore'
import type { Host } from '../../node/net/host.ts'
import { Libp2pDiscovery } from '../../protocols/discovery/libp2p.ts'
import type { Clock } from '../../protocols/ports.ts'
import { connect, LOCAL, newHost, newKey, until } from './hosts.ts'

export interface DiscoveryNode {
  readonly host: Host
  readonly discovery: Libp2pDiscovery
  readonly peer: string
  readonly privateKey: PrivateKey
  readonly datastore: Datastore
  /** Peers that this node reported. */
  readonly offences: string[]
  stop(): Promise<void>
  /** Ends without a word to the others, as a node that is killed. */
  kill(): Promise<void>
}

export interface NodeOptions {
  readonly listen?: readonly string[]
  readonly bootstrap?: readonly string[]
  readonly privateKey?: PrivateKey
  readonly datastore?: Datastore
  readonly clock?: Clock
}

const running = new Set<DiscoveryNode>()

export async function startNode(options: NodeOptions = {}): Promise<DiscoveryNode> {
  const { listen = [LOCAL], bootstrap = [], datastore = new MemoryDatastore(), clock } = options
  const privateKey = options.privateKey ?? (await newKey())
  const host = await newHost({ listen, privateKey, bootstrap, datastore })
  const offences: string[] = []
  const onOffence = (peer: string): void => void offences.push(peer)
  const timing = clock === undefined ? {} : { clock }
  const discovery = new Libp2pDiscovery({ libp2p: host.libp2p, dht: host.dht, datastore, onOffence, ...timing })
  await discovery.start()
  await host.start()
  const kill = async (): Promise<void> => {
    running.delete(node)
    await host.stop()
  }
  const stop = async (): Promise<void> => {
    await discovery.close()
    await kill()
  }
  const node = { host, discovery, peer: host.peerId, privateKey, datastore, offences, stop, kill }
  running.add(node)
  return node
}

/** Nodes that are all connected to each other, and know it. */
export async function startMesh(count: number, options: NodeOptions = {}): Promise<DiscoveryNode[]> {
  const nodes = await Promise.all(Array.from({ length: count }, () => startNode(options)))
  const pairs = nodes.flatMap((from, at) => nodes.slice(0, at).map((to) => connect(from.host, to.host)))
  await Promise.all(pairs)
  await until(() => nodes.every(({ discovery }) => discovery.counts().peers === count - 1), 'all know all others')
  return nodes
}

export async function stopNodes(): Promise<void> {
  await Promise.all([...running].map((node) => node.stop()))
}

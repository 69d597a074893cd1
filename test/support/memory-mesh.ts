/** Nodes with real stores in one process, connected by streams in memory instead of libp2p. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Stream } from '@libp2p/interface'
import { streamPair } from '@libp2p/utils'
import type { FetchResult } from '../../node/fetch/fetch.ts'
import { Fetches } from '../../node/fetch/manager.ts'
import type { FetchDeps, FetchTarget } from '../../node/fetch/ports.ts'
import { importImage } from '../../node/import.ts'
import { OffenderList } from '../../node/offenders.ts'
import { inlinePool } from '../../node/pool/pool.ts'
import { BlockServer } from '../../node/serve/source.ts'
import { openStore } from '../../node/store/open.ts'
import type { Store, StoredImage } from '../../node/store/store.ts'
import { Traffic } from '../../node/traffic.ts'
import { type BlockSource, serveBlocks } from '../../protocols/blocks/server.ts'
import { type Random, seededRandom, silentLog, systemClock } from '../../protocols/ports.ts'
import type { Table } from '../../protocols/table/table.ts'

export const PAGE = 4096
/** One block in four is a hook, so that small images have some. */
const HOOK_BITS = 2

export class MemoryNode {
  readonly name: string
  readonly store: Store
  readonly deps: FetchDeps
  readonly server: BlockServer
  readonly fetches: Fetches
  readonly offenders: OffenderList
  /** What answers others: the server, or what a test puts in its place. */
  source: BlockSource
  /** Streams that others opened to this node. */
  readonly inbound = new Set<Stream>()
  readonly #mesh: MemoryMesh

  constructor(mesh: MemoryMesh, name: string, store: Store, rack: string | undefined) {
    const clock = systemClock
    const random = seededRandom(name.length)
    const pool = inlinePool()
    const traffic = new Traffic()
    this.#mesh = mesh
    this.name = name
    this.store = store
    this.offenders = new OffenderList(clock, silentLog)
    this.server = new BlockServer({ store, pool, clock, random, rack, addressesOf: async () => ['/memory'], traffic })
    this.source = this.server
    this.deps = {
      store,
      pool,
      mesh: {
        open: (peer) => mesh.connect(this, peer),
        find: async (keys) => keys.map((key) => ({ key, providers: mesh.providers(key) })),
      },
      server: this.server,
      offenders: this.offenders,
      clock,
      random,
      log: silentLog,
      traffic,
      hookBits: HOOK_BITS,
      rateDownBytes: undefined,
      rack,
      self: name,
    }
    this.fetches = new Fetches(this.deps, () => {})
  }

  /** Takes bytes into the store as an image, as a builder does. */
  async publish(bytes: Uint8Array): Promise<{ image: StoredImage; table: Table; target: FetchTarget }> {
    const file = join(this.store.home, 'source')
    await writeFile(file, bytes)
    const { image, table } = await importImage(this.store, this.deps.pool, file, { cut: 'fixed:4096' }, () => {})
    this.#mesh.provide(table.root.multihash.digest, this.name)
    const target = { name: 'image', root: table.root, builder: this.name, imageBytes: table.imageBytes }
    return { image, table, target }
  }

  fetch(target: FetchTarget, signal: AbortSignal = new AbortController().signal): Promise<FetchResult> {
    return this.fetches.fetch(target, () => {}, signal)
  }

  /** The bytes of an image in the store. */
  async bytesOf(target: FetchTarget): Promise<Buffer> {
    return readFile(this.store.image(target.root)!.path)
  }
}

export class MemoryMesh {
  readonly #directory: string
  readonly #nodes = new Map<string, MemoryNode>()
  readonly #providers = new Map<string, Set<string>>()

  constructor(directory: string) {
    this.#directory = directory
  }

  async node(name: string, rack?: string): Promise<MemoryNode> {
    const store = await openStore(join(this.#directory, name), { floorBytes: 0 })
    const node = new MemoryNode(this, name, store, rack)
    this.#nodes.set(name, node)
    return node
  }

  provide(key: Uint8Array, name: string): void {
    const text = Buffer.from(key).toString('hex')
    this.#providers.set(text, (this.#providers.get(text) ?? new Set()).add(name))
  }

  /** Advertises what a node holds, block by block. */
  advertise(node: MemoryNode): void {
    for (const key of node.store.blocks.sampled(HOOK_BITS)) this.provide(key, node.name)
  }

  providers(key: Uint8Array): { peer: string; addresses: string[] }[] {
    const names = this.#providers.get(Buffer.from(key).toString('hex')) ?? []
    return [...names].map((peer) => ({ peer, addresses: ['/memory'] }))
  }

  async connect(from: MemoryNode, to: string): Promise<Stream> {
    const node = this.#nodes.get(to)
    if (node === undefined) throw new Error(`nobody is called ${to}`)
    const [near, far] = await streamPair()
    node.inbound.add(far)
    void serveBlocks(far, from.name, node.source).catch((error: Error) => far.abort(error))
    return near
  }

  async close(): Promise<void> {
    for (const { fetches, server, store } of this.#nodes.values()) {
      await fetches.close()
      server.close()
      await store.close()
    }
  }
}

/** An image of pages: random ones, with zero pages and repeated ones in between. */
export function imageOf(random: Random, pages: number): Buffer {
  const bytes = Buffer.alloc(pages * PAGE)
  const repeated = pageOf(random)
  for (let page = 0; page < pages; page++) {
    if (page % 7 === 3) continue
    bytes.set(page % 11 === 5 ? repeated : pageOf(random), page * PAGE)
  }
  return bytes
}

function pageOf(random: Random): Uint8Array {
  const words = new Uint32Array(PAGE / 4)
  for (let i = 0; i < words.length; i++) words[i] = random() * 2 ** 32
  return new Uint8Array(words.buffer)
}

/**
 * The daemon of a node: makes every part, wires them, starts them in order and stops them in the opposite one.
 *
 *     store, pool, records -> host (not started) -> records push, discovery, block server -> host starts -> control socket
 */
import { join } from 'node:path'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import { PEER_ADDRESSES_MAX } from '../protocols/blocks/constants.ts'
import { Libp2pDiscovery } from '../protocols/discovery/libp2p.ts'
import { HotblockError } from '../protocols/errors.ts'
import { handleOrders } from '../protocols/orders/handler.ts'
import { systemClock } from '../protocols/ports.ts'
import { RecordBook } from '../protocols/records/book.ts'
import { REPUBLISH_MS, RecordDht } from '../protocols/records/dht.ts'
import { RecordNamespace } from '../protocols/records/dht-namespace.ts'
import { RecordPush } from '../protocols/records/push/handler.ts'
import { Advertising } from './advertising.ts'
import type { NodeApi } from './api.ts'
import type { Config } from './config.ts'
import { startJobServer } from './control/job-server.ts'
import { type ControlRoutes, startControlServer } from './control/server.ts'
import { Fetches } from './fetch/manager.ts'
import type { FetchDeps } from './fetch/ports.ts'
import { Wants } from './fetch/wants.ts'
import { collectAll, collectNowAndThen, leftBehind } from './garbage.ts'
import type { Logger } from './logging.ts'
import { handleBlocks, libp2pMesh } from './mesh.ts'
import { metricsText } from './metrics.ts'
import { Names } from './names.ts'
import { createHost, type Host } from './net/host.ts'
import { createNodeApi, nameImage, type OwnNodeApi } from './node-api.ts'
import { OffenderList } from './offenders.ts'
import { HookDesk } from './orders/desk.ts'
import { Places } from './orders/places.ts'
import { libp2pSend } from './orders/send.ts'
import { OrderSender } from './orders/sender.ts'
import { placeFile } from './place.ts'
import { createPool } from './pool/pool.ts'
import type { Publisher } from './publisher.ts'
import { rememberedPeers } from './remembered.ts'
import { FrameFile } from './serve/frame-file.ts'
import { Packing } from './serve/packing.ts'
import { BlockServer } from './serve/source.ts'
import { peerRows, statusReport } from './status.ts'
import { loadIdentity } from './store/identity.ts'
import { openStore } from './store/open.ts'
import type { StoredImage } from './store/store.ts'
import { Traffic } from './traffic.ts'
import { VERSION } from './version.ts'

/** To publish such an image takes so long that collecting what it left behind makes no difference. */
const LARGE_BYTES = 256 * 1024 * 1024
/** The file of packed frames, in the home, while it is made. */
const FRAMES = 'frames'

export interface DaemonInit extends Config {
  readonly log: Logger
  /** Signs and announces images; the builder's part of a node. */
  readonly publisher: Publisher
  /** Calls that the control socket answers beside the node's own. */
  readonly controlRoutes?: readonly ControlRoutes[]
}

export interface Daemon {
  readonly peer: string
  readonly addresses: string[]
  readonly api: NodeApi
  /** Path of the bytes of a complete image; undefined where it is not on this node. They are read-only. */
  imagePath(root: string): string | undefined
  /** Puts a copy of a complete image at an absolute path. @throws NOT_FOUND, NO_SUCH_FILE, BAD_FILE, NO_SPACE */
  place(root: string, output: string): Promise<void>
  /** Resolves when the daemon was asked to stop through its control socket. */
  readonly closed: Promise<void>
  /** Idempotent. */
  stop(): Promise<void>
}

/** @throws DAEMON_RUNNING, BAD_HOME, HOME_TOO_NEW, BAD_CONFIG, LISTEN */
export async function startDaemon(init: DaemonInit): Promise<Daemon> {
  const { home, log } = init
  const undo: (() => unknown)[] = []
  const stopAll = async (): Promise<void> => {
    for (let last = undo.pop(); last !== undefined; last = undo.pop()) {
      try {
        await last()
      } catch (error) {
        log.warn({ error: String(error) }, 'a part of the daemon did not stop in order')
      }
    }
  }
  try {
    return await start(init, undo, stopAll)
  } catch (error) {
    await stopAll()
    throw error
  } finally {
    log.debug({ home }, 'daemon')
  }
}

async function start(init: DaemonInit, undo: (() => unknown)[], stopAll: () => Promise<void>): Promise<Daemon> {
  const { home, log, trust, hookBits, rack, rateUpBytes, rateDownBytes, quotaBytes, floorBytes } = init
  const startedAt = performance.now()
  const clock = systemClock
  const random = Math.random
  const privateKey = await loadIdentity(home)
  const pool = createPool()
  const shortenLog = (path: string) => pool.run<'checkpoint'>({ kind: 'checkpoint', path })
  const quota = quotaBytes === undefined ? {} : { quotaBytes }
  const store = await openStore(home, { ...quota, floorBytes, log, shortenLog })
  undo.push(() => store.close())
  undo.push(() => pool.close())

  // A byte on the wire was in three buffers: as it came, decrypted, and put together with its neighbours.
  const traffic = new Traffic((bytes) => leftBehind(3 * bytes, 'minor'))
  const offenders = new OffenderList(clock, log)
  const onOffence = (peer: string, code: string): void => offenders.add(peer, code)
  const self = peerIdFromPrivateKey(privateKey).toString()
  const book = await RecordBook.open({ rows: store, trust, self, log })
  const namespace = new RecordNamespace({ datastore: store.datastore, trusts: (builder) => book.trusts(builder) })
  const host = await createHost({
    privateKey,
    listen: init.listen,
    bootstrap: init.bootstrap,
    datastore: store.datastore,
    remembered: rememberedPeers(store),
    agent: `hotblock/${VERSION}`,
    tls: init.tls,
    log,
    validators: namespace.validators,
    selectors: namespace.selectors,
  })
  const { libp2p } = host
  const push = new RecordPush({ libp2p, book, onOffence, log })
  await push.start()
  const discovery = new Libp2pDiscovery({ libp2p, dht: host.dht, datastore: store.datastore, log, onOffence })
  await discovery.start()
  const frameFile = await FrameFile.open(join(home, FRAMES), init.frameCacheBytes, log)
  if (frameFile !== undefined) undo.push(() => frameFile.close())
  const server = new BlockServer({
    store,
    pool,
    clock,
    random,
    rateUpBytes,
    rack,
    prefetchRateUpBytes: init.prefetchRateUpBytes,
    traffic,
    frameFile,
    addressesOf: (peer) => dialableAddresses(libp2p, peer),
  })
  undo.push(() => server.close())
  const packing = new Packing({ store, server, log })
  undo.push(() => packing.close())
  const unhandle = await handleBlocks(libp2p, server, offenders, log)
  const orders = await handleOrders(libp2p, {
    schedulers: new Set(init.schedulerPeers),
    take: (order, peer) => desk.take(order, peer),
    onOffence,
    clock,
    log,
  })
  const sender = new OrderSender({
    send: libp2pSend(libp2p),
    own: (order) => desk.take(order),
    places: new Places({ port: init.orderPort, file: init.nodesFile }),
    clock,
    log,
  })
  await host.start()
  undo.push(() => host.stop())
  undo.push(unhandle)
  undo.push(orders.unhandle)
  undo.push(() => sender.close())
  undo.push(() => push.stop())
  undo.push(() => discovery.close())

  const dht = new RecordDht({ dht: host.dht, namespace, book, self, log })
  const names = new Names({
    book,
    dht,
    clock,
    freeBytes: async () => (await store.usage()).freeBytes,
    connections: () => libp2p.getPeers().length,
    log,
  })
  const advertising = new Advertising({ store, discovery, hookBits, rack, log })
  undo.push(() => advertising.close())
  const changed = (): void => advertising.changed()
  const mesh = libp2pMesh(libp2p, discovery)
  const deps: FetchDeps = {
    store,
    pool,
    mesh,
    server,
    offenders,
    clock,
    random,
    log,
    traffic,
    hookBits,
    rateDownBytes,
    rack,
    prefetchRateDownBytes: init.prefetchRateDownBytes,
    self,
  }
  const fetches = new Fetches(deps, changed)
  undo.push(() => fetches.close())

  const wants = new Wants({
    store,
    log,
    get: (name, signal, priority) => nodeApi.get(name, signal, priority),
  })
  undo.push(() => wants.close())
  const desk = new HookDesk({
    sender,
    want: (wanted, priority) => wants.add(wanted, { priority, forJob: true }),
    isKnown: (name) => names.known(name) !== undefined,
    received: orders.counters,
    spool: init.hookSpool,
    log,
  })
  undo.push(() => desk.close())
  undo.push(collectNowAndThen())
  const stopped = Promise.withResolvers<void>()
  const nodeApi: OwnNodeApi = createNodeApi({
    self,
    store,
    deps,
    fetches,
    book,
    names,
    changed,
    wants,
    desk,
    publish: (file, name, options, progress) =>
      init.publisher(
        {
          store,
          pool,
          book,
          privateKey,
          self,
          announce: async (record, bytes) => {
            // What hashing left is gone before a crowd comes.
            if (record.imageBytes >= LARGE_BYTES) collectAll()
            await nameImage(store, book, record)
            await Promise.all([dht.publish(bytes), advertising.flush()])
            packing.add(store.image(record.root))
          },
        },
        file,
        name,
        options,
        progress,
      ),
    status: () =>
      statusReport({
        home,
        host,
        store,
        discovery,
        advertising,
        fetches,
        wants,
        desk,
        server,
        packing,
        trust: book.trusted,
        startedAt,
      }),
    peers: () => peerRows(libp2p, traffic),
    metrics: async () => {
      await desk.readSpool()
      return metricsText(await nodeApi.status(), offenders.size)
    },
    stop: async () => stopped.resolve(),
  })
  const unlisten = book.onChange(({ record }) => {
    log.info({ name: record.name, sequence: record.sequence, builder: record.builder }, 'a record is news')
    nameImage(store, book, record).catch((error) => {
      log.warn({ name: record.name, error: String(error) }, 'an image was not renamed')
    })
    for (const name of wants.names) if (name.split('@')[0] === record.name) wants.nudge(name)
  })
  undo.push(unlisten)
  const republish = setInterval(() => void dht.republish(), REPUBLISH_MS)
  undo.push(() => clearInterval(republish))
  const onConnect = (): void => wants.nudge()
  libp2p.addEventListener('peer:connect', onConnect)
  undo.push(() => libp2p.removeEventListener('peer:connect', onConnect))

  const control = await startControlServer({ home, api: nodeApi, log, routes: init.controlRoutes })
  undo.push(() => control.cancel())
  for (const [kind, path] of [
    ['hook', init.hookSocket],
    ['job', init.jobSocket],
  ] as const) {
    if (path !== undefined) undo.push(await startJobServer({ kind, path, api: nodeApi, log }))
  }
  // Last of all: who waits for the socket to go away can start another daemon.
  undo.unshift(() => control.close())
  changed()
  wants.start()
  await desk.start()
  let stopping: Promise<void> | undefined
  const complete = (root: string): StoredImage | undefined =>
    store.images().find((image) => image.state === 'complete' && image.root.toString() === root)
  return {
    imagePath: (root) => complete(root)?.path,
    async place(root, output) {
      const image = complete(root)
      if (image === undefined) throw new HotblockError('NOT_FOUND', `image ${root} is not on this node`, { root })
      await placeFile(pool, image.path, image.imageBytes, output)
    },
    peer: host.peerId,
    addresses: host.addresses(),
    api: nodeApi,
    closed: stopped.promise,
    stop: () => {
      stopping ??= stopAll()
      return stopping
    },
  }
}

/** Addresses at which others can dial a connected peer, as it said itself; those of the host that it is seen at go first. */
async function dialableAddresses(libp2p: Host['libp2p'], peer: string): Promise<string[]> {
  const id = peerIdFromString(peer)
  const known = await libp2p.peerStore.get(id).catch(() => undefined)
  const seenAt = new Set(libp2p.getConnections(id).map(({ remoteAddr }) => hostOf(remoteAddr.toString())))
  const addresses = (known?.addresses ?? []).map(({ multiaddr }) => multiaddr.toString())
  return addresses
    .sort((a, b) => Number(seenAt.has(hostOf(b))) - Number(seenAt.has(hostOf(a))))
    .slice(0, PEER_ADDRESSES_MAX)
}

/** /ip4/1.2.3.4 of /ip4/1.2.3.4/tcp/5 */
function hostOf(address: string): string {
  return address.split('/').slice(0, 3).join('/')
}

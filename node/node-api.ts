import type { CID } from 'multiformats/cid'
import { HotblockError } from '../protocols/errors.ts'
import type { Priority } from '../protocols/orders/priority.ts'
import type { RecordBook } from '../protocols/records/book.ts'
import { parseWantedName } from '../protocols/records/name.ts'
import type { ImageRecord } from '../protocols/records/record.ts'
import { diffTable } from '../protocols/table/diff.ts'
import type {
  CheckProgress,
  FetchProgress,
  FetchReport,
  HoldOptions,
  ImageRow,
  NodeApi,
  PeerRow,
  PlanReport,
  PublishOptions,
  PublishProgress,
  PublishReport,
  RepairReport,
  StatusReport,
} from './api.ts'
import { type FetchResult, ImageFetch } from './fetch/fetch.ts'
import { blockRows, findHot } from './fetch/hot.ts'
import type { Fetches } from './fetch/manager.ts'
import type { FetchDeps, FetchTarget } from './fetch/ports.ts'
import type { Wants } from './fetch/wants.ts'
import { holdImage } from './hold.ts'
import type { Names } from './names.ts'
import type { HookDesk } from './orders/desk.ts'
import { checkPlace, placeFile } from './place.ts'
import type { Store, StoredImage } from './store/store.ts'
import { verifyImages } from './upkeep.ts'
import { persist } from './waiting.ts'

const PLAN_TIMEOUT_MS = 30_000
/** A timer that is set to more fires at once. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** What the daemon itself uses beside that. */
export interface OwnNodeApi extends NodeApi {
  /** Fetches an image that nobody waits for yet; resolves when it is here. */
  get(name: string, signal: AbortSignal, priority: () => Priority): Promise<void>
}

export interface NodeApiInit {
  readonly self: string
  readonly store: Store
  readonly deps: FetchDeps
  readonly fetches: Fetches
  readonly wants: Wants
  readonly names: Names
  readonly book: RecordBook
  readonly desk: HookDesk
  /** Images came or went. */
  readonly changed: () => void
  readonly publish: (
    file: string,
    name: string,
    options: PublishOptions,
    progress: (p: PublishProgress) => void,
  ) => Promise<PublishReport>
  readonly status: () => Promise<StatusReport>
  readonly peers: () => Promise<PeerRow[]>
  readonly metrics: () => Promise<string>
  readonly stop: () => Promise<void>
}

/** What a running daemon does for its users; each method is one command. */
export function createNodeApi(init: NodeApiInit): OwnNodeApi {
  const { store, deps, book, names, wants, desk } = init
  const { pool } = deps

  /** An image on this node, by name or root. */
  function local(name: string): StoredImage {
    const record = isRoot(name) ? undefined : names.known(name)
    const image = store
      .images()
      .find(
        ({ root, names: own }) => root.toString() === name || own.includes(name) || record?.root.equals(root) === true,
      )
    if (image === undefined) throw new HotblockError('NOT_FOUND', `${name} is not on this node`, { name })
    return image
  }

  function chosen(name: string | undefined): StoredImage[] {
    const images = name === undefined ? store.images() : [local(name)]
    return images.filter(({ state }) => state === 'complete')
  }

  function row(image: StoredImage, name: string): ImageRow {
    const { root, imageBytes, zeroBytes, state, pinned, held: inUse } = image
    return { name, root: root.toString(), imageBytes, zeroBytes, state, pinned, inUse }
  }

  async function obtain(
    name: string,
    progress: (p: FetchProgress) => void,
    signal: AbortSignal,
    priority?: () => Priority,
  ): Promise<{ record: ImageRecord; result: FetchResult }> {
    const record = await names.resolve(name, signal)
    const present = store.image(record.root)
    const result =
      present?.state === 'complete' && !init.fetches.isRunning(record.root.toString())
        ? alreadyHere(store, present)
        : await init.fetches.fetch(target(record), progress, signal, priority)
    await nameImage(store, book, record)
    store.touch(record.root)
    init.changed()
    return { record, result }
  }

  const api: OwnNodeApi = {
    async publish(file, name, options, progress) {
      const report = await init.publish(file, name, options, progress)
      init.changed()
      return report
    },

    async images({ mesh }) {
      if (mesh) return book.list().map((held) => meshRow(store, held.record))
      return store
        .images()
        .flatMap((image) => (image.names.length > 0 ? image.names : ['']).map((name) => row(image, name)))
    },

    async plan(name) {
      const signal = AbortSignal.timeout(PLAN_TIMEOUT_MS)
      const record = await names.resolve(name, signal)
      const { table, receivedBytes, holders } = await new ImageFetch(deps, target(record)).tableOnly(signal)
      const complete = store.image(record.root)?.state === 'complete'
      const rows = blockRows(table)
      const here = complete ? rows : (await findHot(store, table, rows, undefined)).hot.rows
      const hot = new Uint8Array(table.entries)
      for (const row of here) hot[row] = 1
      const { hotBytes, coldBytes } = diffTable(table, (at) => hot[at] === 1)
      const { fits, evict } = complete ? { fits: true, evict: [] } : await store.room(hotBytes + coldBytes)
      return {
        name,
        root: record.root.toString(),
        imageBytes: table.imageBytes,
        zeroBytes: table.zeroBytes,
        hotBytes,
        coldBytes,
        tableBytes: receivedBytes > 0 ? receivedBytes : table.tableBytes,
        holders,
        fits,
        evicts: evict.map((root: CID) => root.toString()),
      } satisfies PlanReport
    },

    async fetch(name, { output, timeoutSeconds }, progress, signal) {
      const patience = patienceOf(timeoutSeconds, signal)
      try {
        const startedAt = performance.now()
        if (output !== undefined) await checkPlace(output)
        const { record, result } = await obtain(name, progress, patience.signal)
        if (output !== undefined) {
          progress({ ...done(record, result), phase: 'place' })
          await placeFile(pool, result.image.path, record.imageBytes, output)
        }
        return report(record, result, (performance.now() - startedAt) / 1000, output)
      } catch (error) {
        throw patience.isOver() ? late(name, timeoutSeconds, error) : error
      }
    },

    hold(name, options, progress, signal) {
      const wait = async ({ timeoutSeconds }: HoldOptions, tell: (p: FetchProgress) => void) =>
        (await api.wait(name, { timeoutSeconds }, tell, signal)).root
      return holdImage({ store, local, wait }, name, options, progress, signal)
    },

    async wait(name, { timeoutSeconds }, progress, signal) {
      const patience = patienceOf(timeoutSeconds, signal)
      const startedAt = performance.now()
      const get = async (): Promise<{ record: ImageRecord; result: FetchResult }> => {
        const { root } = await names.resolve(name, patience.signal)
        // So that the node goes on with it when nobody waits any more.
        if (store.image(root)?.state !== 'complete') await wants.add([name], { forJob: true })
        return obtain(name, progress, patience.signal)
      }
      try {
        const { record, result } = await persist(get, patience.signal, () => performance.now())
        const seconds = (performance.now() - startedAt) / 1000
        const { path } = result.image
        return { name, root: record.root.toString(), imageBytes: record.imageBytes, path, seconds }
      } catch (error) {
        if (!patience.isOver()) throw error
        if (names.known(name) !== undefined) throw late(name, timeoutSeconds, error)
        const message = `no trusted builder has published ${name} within ${timeoutSeconds} seconds`
        throw new HotblockError('NOT_FOUND', message, { name }, error)
      }
    },

    async get(name, signal, priority) {
      await obtain(name, () => {}, signal, priority)
    },

    async prefetch(wanted, { priority } = {}) {
      for (const name of wanted) parseWantedName(name)
      await wants.add(wanted, { priority })
      return { accepted: wanted }
    },

    order: (wanted, hosts, { priority = 'allocated' }) => desk.order(wanted, hosts, priority),
    hook: (call) => desk.hook(call),

    async held() {
      const complete = store.images().filter(({ state }) => state === 'complete')
      return { names: [...new Set(complete.flatMap((image) => image.names))].sort() }
    },

    status: init.status,
    peers: init.peers,
    metrics: init.metrics,
    stop: init.stop,

    verify: (name, progress, signal) => verifyImages(store, pool, chosen(name), progress, signal),

    async repair(name, progress, signal) {
      const checked = await verifyImages(store, pool, chosen(name), progress, signal)
      const total: RepairReport = { ...checked, repairedBlocks: 0 }
      for (const { root, badBlocks } of checked.images) {
        if (badBlocks === 0) continue
        total.repairedBlocks += await repairImage(init, root, badBlocks, progress, signal)
      }
      return total
    },

    async pin(name, pinned) {
      const image = local(name)
      await store.setPinned(image.root, pinned)
      return row(store.image(image.root) ?? image, name)
    },

    async remove(name) {
      await wants.remove(name)
      const image = local(name)
      const freedBytes = await store.remove(image.root)
      init.changed()
      return { name, freedBytes }
    },

    async gc() {
      const freedBytes = await store.gc()
      init.changed()
      return { freedBytes }
    },
  }
  return api

  function alreadyHere(from: Store, image: StoredImage): FetchResult {
    const table = from.table(image.root)
    if (table === undefined) throw new HotblockError('DAMAGED', `the table of ${image.root} is not on this node`)
    const hotBytes = table.imageBytes - table.zeroBytes
    const none = { coldBytes: 0, resumedBytes: 0, tableBytes: 0, wireBytes: 0, seconds: 0, peers: [] }
    return { image, table, hotBytes, ...none }
  }
}

/** How long somebody waits: until they go away, or their time is over. */
function patienceOf(seconds: number | undefined, signal: AbortSignal): { signal: AbortSignal; isOver(): boolean } {
  if (seconds === undefined) return { signal, isOver: () => false }
  const limit = AbortSignal.timeout(Math.min(Math.ceil(seconds * 1000), TIMER_MS_MAX))
  return { signal: AbortSignal.any([signal, limit]), isOver: () => limit.aborted && !signal.aborted }
}

function late(name: string, seconds: number | undefined, cause: unknown): HotblockError {
  return new HotblockError('TIMEOUT', `${name} is not here after ${seconds} seconds`, { name }, cause)
}

async function repairImage(
  init: NodeApiInit,
  root: string,
  badBlocks: number,
  progress: (p: CheckProgress) => void,
  signal: AbortSignal = new AbortController().signal,
): Promise<number> {
  const { store, book, deps } = init
  const image = store.images().find((each) => each.root.toString() === root)
  const record = book.list().find((held) => held.record.root.toString() === root)?.record
  if (image === undefined) return 0
  await store.reopen(image.root)
  init.changed()
  deps.log.warn({ root, blocks: badBlocks }, 'an image has broken blocks; they are fetched again')
  const name = record?.name ?? root
  const wanted = { name, root: image.root, builder: record?.builder ?? '', imageBytes: image.imageBytes }
  const tell = ({ doneBytes, imageBytes }: FetchProgress): void =>
    progress({ phase: 'repair', name, doneBytes, imageBytes })
  await init.fetches.fetch(wanted, tell, signal)
  init.changed()
  return badBlocks
}

/** The name points at the image of its record now; images of older records lose it. */
export async function nameImage(store: Store, book: RecordBook, record: ImageRecord): Promise<void> {
  const current = book.find(record.name)?.record
  for (const image of store.images()) {
    const isIt = image.root.equals(record.root)
    const has = image.names.includes(record.name)
    if (isIt && !has && current?.root.equals(record.root) !== false) {
      await store.setNames(image.root, [...image.names, record.name])
    } else if (!isIt && has) {
      const names = image.names.filter((name) => name !== record.name)
      await store.setNames(image.root, names)
    }
  }
}

export function target(record: ImageRecord): FetchTarget {
  const { name, root, builder, imageBytes } = record
  return { name, root, builder, imageBytes }
}

function meshRow(store: Store, record: ImageRecord): ImageRow {
  const { name, root, imageBytes, builder, sequence, time } = record
  const image = store.image(root)
  return {
    name,
    root: root.toString(),
    imageBytes,
    zeroBytes: image?.zeroBytes ?? 0,
    state: image?.state ?? 'absent',
    pinned: image?.pinned ?? false,
    inUse: image?.held ?? false,
    builder,
    sequence,
    time: new Date(time).toISOString(),
  }
}

function report(record: ImageRecord, result: FetchResult, seconds: number, output: string | undefined): FetchReport {
  const { image, table, hotBytes, coldBytes, resumedBytes, tableBytes, wireBytes, peers } = result
  return {
    name: record.name,
    root: record.root.toString(),
    imageBytes: table.imageBytes,
    zeroBytes: table.zeroBytes,
    hotBytes,
    coldBytes,
    tableBytes,
    wireBytes,
    resumedBytes,
    seconds,
    virtualSpeed: Math.round(table.imageBytes / Math.max(seconds, 0.001)),
    fractionTransferred: wireBytes / table.imageBytes,
    path: image.path,
    ...(output === undefined ? {} : { output }),
    peers,
  }
}

function done(record: ImageRecord, result: FetchResult): FetchProgress {
  const { hotBytes, coldBytes, wireBytes, peers, seconds } = result
  const { name, imageBytes } = record
  return {
    phase: 'done',
    name,
    imageBytes,
    doneBytes: imageBytes,
    hotBytes,
    coldBytes,
    wireBytes,
    peers: peers.length,
    seconds,
  }
}

function isRoot(name: string): boolean {
  return /^b[a-z2-7]{58}$/.test(name)
}

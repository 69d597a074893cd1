import { HotblockError } from '../../protocols/errors.ts'
import type { Table } from '../../protocols/table/table.ts'
import type { FetchPhase, FetchProgress, PeerShare } from '../api.ts'
import { builderGraceMs, WATCH_MS } from '../decisions/fetch/limits.ts'
import type { StoredImage } from '../store/store.ts'
import { ColdFetch, stalled } from './cold.ts'
import { blockRows, copyHot, findHot, verifyRows } from './hot.ts'
import { batches, columnsOf, type DistinctBlocks, distinctBlocks, inParallel } from './items.ts'
import type { FetchDeps, FetchManners, FetchTarget } from './ports.ts'
import { PeerSearch } from './search.ts'
import { type OpenPeer, Sessions } from './sessions.ts'
import { fetchTable } from './table.ts'
import { WriteBack } from './write-back.ts'

/** How long a fetch waits for any progress before it gives up. */
const PROGRESS_MS = 30_000

export interface FetchResult {
  readonly image: StoredImage
  readonly table: Table
  readonly hotBytes: number
  readonly coldBytes: number
  readonly resumedBytes: number
  readonly tableBytes: number
  readonly wireBytes: number
  readonly seconds: number
  readonly peers: PeerShare[]
}

/** One fetch of one image, from the record to the complete file. */
export class ImageFetch {
  readonly target: FetchTarget
  readonly #deps: FetchDeps
  readonly #sessions: Sessions
  readonly #search: PeerSearch
  readonly #manners: FetchManners
  readonly #startedAt: number
  readonly #early: { peer: string; held: number[]; getting: number[] }[] = []
  #cold: ColdFetch | undefined
  #phase: FetchPhase = 'table'
  #doneBytes = 0
  #writeBack: WriteBack | undefined
  #hotBytes = 0
  #coldBytes = 0
  #progressAt: number
  #receivedAt = Number.NEGATIVE_INFINITY
  #hadPeers = false

  constructor(deps: FetchDeps, target: FetchTarget, manners: FetchManners = {}) {
    this.#deps = deps
    this.#manners = manners
    this.target = target
    this.#startedAt = deps.clock.now()
    this.#progressAt = this.#startedAt
    this.#sessions = new Sessions(deps, target.root, {
      opened: (peer) => this.#opened(peer),
      closed: (peer) => {
        this.#search.closed(peer)
        this.#cold?.closed(peer)
      },
      frame: (peer, frame) => {
        this.#receivedAt = deps.clock.now()
        void this.#cold?.frame(peer, frame)
      },
      busy: (peer, request, ms) => this.#cold?.busy(peer, request, ms),
      claimed: (peer, request, kept) => this.#cold?.claimed(peer, request, kept),
      have: (peer, held, getting) => {
        if (this.#cold === undefined) this.#early.push({ peer, held, getting })
        else this.#cold.have(peer, held, getting)
      },
      heard: (peer) => this.#cold?.heard(peer),
    })
    this.#search = new PeerSearch(deps, target, this.#sessions)
  }

  /** When blocks last came from a peer. */
  get receivedAt(): number {
    return this.#receivedAt
  }

  progress(): FetchProgress {
    const received = this.#sessions.received()
    return {
      phase: this.#phase,
      name: this.target.name,
      imageBytes: this.target.imageBytes,
      doneBytes: this.#doneBytes,
      hotBytes: this.#hotBytes,
      coldBytes: this.#coldBytes,
      wireBytes: received.reduce((sum, { bytes }) => sum + bytes, 0),
      peers: this.#sessions.open.length,
      seconds: (this.#deps.clock.now() - this.#startedAt) / 1000,
    }
  }

  /** @throws NO_PEERS, STALLED, NO_SPACE, BAD_TABLE, CANCELLED; what was fetched stays for the next time */
  async run(signal: AbortSignal): Promise<FetchResult> {
    const stop = (): void => this.#cold?.fail(cancelled(this.target.name))
    signal.addEventListener('abort', stop)
    const watch = setInterval(() => this.#watch(), WATCH_MS)
    try {
      void this.#search.begin()
      const { table, receivedBytes } = await this.#getTable(signal)
      const blocks = distinctBlocks(table)
      this.#sessions.pieces = blocks.pieceCount
      this.#moved()
      return await this.#fill(table, blocks, receivedBytes, signal)
    } catch (error) {
      throw signal.aborted ? cancelled(this.target.name) : error
    } finally {
      clearInterval(watch)
      signal.removeEventListener('abort', stop)
      this.#cold?.fail(cancelled(this.target.name))
      this.#sessions.close()
      this.#deps.server.holdingsOf.end(this.target.root)
      this.#deps.store.release(this.target.root)
    }
  }

  /** Only the table, and who is known to hold the image: what a plan needs. */
  async tableOnly(signal: AbortSignal): Promise<{ table: Table; receivedBytes: number; holders: number }> {
    try {
      const sought = this.#search.begin()
      const result = await this.#getTable(signal)
      await sought
      await this.#search.dialled()
      const holders = this.#sessions.open.filter(({ holdings }) => holdings.holds !== 'none').length
      return { ...result, holders }
    } finally {
      this.#sessions.close()
    }
  }

  async #getTable(signal: AbortSignal): Promise<{ table: Table; receivedBytes: number }> {
    const { store } = this.#deps
    const table = store.table(this.target.root)
    if (table !== undefined) return { table, receivedBytes: 0 }
    for (let tries = 0; ; tries++) {
      await this.#search.somePeer(signal)
      try {
        return await fetchTable(this.#deps, this.#sessions, this.target.root, signal)
      } catch (error) {
        if (!(error instanceof HotblockError) || error.code !== 'NO_PEERS' || tries >= 3) throw error
        await this.#search.seek()
      }
    }
  }

  async #fill(table: Table, blocks: DistinctBlocks, tableBytes: number, signal: AbortSignal): Promise<FetchResult> {
    const { store, server } = this.#deps
    const began = store.image(this.target.root)
    const image = await store.begin(table, table.imageBytes - table.zeroBytes)
    this.#manners.begun?.()
    this.#doneBytes = table.zeroBytes
    const rows = blockRows(table)
    const resumed = began?.state === 'partial' ? await this.#resume(table, rows, image) : new Uint8Array(table.entries)
    let resumedBytes = 0
    const open = rows.filter((row) => {
      if (resumed[row] === 1) resumedBytes += table.lengths[row]!
      return resumed[row] === 0
    })
    const { hot, cold } = await findHot(store, table, open, image.number)
    this.#hotBytes = hot.rows.reduce((sum, row) => sum + table.lengths[row]!, 0)
    this.#coldBytes = cold.reduce((sum, row) => sum + table.lengths[row]!, 0)

    const holdings = server.holdingsOf.begin(this.target.root, blocks.pieceCount)
    this.#writeBack = new WriteBack(image.path)
    this.#startCold(table, blocks, image, holdings)
    this.#phase = 'cold'
    const { first, repeats } = splitRepeats(blocks, cold, resumed)
    this.#cold!.begin(first.map((row) => blocks.itemOf[row]!))
    void this.#search.seekHookPeers(table, first, this.#cold!)
    const failed = await copyHot(store, this.#deps.pool, table, hot, image, async (copied) => {
      const { offsets, hashes } = columnsOf(table, copied)
      await store.blocks.add(image.number, offsets, hashes)
      this.#arrived(copied.reduce((sum, row) => sum + table.lengths[row]!, 0))
    })
    signal.throwIfAborted()
    if (failed.length > 0) this.#coolDown(table, blocks, failed, repeats)
    this.#cold!.close()
    await this.#cold!.finished
    this.#phase = 'finish'
    await this.#copyRepeats(table, blocks, repeats, image)
    const complete = await store.complete(this.target.root)
    this.#phase = 'done'
    const received = this.#sessions.received()
    return {
      image: complete,
      table,
      hotBytes: this.#hotBytes,
      coldBytes: this.#coldBytes,
      resumedBytes,
      tableBytes,
      wireBytes: received.reduce((sum, { bytes }) => sum + bytes, 0),
      seconds: (this.#deps.clock.now() - this.#startedAt) / 1000,
      peers: received.map(({ peer, role, bytes }) => ({
        peer,
        role,
        blocks: this.#cold!.blocksFrom.get(peer) ?? 0,
        bytes,
      })),
    }
  }

  /** Blocks that the index promised and that are not what they should be: they are fetched after all. */
  #coolDown(table: Table, blocks: DistinctBlocks, failed: number[], repeats: number[]): void {
    const bytes = failed.reduce((sum, row) => sum + table.lengths[row]!, 0)
    this.#hotBytes -= bytes
    this.#coldBytes += bytes
    this.#deps.log.warn({ name: this.target.name, blocks: failed.length }, 'blocks on this node are damaged')
    const wanted = new Set<number>()
    for (const row of failed) {
      const item = blocks.itemOf[row]!
      // The item is written where its first row lies; other rows of it are copied from there at the end.
      if (blocks.rows[item] !== row) repeats.push(row)
      wanted.add(item)
    }
    this.#cold!.want([...wanted])
  }

  #startCold(
    table: Table,
    blocks: DistinctBlocks,
    image: StoredImage,
    holdings: ReturnType<FetchDeps['server']['holdingsOf']['begin']>,
  ): void {
    this.#cold = new ColdFetch({
      deps: this.#deps,
      sessions: this.#sessions,
      table,
      blocks,
      image,
      holdings,
      manners: this.#manners,
      builderFromMs: this.#deps.clock.now() + builderGraceMs(this.#coldBytes),
      arrived: (bytes) => this.#arrived(bytes),
      seek: () => void this.#search.seek(),
    })
    for (const peer of this.#sessions.open) this.#cold.opened(peer)
    for (const { peer, held, getting } of this.#early) this.#cold.have(peer, held, getting)
    this.#early.length = 0
  }

  /** What an earlier run left in the unfinished file, found by hashing it again. @returns 1 for each row that is right */
  async #resume(table: Table, rows: Uint32Array, image: StoredImage): Promise<Uint8Array> {
    this.#phase = 'resume'
    const right = new Uint8Array(table.entries)
    const { good } = await verifyRows(this.#deps.pool, table, rows, image.path, () => this.#moved())
    for (const row of good) right[row] = 1
    for (const batch of batches(table, good, Number.POSITIVE_INFINITY, 4096)) {
      const { offsets, hashes } = columnsOf(table, batch)
      await this.#deps.store.blocks.add(image.number, offsets, hashes)
    }
    this.#arrived(good.reduce((sum, row) => sum + table.lengths[row]!, 0))
    return right
  }

  /** Blocks that occur more than once in the image came once; the other places are filled from the first. */
  async #copyRepeats(table: Table, blocks: DistinctBlocks, repeats: number[], image: StoredImage): Promise<void> {
    await inParallel(batches(table, repeats, 8 * 1024 * 1024, 4096), 2, async (batch) => {
      const { offsets, lengths, hashes } = columnsOf(table, batch)
      const fromOffsets = Float64Array.from(batch, (row) => table.offsets[blocks.rows[blocks.itemOf[row]!]!]!)
      const job = { kind: 'copy', from: image.path, to: image.path } as const
      const { good } = await this.#deps.pool.run<'copy'>({ ...job, fromOffsets, toOffsets: offsets, lengths, hashes })
      if (good.includes(0))
        throw new HotblockError('INTERNAL', `a block of ${this.target.name} was lost while it arrived`)
      this.#arrived(lengths.reduce((sum, length) => sum + length, 0))
    })
  }

  #opened(peer: OpenPeer): void {
    this.#hadPeers = true
    this.#search.opened()
    this.#cold?.opened(peer)
    this.#sessions.introduce(peer)
    void this.#search.probe(peer, this.#cold)
  }

  #arrived(bytes: number): void {
    this.#doneBytes += bytes
    this.#writeBack?.wrote(bytes)
    this.#moved()
  }

  #moved(): void {
    this.#progressAt = this.#deps.clock.now()
  }

  #watch(): void {
    this.#sessions.fill()
    if (this.#sessions.seeksNear) void this.#search.seekNear()
    // Nothing comes while it stands back, and that is nobody's failure.
    if (this.#manners.standsBack?.(this.#deps.clock.now())) this.#moved()
    if (this.#phase !== 'cold' || this.#deps.clock.now() - this.#progressAt < PROGRESS_MS) return
    this.#cold?.fail(stalled(this.target.name, this.#hadPeers))
  }
}

/** First occurrences, which are fetched, and further rows of the same blocks, which are copied from them. */
function splitRepeats(
  blocks: DistinctBlocks,
  cold: Uint32Array,
  resumed: Uint8Array,
): { first: Uint32Array; repeats: number[] } {
  const first = new Uint32Array(cold.length)
  let count = 0
  const repeats: number[] = []
  const seen = new Uint8Array(blocks.lengths.length)
  for (const row of cold) {
    const item = blocks.itemOf[row]!
    const firstRow = blocks.rows[item]!
    if (row !== firstRow) repeats.push(row)
    if (seen[item] === 1 || resumed[firstRow] === 1) continue
    seen[item] = 1
    first[count++] = firstRow
  }
  return { first: first.slice(0, count), repeats }
}

function cancelled(name: string): HotblockError {
  return new HotblockError('CANCELLED', `the fetch of ${name} was stopped`, { name })
}

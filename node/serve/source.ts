import type { CID } from 'multiformats/cid'
import { packBits, unpackBits } from '../../protocols/bits.ts'
import type { PeerHint } from '../../protocols/blocks/messages.ts'
import type {
  BlockSource,
  Client,
  ImageHoldings,
  PieceClaim,
  ServedFrame,
  ServeSession,
} from '../../protocols/blocks/server.ts'
import { HotblockError } from '../../protocols/errors.ts'
import type { Clock } from '../../protocols/ports.ts'
import { HASH_BYTES } from '../../protocols/table/constants.ts'
import { frameLevel, LEVEL_SMALL } from '../decisions/frame-level.ts'
import { newsDelayMs } from '../decisions/news.ts'
import { ALIVE_MS, BUSY_MS, ServeMachine } from '../decisions/serve.ts'
import type { Pool } from '../pool/jobs.ts'
import type { Place, Store } from '../store/store.ts'
import type { Traffic } from '../traffic.ts'
import type { FrameFile } from './frame-file.ts'
import { type Asked, Frames } from './frames.ts'
import { gather } from './gather.ts'
import { Holdings } from './holdings.ts'
import { Swarms } from './swarm.ts'

interface Waiting {
  readonly asked: Asked
  /** The frame is in the making, or made. */
  started: boolean
  resolve(frame: ServedFrame): void
  reject(error: Error): void
}

export interface ServeCounters {
  bytes: number
  blocks: number
  refused: number
}

export interface BlockServerInit {
  readonly store: Store
  readonly pool: Pool
  readonly clock: Clock
  readonly random: () => number
  readonly rateUpBytes?: number | undefined
  /** Label of the rack in which the node stands. */
  readonly rack?: string | undefined
  /** What may be sent a second for images that nobody waits for; within rateUpBytes. */
  readonly prefetchRateUpBytes?: number | undefined
  /** What a peer's own addresses are, to tell others. */
  readonly addressesOf: (peer: string) => Promise<string[]>
  readonly traffic: Traffic
  /** Where packed frames are kept; undefined: in memory, and only the last ones. */
  readonly frameFile?: FrameFile | undefined
}

/** Carries out the decisions of ServeMachine: looks blocks up in the index, has frames made, keeps the last ones. */
export class BlockServer implements BlockSource {
  readonly holdingsOf: Holdings
  readonly swarms: Swarms
  readonly frames: Frames
  readonly counters: ServeCounters = { bytes: 0, blocks: 0, refused: 0 }
  readonly #init: BlockServerInit
  readonly #machine: ServeMachine
  readonly #waiting = new Map<string, Map<number, Waiting>>()
  #nextSession = 1
  #timer: NodeJS.Timeout | undefined

  constructor(init: BlockServerInit) {
    this.#init = init
    this.frames = new Frames(init.frameFile)
    this.#machine = new ServeMachine(init.rateUpBytes, init.prefetchRateUpBytes)
    this.holdingsOf = new Holdings((root) => init.store.image(root)?.state === 'complete')
    this.swarms = new Swarms(() => init.clock.now(), init.random, init.rack)
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  get rack(): string | undefined {
    return this.#init.rack
  }

  holdings(root: CID): ImageHoldings {
    return this.holdingsOf.of(root)
  }

  tableBytes(cid: CID): Uint8Array | undefined {
    return this.#init.store.tableBytes(cid)
  }

  hasPrefix(prefixes: Uint8Array): Uint8Array {
    return this.#init.store.blocks.hasPrefix(prefixes)
  }

  joined(root: CID, client: Client, tell: (peers: PeerHint[]) => void): () => void {
    let ended = false
    let end = (): void => {}
    void this.#hint(client).then((hint) => {
      if (!ended) end = this.swarms.joined(root, hint, tell)
    })
    return () => {
      ended = true
      end()
    }
  }

  async turnedAway(root: CID, client: Client): Promise<PeerHint[]> {
    return this.swarms.refused(root, await this.#hint(client))
  }

  admits(root: CID, rack: string | undefined): boolean {
    return this.swarms.admits(root, rack)
  }

  claimed(root: CID, peer: string, { pieces, wishes, except }: PieceClaim): number[] | undefined {
    const kept = this.swarms.grant(root, peer, pieces, wishes)
    if (kept === undefined) this.holdingsOf.claimed(root, pieces, except)
    return kept
  }

  heardOf(root: CID, peers: PeerHint[]): void {
    this.swarms.heardOf(root, peers)
  }

  openSession(peer: string): ServeSession | undefined {
    const key = `${this.#nextSession++}`
    if (!this.#machine.open(key)) {
      this.counters.refused++
      return undefined
    }
    const waiting = new Map<number, Waiting>()
    this.#waiting.set(key, waiting)
    const machine = this.#machine
    return {
      busyMs: BUSY_MS,
      aliveMs: ALIVE_MS,
      isWorking: () => machine.isWorking(this.#init.clock.now()),
      newsMs: (sinceMs) => newsDelayMs(machine.sessions, sinceMs),
      frame: (request, hashes, lengths, low = false) => {
        if (waiting.has(request)) throw new HotblockError('BAD_MESSAGE', 'the peer used a request number twice')
        const now = this.#init.clock.now()
        if (!this.#machine.request(now, key, request, firstWord(hashes), low)) {
          // Who fetches ahead of time is told to wait as a matter of course.
          if (!low) this.counters.refused++
          return Promise.resolve(undefined)
        }
        const { promise, resolve, reject } = Promise.withResolvers<ServedFrame>()
        waiting.set(request, { asked: { hashes, lengths }, started: false, resolve, reject })
        this.#pump()
        return promise
      },
      cancel: (request) => {
        if (!this.#machine.cancel(key, request)) return
        const asked = waiting.get(request)
        const missing = packBits(new Uint8Array(asked?.asked.lengths.length ?? 0).fill(1))
        asked?.resolve({ encoding: 0, payload: new Uint8Array(0), missing })
      },
      sent: (request, wireBytes) => {
        waiting.delete(request)
        this.counters.bytes += wireBytes
        this.#init.traffic.sent(peer, wireBytes)
        this.#machine.finished(this.#init.clock.now(), key, request)
        this.#pump()
      },
      close: () => {
        this.#machine.closed(key)
        this.#waiting.delete(key)
        // What was started goes its way to its end, and counts until then.
        for (const asked of waiting.values()) {
          if (!asked.started) asked.reject(new HotblockError('CANCELLED', 'the session ended'))
        }
        this.#pump()
      },
    }
  }

  /** A peer without known addresses still is one: who is connected to it can reach it. */
  async #hint({ id, rack }: Client): Promise<PeerHint> {
    const addresses = await this.#init.addressesOf(id).catch(() => [])
    return { id, addresses, rack }
  }

  #pump(): void {
    const now = this.#init.clock.now()
    for (const { session, request } of this.#machine.next(now)) {
      const asked = this.#waiting.get(session)?.get(request)
      if (asked === undefined) {
        this.#machine.finished(now, session, request)
        continue
      }
      asked.started = true
      void this.#answer(session, request, asked)
    }
    const wakeMs = this.#machine.wakeMs(now)
    clearTimeout(this.#timer)
    if (wakeMs !== undefined) this.#timer = setTimeout(() => this.#pump(), wakeMs)
  }

  async #answer(session: string, request: number, asked: Waiting): Promise<void> {
    let wireBytes = 0
    try {
      const frame = await this.#frame(asked.asked)
      wireBytes = frame.payload.byteLength
      asked.resolve(frame)
    } catch (error) {
      asked.reject(error as Error)
    }
    this.#machine.made(this.#init.clock.now(), session, request, wireBytes)
    this.#pump()
  }

  /** Packs a frame that peers will ask for, while there is time to make it small. @returns bytes that this took */
  pack(asked: Asked): Promise<number> {
    return this.frames.prepare(asked, () => this.#encode(asked, LEVEL_SMALL))
  }

  async #frame(asked: Asked): Promise<ServedFrame> {
    const level = frameLevel(this.#machine.active - this.#machine.making)
    const frame = await this.frames.frame(asked, () => this.#encode(asked, level))
    const { length } = asked.lengths
    const missing =
      frame.missing === undefined ? 0 : unpackBits(frame.missing, length).reduce((sum, bit) => sum + bit, 0)
    this.counters.blocks += length - missing
    return frame
  }

  /**
   * Whether a block that is not right at a place is damaged there. Not if the peer asked for another length than the block
   * has: else whoever asks wrongly could empty the index.
   */
  #shouldBeAt({ image, offset }: Place, hash: Uint8Array, length: number): boolean {
    const root = this.#init.store.imageByNumber(image)?.root
    const table = root && this.#init.store.table(root)
    if (table === undefined) return false
    const row = rowAt(table.offsets, offset)
    const there = table.hashes.subarray(row * HASH_BYTES, (row + 1) * HASH_BYTES)
    return table.offsets[row] !== offset || Buffer.compare(there, hash) !== 0 || table.lengths[row] === length
  }

  /** Blocks that are found damaged lose that place in the index, and are looked for in another. */
  async #encode({ hashes, lengths }: Asked, level: number): Promise<ServedFrame> {
    const { store, pool } = this.#init
    for (let attempt = 0; ; attempt++) {
      const places = store.blocks.find(hashes)
      const present: number[] = []
      const paths: string[] = []
      const files: number[] = []
      const chosen: Place[] = []
      for (let i = 0; i < lengths.length; i++) {
        const place = places[i]![0]
        const path = place === undefined ? undefined : store.imageByNumber(place.image)?.path
        if (place === undefined || path === undefined) continue
        let file = paths.indexOf(path)
        if (file < 0) file = paths.push(path) - 1
        present.push(i)
        files.push(file)
        chosen.push(place)
      }
      const answer = await pool.run<'encode'>({
        kind: 'encode',
        paths,
        files: Uint16Array.from(files),
        offsets: Float64Array.from(chosen, (place) => place.offset),
        lengths: Uint32Array.from(present, (i) => lengths[i]!),
        hashes: gather(hashes, present),
        level,
      })
      const missing = new Uint8Array(lengths.length).fill(1)
      let damaged = false
      for (let p = 0; p < present.length; p++) {
        const i = present[p]!
        if (answer.good[p] === 1) {
          missing[i] = 0
          continue
        }
        const hash = hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)
        if (!this.#shouldBeAt(chosen[p]!, hash, lengths[i]!)) continue
        damaged = true
        await store.blocks.drop(hash, chosen[p]!)
      }
      if (damaged && attempt < 2) continue
      const anyMissing = missing.includes(1)
      return {
        encoding: answer.encoding,
        payload: answer.payload,
        missing: anyMissing ? packBits(missing) : undefined,
      }
    }
  }
}

/** What stands for a frame where it need not be told from all others. */
function firstWord(hashes: Uint8Array): number {
  return new DataView(hashes.buffer, hashes.byteOffset).getUint32(0)
}

/** The last row that begins at the offset or before it. */
function rowAt(offsets: Float64Array, offset: number): number {
  let low = 0
  let high = offsets.length
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (offsets[middle]! <= offset) low = middle
    else high = middle
  }
  return low
}

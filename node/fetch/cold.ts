import { getBit } from '../../protocols/bits.ts'
import type { Frame } from '../../protocols/blocks/client.ts'
import { PROBE_HASHES_MAX, PROBE_PREFIX_BYTES } from '../../protocols/blocks/constants.ts'
import { HotblockError } from '../../protocols/errors.ts'
import { HASH_BYTES } from '../../protocols/table/constants.ts'
import type { Table } from '../../protocols/table/table.ts'
import { TICK_MS } from '../decisions/fetch/limits.ts'
import { type FetchAction, FetchMachine, ITEM_GOOD, ITEM_MISSING, ITEM_WRONG } from '../decisions/fetch/machine.ts'
import { gather } from '../serve/gather.ts'
import type { PartialImage } from '../serve/holdings.ts'
import type { StoredImage } from '../store/store.ts'
import { columnsOf, type DistinctBlocks } from './items.ts'
import type { FetchDeps, FetchManners } from './ports.ts'
import { bitsToList, type OpenPeer, type Sessions } from './sessions.ts'

interface Asked {
  readonly peer: string
  readonly items: readonly number[]
}

export interface ColdInit {
  readonly deps: FetchDeps
  readonly sessions: Sessions
  readonly table: Table
  readonly blocks: DistinctBlocks
  readonly image: StoredImage
  readonly holdings: PartialImage
  readonly manners: FetchManners
  readonly builderFromMs: number
  /** Blocks came to lie in the image. */
  readonly arrived: (bytes: number) => void
  /** Nobody known has what is wanted. */
  readonly seek: () => void
}

/** Carries out the decisions of FetchMachine: asks peers, has frames unpacked and written, tells the swarm. */
export class ColdFetch {
  readonly #init: ColdInit
  readonly #machine: FetchMachine
  readonly #asked = new Map<number, Asked>()
  readonly #blocksFrom = new Map<string, number>()
  /** Per piece: items that are neither here nor in another image on the node. */
  readonly #lackingIn: Uint32Array
  readonly #wanted: Uint8Array
  readonly #timer: NodeJS.Timeout
  readonly #finished = Promise.withResolvers<void>()
  #over = false

  constructor(init: ColdInit) {
    this.#init = init
    const { deps, blocks } = init
    this.#machine = new FetchMachine({
      items: blocks,
      self: deps.self,
      rack: deps.rack,
      random: deps.random,
      rateDownBytes: deps.rateDownBytes,
      limiter: init.manners.limiter,
      builderFromMs: init.builderFromMs,
    })
    this.#lackingIn = new Uint32Array(blocks.pieceCount)
    this.#wanted = new Uint8Array(blocks.lengths.length)
    this.#timer = setInterval(() => this.#act(this.#machine.tick(this.#now())), TICK_MS)
    // The fetch that waits for it may fail before it looks.
    this.#finished.promise.catch(() => {})
  }

  /** Blocks taken from each peer. */
  get blocksFrom(): ReadonlyMap<string, number> {
    return this.#blocksFrom
  }

  /** Settles when all that was wanted is here. */
  get finished(): Promise<void> {
    return this.#finished.promise
  }

  /** The first items to fetch; pieces that need none of them are held from the start. */
  begin(items: Uint32Array): void {
    for (const item of items) this.#want(item)
    const held: number[] = []
    for (let piece = 0; piece < this.#lackingIn.length; piece++) {
      if (this.#lackingIn[piece] === 0) held.push(piece)
    }
    this.#init.holdings.note(held, [])
    this.#act(this.#machine.want(this.#now(), items))
  }

  /** More items: blocks that the index promised and that turned out damaged. */
  want(items: readonly number[]): void {
    for (const item of items) this.#want(item)
    this.#act(this.#machine.want(this.#now(), items))
  }

  close(): void {
    this.#act(this.#machine.close(this.#now()))
  }

  settled(): void {
    this.#act(this.#machine.settled(this.#now()))
  }

  opened({ peer, role, rack, holdings }: OpenPeer): void {
    const now = this.#now()
    this.#act(this.#machine.peerOpened(now, peer, role, holdings.holds === 'all', rack))
    if (holdings.holds !== 'some') return
    const count = this.#init.blocks.pieceCount
    this.have(peer, bitsToList(holdings.held, count), bitsToList(holdings.getting, count))
  }

  have(peer: string, held: number[], getting: number[]): void {
    this.#act(this.#machine.peerHolds(this.#now(), peer, held, getting))
  }

  heard(peer: string): void {
    this.#machine.peerHeard(this.#now(), peer)
  }

  closed(peer: string): void {
    this.#act(this.#machine.peerGone(this.#now(), peer))
  }

  busy(peer: string, request: number, ms: number): void {
    this.#asked.delete(request)
    this.#act(this.#machine.busy(this.#now(), peer, request, ms))
  }

  claimed(peer: string, request: number, kept: readonly number[]): void {
    this.#asked.delete(request)
    this.#act(this.#machine.claimed(this.#now(), peer, request, kept))
  }

  /** Asks a peer which of the wanted blocks it has in other images. @returns how many */
  async probe({ peer, session }: OpenPeer): Promise<number> {
    const { table, blocks } = this.#init
    const items: number[] = []
    for (let item = 0; item < this.#wanted.length; item++) if (this.#wanted[item] === 1) items.push(item)
    const bits = new Uint8Array((blocks.lengths.length + 7) >> 3)
    let count = 0
    for (let at = 0; at < items.length; at += PROBE_HASHES_MAX) {
      const part = items.slice(at, at + PROBE_HASHES_MAX)
      const prefixes = new Uint8Array(part.length * PROBE_PREFIX_BYTES)
      part.forEach((item, i) => {
        const start = blocks.rows[item]! * HASH_BYTES
        prefixes.set(table.hashes.subarray(start, start + PROBE_PREFIX_BYTES), i * PROBE_PREFIX_BYTES)
      })
      const answer = await session.probe(prefixes)
      part.forEach((item, i) => {
        if (!getBit(answer, i)) return
        bits[item >> 3]! |= 1 << (item & 7)
        count++
      })
    }
    this.#act(this.#machine.peerHasItems(this.#now(), peer, bits))
    return count
  }

  async frame(peer: string, frame: Frame): Promise<void> {
    const asked = this.#asked.get(frame.request)
    this.#asked.delete(frame.request)
    if (asked === undefined || asked.peer !== peer || this.#over) return
    this.#machine.arrived(this.#now(), peer, frame.request)
    const { deps, table, blocks, image } = this.#init
    const outcome = new Uint8Array(asked.items.length).fill(ITEM_MISSING)
    const present: number[] = []
    asked.items.forEach((_, i) => {
      if (frame.missing === undefined || !getBit(frame.missing, i)) present.push(i)
    })
    const columns = columnsOf(
      table,
      present.map((i) => blocks.rows[asked.items[i]!]!),
    )
    const { encoding } = frame
    const { frames } = deps.server
    const isWhole = present.length === asked.items.length
    const keep = isWhole ? frames.reserve(columns, encoding, frame.payload.byteLength) : undefined
    try {
      const job = { kind: 'decode', payload: frame.payload, encoding, to: image.path } as const
      const { offsets: toOffsets, lengths, hashes } = columns
      const place = keep && { fd: keep.fd, offset: keep.offset }
      const decoding = deps.pool.run<'decode'>({ ...job, lengths, hashes, toOffsets, keep: place })
      decoding.then(
        ({ kept }) => keep?.done(kept),
        () => keep?.done(undefined),
      )
      const answer = await decoding
      present.forEach((i, p) => {
        outcome[i] = answer.good[p] === 1 ? ITEM_GOOD : ITEM_WRONG
      })
      const good = present.filter((i) => outcome[i] === ITEM_GOOD)
      await this.#keep(
        peer,
        good.map((i) => asked.items[i]!),
      )
      if (keep === undefined && good.length === asked.items.length) {
        frames.keep(columns, { encoding, payload: answer.payload, missing: undefined })
      }
      this.#act(this.#machine.delivered(this.#now(), peer, frame.request, outcome, frame.wireBytes))
    } catch (error) {
      this.fail(error)
    }
  }

  /** Ends the fetch at once. */
  fail(error: unknown): void {
    this.#stop()
    this.#finished.reject(error)
  }

  async #keep(peer: string, items: number[]): Promise<void> {
    const { deps, table, blocks, image, holdings } = this.#init
    const fresh = items.filter((item) => this.#wanted[item] === 1)
    if (fresh.length === 0) return
    for (const item of fresh) this.#wanted[item] = 0
    const columns = columnsOf(
      table,
      fresh.map((item) => blocks.rows[item]!),
    )
    await deps.store.blocks.add(image.number, columns.offsets, columns.hashes)
    this.#blocksFrom.set(peer, (this.#blocksFrom.get(peer) ?? 0) + fresh.length)
    const held: number[] = []
    let bytes = 0
    for (const item of fresh) {
      bytes += blocks.lengths[item]!
      const piece = blocks.pieces[item]!
      if (--this.#lackingIn[piece]! === 0) held.push(piece)
    }
    if (held.length > 0) holdings.note(held, [])
    this.#init.arrived(bytes)
  }

  #want(item: number): void {
    if (this.#wanted[item] === 1) return
    this.#wanted[item] = 1
    this.#lackingIn[this.#init.blocks.pieces[item]!]!++
  }

  #act(actions: FetchAction[]): void {
    for (const action of actions) {
      if (this.#over) return
      switch (action.do) {
        case 'get':
          this.#get(action)
          break
        case 'cancel':
          this.#asked.delete(action.request)
          this.#init.sessions.get(action.peer)?.session.cancel(action.request)
          break
        case 'drop':
          this.#drop(action.peer, action.reason === 'wrong-block')
          break
        case 'seek':
          this.#init.seek()
          break
        case 'done':
          this.#stop()
          this.#finished.resolve()
      }
    }
  }

  #get({ peer, request, items, claim, told }: FetchAction & { do: 'get' }): void {
    const { table, blocks, sessions, holdings } = this.#init
    const open = sessions.get(peer)
    if (open === undefined) return
    this.#asked.set(request, { peer, items })
    const rows = items.map((item) => blocks.rows[item]!)
    const lengths = Uint32Array.from(items, (item) => blocks.lengths[item]!)
    const pieces = !told && claim === undefined ? [] : [...new Set(items.map((item) => blocks.pieces[item]!))]
    const low = this.#init.manners.isPrefetch?.() === true
    open.session.get(request, gather(table.hashes, rows), lengths, claim && { pieces, wishes: claim.wishes }, low)
    if (told) holdings.note([], pieces)
  }

  #drop(peer: string, wrongBlock: boolean): void {
    const { deps, sessions, table } = this.#init
    const data = { peer, root: table.root.toString() }
    if (wrongBlock) deps.log.warn({ ...data, code: 'BAD_BLOCK' }, 'the peer sent a wrong block; it is dropped')
    else deps.log.info(data, 'the peer is silent; it is dropped')
    sessions.drop(peer, wrongBlock ? 'BAD_BLOCK' : undefined)
  }

  #stop(): void {
    this.#over = true
    clearInterval(this.#timer)
  }

  #now(): number {
    return this.#init.deps.clock.now()
  }
}

/** Why a fetch that waits for peers gives up. */
export function stalled(name: string, hadPeers: boolean): HotblockError {
  return hadPeers
    ? new HotblockError('STALLED', `no peer delivers the rest of ${name}`, { name })
    : new HotblockError('NO_PEERS', `no peer that holds ${name} can be reached`, { name })
}

import type { Stream } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import { bitFieldBytes } from '../bits.ts'
import { HotblockError } from '../errors.ts'
import {
  CLAIM_PIECES_MAX,
  FRAME_BYTES_MAX,
  MESSAGE_BYTES_MAX,
  OPEN_TIMEOUT_MS,
  PROBE_PREFIX_BYTES,
  PROBE_TIMEOUT_MS,
  TABLE_TIMEOUT_MS,
  WISH_PIECES_MAX,
} from './constants.ts'
import { readMessages, writeMessage } from './framing.ts'
import {
  badMessage,
  checkProbe,
  decodeServerMessage,
  encodeGet,
  encodeMessage,
  type PeerHint,
  type ServerMessage,
  tellablePeers,
} from './messages.ts'
import { StreamWindow } from './window.ts'

/** What the server of a session holds of its image. */
export interface Holdings {
  readonly holds: 'all' | 'some' | 'none'
  /** Bit fields over the pieces; empty unless `holds` is some. */
  readonly held: Uint8Array
  readonly getting: Uint8Array
  /** Label of the rack in which it says that it stands. */
  readonly rack?: string | undefined
}

export interface Frame {
  readonly request: number
  readonly encoding: number
  readonly payload: Uint8Array
  /** Bit field over the requested blocks: those that are not in the payload. */
  readonly missing: Uint8Array | undefined
  readonly wireBytes: number
}

/** What a session tells its user. None may throw. */
export interface SessionEvents {
  frame(frame: Frame): void
  busy(request: number, ms: number): void
  /** The server gave what was asked for to another client a moment ago: it can soon be had there. */
  claimed(request: number, kept: readonly number[]): void
  have(held: number[], getting: number[]): void
  peers(peers: PeerHint[]): void
  /** Bytes arrived, of whatever message. */
  heard(bytes: number): void
  /** The session is over; `error` is undefined if this side closed it. */
  closed(error: Error | undefined): void
}

interface Pending {
  resolve(message: ServerMessage): void
  reject(error: Error): void
}

/** The client's side of one session of the block exchange. */
export class BlockSession {
  readonly #stream: Stream
  readonly #events: SessionEvents
  readonly #pending = new Map<string, Pending>()
  readonly #gets = new Map<number, number>()
  #nextId = 1
  #opened = false
  #closing = false
  #over: Error | undefined
  #receivedBytes = 0

  constructor(stream: Stream, events: SessionEvents) {
    this.#stream = stream
    this.#events = events
    void this.#read()
  }

  /** Every byte that arrived on the stream, length prefixes included. */
  get receivedBytes(): number {
    return this.#receivedBytes
  }

  /**
   * Opens the session about an image of `pieces` pieces; undefined while the table is not known.
   *
   * @param rack label of this node's rack
   * @throws BUSY if the server has no room; whom else to ask it has told as a peers event
   */
  async open(root: CID, pieces: number | undefined, rack?: string): Promise<Holdings> {
    const told = rack === undefined ? {} : { rack }
    const { header, payload } = await this.#ask('state', OPEN_TIMEOUT_MS, () =>
      this.#send(encodeMessage({ t: 'open', root, ...told })),
    )
    if (header.t === 'full') throw new HotblockError('BUSY', 'the peer has no room for a session')
    if (header.t !== 'state') throw badMessage('something else than its state')
    this.#opened = true
    const empty = new Uint8Array(0)
    if (header.holds !== 'some') return { holds: header.holds, held: empty, getting: empty, rack: header.rack }
    const bytes = bitFieldBytes(header.total)
    if (payload.byteLength !== 2 * bytes) throw badMessage('bit fields of a wrong size')
    if (pieces !== undefined && header.total !== pieces) throw badMessage('a wrong number of pieces')
    return { holds: 'some', held: payload.slice(0, bytes), getting: payload.slice(bytes), rack: header.rack }
  }

  /** Bytes of table parts, in the order of `want`; undefined where the server has none. Not verified. */
  async table(want: readonly CID[]): Promise<(Uint8Array | undefined)[]> {
    const id = this.#nextId++
    const { header, payload } = await this.#ask(`table ${id}`, TABLE_TIMEOUT_MS, () =>
      this.#send(encodeMessage({ t: 'table', id, want: [...want] })),
    )
    if (header.t !== 'table' || header.sizes.length !== want.length) throw badMessage('a wrong number of table parts')
    const parts: (Uint8Array | undefined)[] = []
    let at = 0
    for (const size of header.sizes) {
      parts.push(size < 0 ? undefined : payload.subarray(at, at + size))
      at += Math.max(size, 0)
    }
    if (at !== payload.byteLength) throw badMessage('table parts of other sizes than it said')
    return parts
  }

  /** Which blocks does the server have, in any image? @param prefixes 8 bytes of each hash @returns a bit each */
  async probe(prefixes: Uint8Array): Promise<Uint8Array> {
    const count = checkProbe(prefixes, PROBE_PREFIX_BYTES)
    const id = this.#nextId++
    const { payload } = await this.#ask(`probe ${id}`, PROBE_TIMEOUT_MS, () =>
      this.#send(encodeMessage({ t: 'probe', id }, prefixes)),
    )
    if (payload.byteLength !== bitFieldBytes(count)) throw badMessage('an answer to a probe of a wrong size')
    return payload.slice()
  }

  /**
   * Asks for blocks; the answer comes as a frame or busy event with the same number.
   * @param claim the pieces that the blocks are of, if others who fetch the image shall hear of them, and what would do as well
   * @param low whether what others ask for may go first
   */
  get(
    request: number,
    hashes: Uint8Array,
    lengths: Uint32Array,
    claim: { readonly pieces: readonly number[]; readonly wishes: readonly number[] } | undefined = undefined,
    low: boolean = false,
  ): void {
    this.#gets.set(request, lengths.length)
    const claims =
      claim === undefined
        ? {}
        : { seg: claim.pieces.slice(0, CLAIM_PIECES_MAX), or: claim.wishes.slice(0, WISH_PIECES_MAX) }
    this.#send(
      encodeMessage({ t: 'get', id: request, ...claims, ...(low ? { low } : {}) }, encodeGet(hashes, lengths)),
    ).catch(() => {})
  }

  cancel(request: number): void {
    this.#send(encodeMessage({ t: 'cancel', id: request })).catch(() => {})
  }

  tellPeers(peers: PeerHint[]): void {
    if (peers.length > 0) this.#send(encodeMessage({ t: 'peers', peers: tellablePeers(peers) })).catch(() => {})
  }

  close(): void {
    this.#closing = true
    this.#stream.abort(new HotblockError('CANCELLED', 'the session was closed'))
  }

  async #send(parts: Uint8Array[]): Promise<void> {
    if (this.#over !== undefined) throw this.#over
    await writeMessage(this.#stream, parts)
  }

  async #ask(key: string, timeoutMs: number, send: () => Promise<void>): Promise<ServerMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<ServerMessage>()
    const late = setTimeout(() => {
      this.#pending.delete(key)
      reject(new HotblockError('TIMEOUT', 'the peer did not answer in time'))
    }, timeoutMs)
    this.#pending.set(key, { resolve, reject })
    try {
      // The answer may fail (late, or with the session) while the question is still being sent.
      await Promise.race([send(), promise])
      return await promise
    } finally {
      clearTimeout(late)
      this.#pending.delete(key)
    }
  }

  async #read(): Promise<void> {
    let failure: Error | undefined
    try {
      let before = 0
      const window = new StreamWindow(this.#stream)
      const counted = (bytes: number): void => {
        this.#receivedBytes += bytes
        window.received(bytes, performance.now())
        this.#events.heard(bytes)
      }
      for await (const body of readMessages(this.#stream, MESSAGE_BYTES_MAX, counted)) {
        this.#take(decodeServerMessage(body), this.#receivedBytes - before)
        before = this.#receivedBytes
      }
      failure = new HotblockError('NO_PEERS', 'the peer closed the session')
    } catch (error) {
      failure = error as Error
      this.#stream.abort(failure)
    }
    this.#over = failure
    for (const pending of this.#pending.values()) pending.reject(failure)
    this.#pending.clear()
    this.#events.closed(this.#closing ? undefined : failure)
  }

  #take(message: ServerMessage, wireBytes: number): void {
    const { header, payload } = message
    switch (header.t) {
      case 'frame': {
        const count = this.#gets.get(header.id)
        if (count === undefined) throw badMessage('a frame that nobody asked for')
        if (header.miss !== undefined && header.miss.byteLength !== bitFieldBytes(count)) {
          throw badMessage('a bit field of a wrong size')
        }
        if (payload.byteLength > FRAME_BYTES_MAX) throw badMessage('a frame that is too long')
        this.#gets.delete(header.id)
        this.#events.frame({ request: header.id, encoding: header.enc, payload, missing: header.miss, wireBytes })
        return
      }
      case 'busy':
        if (!this.#gets.delete(header.id)) throw badMessage('an answer that nobody asked for')
        if (header.claimed === true) this.#events.claimed(header.id, header.kept ?? [])
        else this.#events.busy(header.id, header.ms)
        return
      case 'have':
        this.#events.have(header.held, header.getting)
        return
      case 'peers':
        this.#events.peers(header.peers)
        return
      case 'state':
        this.#answer('state', message)
        return
      case 'full':
        if (this.#opened) throw badMessage('that it is full, in a session that it has opened')
        this.#events.peers(header.peers)
        this.#answer('state', message)
        return
      case 'table':
      case 'probe':
        this.#answer(`${header.t} ${header.id}`, message)
    }
  }

  /** An answer that came too late has nobody waiting for it, and is passed over. */
  #answer(key: string, message: ServerMessage): void {
    this.#pending.get(key)?.resolve(message)
    this.#pending.delete(key)
  }
}

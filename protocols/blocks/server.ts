import type { Stream } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import { packBits } from '../bits.ts'
import {
  CLIENT_MESSAGE_BYTES_MAX,
  FRAME_BYTES_MAX,
  HAVE_PIECES_MAX,
  OPEN_TIMEOUT_MS,
  PROBE_PREFIX_BYTES,
  SESSION_REQUESTS_MAX,
  SESSION_UNSENT_BYTES_MAX,
  TABLE_BYTES_MAX,
} from './constants.ts'
import { readMessages, writeMessage } from './framing.ts'
import {
  badMessage,
  type ClientHeader,
  type ClientMessage,
  checkProbe,
  decodeClientMessage,
  decodeGet,
  encodeMessage,
  type PeerHint,
  tellablePeers,
} from './messages.ts'
import { TakenMessages } from './taken.ts'

/** What a node holds of an image, and how it comes to hold more. */
export interface ImageHoldings {
  readonly holds: 'all' | 'some' | 'none'
  readonly pieces: number
  /** Bit fields over the pieces, if `holds` is some. */
  readonly held: Uint8Array
  readonly getting: Uint8Array
  /** Calls back with pieces that came to be held or fetched; gives the way to end it. */
  subscribe(changed: (held: number[], getting: number[]) => void): () => void
}

export interface ServedFrame {
  readonly encoding: number
  readonly payload: Uint8Array
  /** Bit field of the blocks that are not in it; undefined if all are. */
  readonly missing: Uint8Array | undefined
  /** To be called when nobody will look at the payload any more, so that its memory can be used again. */
  readonly release?: () => void
}

/** Who opened a session: its peer id, and where it says that it stands. */
export interface Client {
  readonly id: string
  readonly rack?: string | undefined
}

/** What the server's side needs of the node. */
export interface BlockSource {
  /** Label of the rack in which the node stands. */
  readonly rack?: string | undefined
  holdings(root: CID): ImageHoldings
  tableBytes(cid: CID): Uint8Array | undefined
  /** 8 bytes of each hash. @returns 1 where the node has the block */
  hasPrefix(prefixes: Uint8Array): Uint8Array
  /** @returns undefined if the node refuses */
  openSession(peer: string): ServeSession | undefined
  /** A session about the image began: other peers of it, and a way to learn of later ones. */
  joined(root: CID, client: Client, tell: (peers: PeerHint[]) => void): () => void
  /** There was no room for a session about the image. @returns others that the client may ask */
  turnedAway(root: CID, client: Client): Promise<PeerHint[]>
  /**
   * A client asks for pieces that it knows nobody else to have. The others are told.
   * @returns undefined if it shall have them; else another client got them a moment ago, and this one is to have them from
   * there: those of its wishes that are kept for it now
   */
  claimed(root: CID, peer: string, claim: PieceClaim): number[] | undefined
  /** There is room for one more session about the image. @param rack where the client stands */
  admits(root: CID, rack: string | undefined): boolean
  /** Peers of the image that the client knows. */
  heardOf(root: CID, peers: PeerHint[]): void
}

/** Pieces that a client wants and knows nobody else to have, with others of which it says the same. */
export interface PieceClaim {
  readonly pieces: readonly number[]
  readonly wishes: readonly number[]
  /** Whoever subscribed with this is not told. */
  readonly except: (held: number[], getting: number[]) => void
}

export interface ServeSession {
  /**
   * A frame with the blocks, verified; undefined: busy, ask again after `busyMs`. Rejects when cancelled.
   * @param low whether what others ask for may go first
   */
  frame(request: number, hashes: Uint8Array, lengths: Uint32Array, low?: boolean): Promise<ServedFrame | undefined>
  cancel(request: number): void
  /** A frame went out. */
  sent(request: number, wireBytes: number): void
  readonly busyMs: number
  /** A client whose gets wait, and to which nothing is on its way, hears so often that it will be answered, */
  readonly aliveMs: number
  /** if it will. */
  isWorking(): boolean
  /** For how long news of the image is gathered at present. @param sinceMs how long ago some went out last */
  newsMs(sinceMs: number): number
  close(): void
}

/**
 * Serves one session until the peer ends it or breaks the protocol.
 *
 * @param copies whether the stream's connection copies what it takes, so that frames can be released then; else they are
 * left to the collector
 * @throws BAD_MESSAGE
 */
export async function serveBlocks(stream: Stream, peer: string, source: BlockSource, copies = false): Promise<void> {
  const session = source.openSession(peer)
  if (session === undefined) return turnAway(stream, peer, source)
  const taken = copies ? new TakenMessages(stream) : undefined
  const conversation = new Conversation(stream, peer, source, session, taken)
  try {
    for await (const body of readMessages(stream, CLIENT_MESSAGE_BYTES_MAX)) {
      const taken = conversation.take(decodeClientMessage(body))
      // What arrives meanwhile would pile up here: the stream's own bound is to hold, and then the peer's.
      if (stream.readStatus === 'readable') stream.pause()
      await taken
      if (stream.readStatus === 'paused') stream.resume()
    }
  } finally {
    conversation.end()
    session.close()
    if (stream.status === 'open') await stream.close().catch(() => {})
  }
}

/** Tells a client for which there is no room whom else it may ask, and ends its session. @throws BAD_MESSAGE */
async function turnAway(stream: Stream, peer: string, source: BlockSource): Promise<void> {
  // A client that never says what it wants is not waited for.
  const late = setTimeout(() => stream.abort(new Error('busy')), OPEN_TIMEOUT_MS)
  try {
    for await (const body of readMessages(stream, CLIENT_MESSAGE_BYTES_MAX)) {
      const { header } = decodeClientMessage(body)
      if (header.t !== 'open') throw badMessage('messages out of order')
      const peers = await source.turnedAway(header.root, { id: peer, rack: header.rack })
      await writeMessage(stream, encodeMessage({ t: 'full', peers: tellablePeers(peers) }))
      break
    }
  } finally {
    clearTimeout(late)
    if (stream.status === 'open') await stream.close().catch(() => {})
  }
}

class Conversation {
  readonly #stream: Stream
  readonly #peer: string
  readonly #source: BlockSource
  readonly #session: ServeSession
  readonly #taken: TakenMessages | undefined
  readonly #ends: (() => void)[] = []
  readonly #changed = (held: number[], getting: number[]): void => this.#have(held, getting)
  readonly #held = new Set<number>()
  readonly #getting = new Set<number>()
  #haveTimer: NodeJS.Timeout | undefined
  /** When news went out last. */
  #toldAt = Number.NEGATIVE_INFINITY
  #root: CID | undefined
  #requests = 0
  #aliveTimer: NodeJS.Timeout | undefined
  #sentAt = Number.NEGATIVE_INFINITY

  constructor(
    stream: Stream,
    peer: string,
    source: BlockSource,
    session: ServeSession,
    taken: TakenMessages | undefined,
  ) {
    this.#taken = taken
    this.#stream = stream
    this.#peer = peer
    this.#source = source
    this.#session = session
  }

  /** Waits for what is quick (tables, probes); frames are answered as they are made. */
  async take({ header, payload }: ClientMessage): Promise<void> {
    if ((this.#root === undefined) !== (header.t === 'open')) throw badMessage('messages out of order')
    switch (header.t) {
      case 'open':
        return this.#open(header)
      case 'table':
        return this.#table(header.id, header.want)
      case 'probe': {
        checkProbe(payload, PROBE_PREFIX_BYTES)
        return this.#send(encodeMessage({ t: 'probe', id: header.id }, packBits(this.#source.hasPrefix(payload))))
      }
      case 'get': {
        if (++this.#requests > SESSION_REQUESTS_MAX) throw badMessage('more requests than may wait')
        const { hashes, lengths } = decodeGet(payload, FRAME_BYTES_MAX)
        if (header.seg !== undefined) {
          const claim = { pieces: header.seg, wishes: header.or ?? [], except: this.#changed }
          const kept = this.#source.claimed(this.#root!, this.#peer, claim)
          if (kept !== undefined) {
            this.#requests--
            return this.#send(encodeMessage({ t: 'busy', id: header.id, ms: 0, claimed: true, kept }))
          }
        }
        this.#keepAlive()
        this.#frame(header.id, hashes, lengths, header.low === true).catch((error) => this.#stream.abort(error))
        return
      }
      case 'cancel':
        this.#session.cancel(header.id)
        return
      case 'peers':
        this.#source.heardOf(this.#root!, header.peers)
    }
  }

  end(): void {
    clearTimeout(this.#haveTimer)
    clearTimeout(this.#aliveTimer)
    for (const end of this.#ends) end()
  }

  async #open({ root, rack }: ClientHeader & { t: 'open' }): Promise<void> {
    if (!this.#source.admits(root, rack)) {
      const peers = await this.#source.turnedAway(root, { id: this.#peer, rack })
      await this.#send(encodeMessage({ t: 'full', peers: tellablePeers(peers) }))
      await this.#stream.close()
      return
    }
    this.#root = root
    const holdings = this.#source.holdings(root)
    const payload = holdings.holds === 'some' ? Buffer.concat([holdings.held, holdings.getting]) : undefined
    const own = this.#source.rack === undefined ? {} : { rack: this.#source.rack }
    const state = { t: 'state', holds: holdings.holds, total: holdings.pieces, ...own } as const
    const sent = this.#send(encodeMessage(state, payload))
    // At once, so that nothing of what comes to be held while the answer is on its way goes untold.
    this.#ends.push(holdings.subscribe(this.#changed))
    const tell = (peers: PeerHint[]): void => this.#later(encodeMessage({ t: 'peers', peers: tellablePeers(peers) }))
    this.#ends.push(this.#source.joined(root, { id: this.#peer, rack }, tell))
    await sent
  }

  async #table(id: number, want: CID[]): Promise<void> {
    const parts: Uint8Array[] = []
    const sizes: number[] = []
    let bytes = 0
    for (const cid of want) {
      const part = this.#source.tableBytes(cid)
      const fits = part !== undefined && bytes + part.byteLength <= TABLE_BYTES_MAX
      sizes.push(fits ? part.byteLength : -1)
      if (!fits) continue
      parts.push(part)
      bytes += part.byteLength
    }
    await this.#send(encodeMessage({ t: 'table', id, sizes }, Buffer.concat(parts)))
  }

  async #frame(id: number, hashes: Uint8Array, lengths: Uint32Array, low: boolean): Promise<void> {
    let wireBytes = 0
    try {
      const frame = await this.#session.frame(id, hashes, lengths, low)
      const parts =
        frame === undefined
          ? encodeMessage({ t: 'busy', id, ms: this.#session.busyMs })
          : encodeMessage(
              { t: 'frame', id, enc: frame.encoding, ...(frame.missing === undefined ? {} : { miss: frame.missing }) },
              frame.payload,
            )
      for (const part of parts) wireBytes += part.byteLength
      await this.#send(parts, frame?.release)
    } finally {
      this.#requests--
      this.#session.sent(id, wireBytes)
    }
  }

  /** Changes are gathered for a moment, so that a burst of pieces is one message. */
  #have(held: number[], getting: number[]): void {
    for (const piece of held) this.#held.add(piece)
    for (const piece of getting) this.#getting.add(piece)
    if (this.#haveTimer !== undefined) return
    const delayMs = this.#session.newsMs(performance.now() - this.#toldAt)
    this.#haveTimer = setTimeout(() => {
      this.#haveTimer = undefined
      this.#toldAt = performance.now()
      const first = (set: Set<number>): number[] => [...set.values().take(HAVE_PIECES_MAX)]
      const news = { held: first(this.#held), getting: first(this.#getting) }
      for (const piece of news.held) this.#held.delete(piece)
      for (const piece of news.getting) this.#getting.delete(piece)
      this.#later(encodeMessage({ t: 'have', ...news }))
      if (this.#held.size > 0 || this.#getting.size > 0) this.#have([], [])
    }, delayMs)
  }

  /** As long as gets wait: news of nobody, for a client to know that it waits in a queue. */
  #keepAlive(): void {
    this.#aliveTimer ??= setTimeout(() => {
      this.#aliveTimer = undefined
      if (this.#requests === 0) return
      const isSilent = this.#stream.writeBufferLength === 0 && performance.now() - this.#sentAt >= this.#session.aliveMs
      if (isSilent && this.#session.isWorking()) {
        this.#later(encodeMessage({ t: 'peers', peers: [] }))
      }
      this.#keepAlive()
    }, this.#session.aliveMs)
  }

  /** News for a peer that does not read is dropped with the peer: nothing piles up. */
  #later(parts: Uint8Array[]): void {
    if (this.#stream.writeBufferLength > SESSION_UNSENT_BYTES_MAX) {
      this.#stream.abort(new Error('the peer does not read'))
      return
    }
    this.#send(parts).catch(() => {})
  }

  async #send(parts: Uint8Array[], release?: () => void): Promise<void> {
    const bytes = parts.reduce((sum, { byteLength }) => sum + byteLength, 0)
    this.#sentAt = performance.now()
    const sent = writeMessage(this.#stream, parts)
    this.#taken?.gave(bytes, release)
    await sent
  }
}

import type { CID } from 'multiformats/cid'
import { getBit } from '../../protocols/bits.ts'
import { BlockSession, type Frame, type Holdings } from '../../protocols/blocks/client.ts'
import { asHotblockError, HotblockError } from '../../protocols/errors.ts'
import { DIAL_TIMEOUT_MS } from '../decisions/fetch/limits.ts'
import type { Role } from '../decisions/fetch/peer.ts'
import { type Candidate, PeerBook } from '../decisions/peer-book.ts'
import { sample } from '../decisions/sample.ts'
import { HINTS_MAX } from '../decisions/swarm-book.ts'
import type { FetchDeps } from './ports.ts'

export interface OpenPeer {
  readonly peer: string
  readonly role: Role
  /** Label of the rack in which it stands, as it says. */
  readonly rack: string | undefined
  readonly session: BlockSession
  readonly holdings: Holdings
  /** What is known of how much of the image it holds: news since the session opened counts. */
  holds: Holdings['holds']
}

export interface SessionsEvents {
  opened(peer: OpenPeer): void
  closed(peer: string, error: Error | undefined): void
  frame(peer: string, frame: Frame): void
  busy(peer: string, request: number, ms: number): void
  /** The peer gave what was asked for to another worker a moment ago. */
  claimed(peer: string, request: number, kept: readonly number[]): void
  have(peer: string, held: number[], getting: number[]): void
  heard(peer: string): void
}

/** The peers of one fetch: carries out whom its PeerBook would dial, and learns of more peers from those it talks to. */
export class Sessions {
  readonly #deps: FetchDeps
  readonly #root: CID
  readonly #events: SessionsEvents
  readonly #open = new Map<string, OpenPeer>()
  readonly #book: PeerBook
  readonly #unlisten: () => void
  readonly #abort = new AbortController()
  readonly #received = new Map<string, { role: Role; bytes: number }>()
  #pieces: number | undefined

  constructor(deps: FetchDeps, root: CID, events: SessionsEvents) {
    this.#deps = deps
    this.#root = root
    this.#events = events
    const { self, rack, random } = deps
    this.#book = new PeerBook({ self, rack, random })
    this.#unlisten = deps.server.swarms.listen(root, (hints) => {
      this.add(hints.map(({ id, ...hint }) => ({ peer: id, ...hint, role: 'swarm' })))
    })
  }

  get open(): OpenPeer[] {
    return [...this.#open.values()]
  }

  get(peer: string): OpenPeer | undefined {
    return this.#open.get(peer)
  }

  get dialing(): number {
    return this.#book.dialing
  }

  /** Once the table is known, what peers say they hold must fit it. */
  set pieces(count: number) {
    this.#pieces = count
  }

  /** Bytes received from each peer so far, sessions that ended included. */
  received(): { peer: string; role: Role; bytes: number }[] {
    const rows = new Map<string, { peer: string; role: Role; bytes: number }>()
    for (const [peer, { role, bytes }] of this.#received) rows.set(peer, { peer, role, bytes })
    for (const { peer, role, session } of this.#open.values()) {
      rows.set(peer, { peer, role, bytes: (rows.get(peer)?.bytes ?? 0) + session.receivedBytes })
    }
    return [...rows.values()]
  }

  /** Peers that may have something; dialled as there is room. */
  add(candidates: Iterable<Candidate>): void {
    this.#book.add([...candidates].filter(({ peer }) => !this.#deps.offenders.has(peer)))
    this.fill()
  }

  /** Whether more peers of this node's rack are to be looked for now. */
  get seeksNear(): boolean {
    return this.#book.seeksNear(this.#deps.clock.now())
  }

  /** Dials more candidates, if there is room for them. */
  fill(): void {
    if (this.#abort.signal.aborted) return
    const now = this.#deps.clock.now()
    for (const candidate of this.#book.next(now)) {
      // It may have offended in another fetch since it was heard of.
      if (this.#deps.offenders.has(candidate.peer)) this.#book.ban(candidate.peer, now)
      else void this.#dial(candidate)
    }
  }

  /** Ends the session; a peer that sent wrong bytes is remembered, and not dialled again. */
  drop(peer: string, code?: string): void {
    if (code !== undefined) {
      this.#deps.offenders.add(peer, code)
      this.#book.ban(peer, this.#deps.clock.now())
    }
    this.#open.get(peer)?.session.close()
  }

  /** Tells a peer of others. */
  introduce({ peer, role, session }: OpenPeer): void {
    if (role === 'hook') return
    const others = this.open.filter((other) => other.peer !== peer && other.role !== 'hook')
    const told = sample(others, HINTS_MAX, this.#deps.random)
    session.tellPeers(
      told.map((other) => ({
        id: other.peer,
        addresses: this.#book.get(other.peer)?.addresses ?? [],
        rack: other.rack,
      })),
    )
  }

  close(): void {
    this.#abort.abort()
    this.#unlisten()
    for (const { session } of this.#open.values()) session.close()
  }

  async #dial({ peer, addresses, role }: Candidate): Promise<void> {
    let session: BlockSession | undefined
    const early: (() => void)[] = []
    let live = false
    let over = false
    // What arrives before the session counts as open is kept and told right after.
    const tell = (event: () => void): void => {
      if (live) event()
      else early.push(event)
    }
    try {
      const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)])
      const stream = await this.#deps.mesh.open(peer, addresses, signal)
      session = new BlockSession(stream, {
        frame: (frame) => this.#events.frame(peer, frame),
        busy: (request, ms) => this.#events.busy(peer, request, ms),
        claimed: (request, kept) => this.#events.claimed(peer, request, kept),
        have: (held, getting) => tell(() => this.#have(peer, held, getting)),
        heard: (bytes) => {
          this.#deps.traffic.received(peer, bytes)
          this.#events.heard(peer)
        },
        peers: (hints) => this.#deps.server.swarms.heardOf(this.#root, hints),
        closed: (error) => {
          over = true
          this.#closed(peer, error)
        },
      })
      const holdings = await session.open(this.#root, this.#pieces, this.#deps.rack)
      if (this.#abort.signal.aborted) throw new HotblockError('CANCELLED', 'the fetch ended')
      // Its last word may have been its answer: such a session would never be told to have closed.
      if (over) throw new HotblockError('NO_PEERS', 'the peer closed the session')
      const { rack, holds } = holdings
      const open = { peer, role, rack, session, holdings, holds }
      this.#book.opened(peer, rack)
      this.#open.set(peer, open)
      this.#events.opened(open)
      live = true
      for (const event of early) event()
    } catch (thrown) {
      const error = asHotblockError(thrown)
      if (!this.#abort.signal.aborted) {
        this.#deps.log.debug({ peer, code: error.code, error: error.message }, 'no session with the peer')
        if (error.code === 'BAD_MESSAGE') this.drop(peer, 'BAD_MESSAGE')
      }
      if (session !== undefined) this.#count(peer, role, session)
      session?.close()
      this.#book.ended(peer, this.#deps.clock.now())
    } finally {
      this.fill()
    }
  }

  /** What a session that is over has received. */
  #count(peer: string, role: Role, session: BlockSession): void {
    const before = this.#received.get(peer)?.bytes ?? 0
    this.#received.set(peer, { role, bytes: before + session.receivedBytes })
  }

  /** Whoever tells of its pieces has the table by now. */
  #have(peer: string, held: number[], getting: number[]): void {
    const open = this.#open.get(peer)
    if (open?.holds === 'none') open.holds = 'some'
    this.#events.have(peer, held, getting)
  }

  #closed(peer: string, error: Error | undefined): void {
    const open = this.#open.get(peer)
    if (open === undefined) return
    this.#open.delete(peer)
    this.#count(peer, open.role, open.session)
    if (error !== undefined) this.#deps.log.info({ peer, error: error.message }, 'the session with the peer ended')
    if (error instanceof HotblockError && error.code === 'BAD_MESSAGE') this.drop(peer, 'BAD_MESSAGE')
    this.#book.ended(peer, this.#deps.clock.now())
    this.#events.closed(peer, error)
    if (!this.#abort.signal.aborted) this.fill()
  }
}

/** Numbers of the set bits. */
export function bitsToList(bits: Uint8Array, count: number): number[] {
  const list: number[] = []
  for (let i = 0; i < count; i++) if (getBit(bits, i)) list.push(i)
  return list
}

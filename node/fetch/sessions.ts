import type { CID } from 'multiformats/cid'
import { getBit } from '../../protocols/bits.ts'
import { BlockSession, type Frame, type Holdings } from '../../protocols/blocks/client.ts'
import type { PeerHint } from '../../protocols/blocks/messages.ts'
import { asHotblockError, HotblockError } from '../../protocols/errors.ts'
import type { Role } from '../decisions/fetch/peer.ts'
import type { FetchDeps } from './ports.ts'

/** Sessions of one fetch, and dials under way for it. */
export const SESSIONS_MAX = 24
const DIALS_MAX = 8
const DIAL_TIMEOUT_MS = 2_500
/** A peer that could not be reached, or went, is tried again after this. */
const RETRY_MS = 5_000
const CANDIDATES_MAX = 512

export interface Candidate {
  readonly peer: string
  readonly addresses: readonly string[]
  readonly role: Role
}

export interface OpenPeer {
  readonly peer: string
  readonly role: Role
  readonly session: BlockSession
  readonly holdings: Holdings
}

export interface SessionsEvents {
  opened(peer: OpenPeer): void
  closed(peer: string, error: Error | undefined): void
  frame(peer: string, frame: Frame): void
  busy(peer: string, request: number, ms: number): void
  have(peer: string, held: number[], getting: number[]): void
  heard(peer: string): void
}

/** The peers of one fetch: dials candidates, keeps a bounded number of sessions, learns of more peers from them. */
export class Sessions {
  readonly #deps: FetchDeps
  readonly #root: CID
  readonly #events: SessionsEvents
  readonly #open = new Map<string, OpenPeer>()
  readonly #candidates = new Map<string, Candidate>()
  readonly #triedAt = new Map<string, number>()
  readonly #dialing = new Set<string>()
  readonly #abort = new AbortController()
  readonly #received = new Map<string, { role: Role; bytes: number }>()
  #segments: number | undefined

  constructor(deps: FetchDeps, root: CID, events: SessionsEvents) {
    this.#deps = deps
    this.#root = root
    this.#events = events
  }

  get open(): OpenPeer[] {
    return [...this.#open.values()]
  }

  get(peer: string): OpenPeer | undefined {
    return this.#open.get(peer)
  }

  get dialing(): number {
    return this.#dialing.size
  }

  /** Once the table is known, what peers say they hold must fit it. */
  set segments(count: number) {
    this.#segments = count
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

  /** Peers that may have something; dialled as there is room. A peer's first role holds, but swarm is told from hook. */
  add(candidates: Iterable<Candidate>): void {
    for (const candidate of candidates) {
      if (candidate.peer === this.#deps.self || this.#deps.offenders.has(candidate.peer)) continue
      const known = this.#candidates.get(candidate.peer)
      if (known === undefined && this.#candidates.size >= CANDIDATES_MAX) continue
      if (known === undefined || (known.role === 'hook' && candidate.role !== 'hook')) {
        this.#candidates.set(candidate.peer, candidate)
      } else if (candidate.addresses.length > 0) {
        this.#candidates.set(candidate.peer, { ...known, addresses: candidate.addresses })
      }
    }
    this.fill()
  }

  /** Dials more candidates, if there is room for them. */
  fill(): void {
    const now = this.#deps.clock.now()
    for (const candidate of this.#candidates.values()) {
      if (this.#abort.signal.aborted || this.#open.size + this.#dialing.size >= SESSIONS_MAX) return
      if (this.#dialing.size >= DIALS_MAX) return
      const { peer } = candidate
      if (this.#open.has(peer) || this.#dialing.has(peer) || this.#deps.offenders.has(peer)) continue
      if (now - (this.#triedAt.get(peer) ?? Number.NEGATIVE_INFINITY) < RETRY_MS) continue
      this.#triedAt.set(peer, now)
      void this.#dial(candidate)
    }
  }

  /** Ends the session; a peer that sent wrong bytes is remembered, and not dialled again. */
  drop(peer: string, code?: string): void {
    if (code !== undefined) {
      this.#deps.offenders.add(peer, code)
      this.#candidates.delete(peer)
    }
    this.#open.get(peer)?.session.close()
  }

  /** Tells every peer of the others, once. */
  introduce(): void {
    const hints: PeerHint[] = []
    for (const { peer, role } of this.#open.values()) {
      if (role === 'hook') continue
      hints.push({ id: peer, addresses: [...(this.#candidates.get(peer)?.addresses ?? [])].slice(0, 8) })
    }
    for (const { peer, role, session } of this.#open.values()) {
      if (role !== 'hook') session.tellPeers(hints.filter((hint) => hint.id !== peer).slice(0, 32))
    }
  }

  close(): void {
    this.#abort.abort()
    for (const { session } of this.#open.values()) session.close()
  }

  async #dial({ peer, addresses, role }: Candidate): Promise<void> {
    this.#dialing.add(peer)
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
        have: (held, getting) => tell(() => this.#events.have(peer, held, getting)),
        heard: (bytes) => {
          this.#deps.traffic.received(peer, bytes)
          this.#events.heard(peer)
        },
        peers: (hints) => this.#heardOf(hints),
        closed: (error) => {
          over = true
          this.#closed(peer, error)
        },
      })
      const holdings = await session.open(this.#root, this.#segments)
      if (this.#abort.signal.aborted) throw new HotblockError('CANCELLED', 'the fetch ended')
      // Its last word may have been its answer: such a session would never be told to have closed.
      if (over) throw new HotblockError('NO_PEERS', 'the peer closed the session')
      const open = { peer, role, session, holdings }
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
    } finally {
      this.#dialing.delete(peer)
      this.fill()
    }
  }

  /** What a session that is over has received. */
  #count(peer: string, role: Role, session: BlockSession): void {
    const before = this.#received.get(peer)?.bytes ?? 0
    this.#received.set(peer, { role, bytes: before + session.receivedBytes })
  }

  #heardOf(hints: PeerHint[]): void {
    this.#deps.server.swarms.heardOf(this.#root, hints)
    this.add(hints.map(({ id, addresses }) => ({ peer: id, addresses, role: 'swarm' as const })))
  }

  #closed(peer: string, error: Error | undefined): void {
    const open = this.#open.get(peer)
    if (open === undefined) return
    this.#open.delete(peer)
    this.#count(peer, open.role, open.session)
    if (error !== undefined) this.#deps.log.info({ peer, error: error.message }, 'the session with the peer ended')
    if (error instanceof HotblockError && error.code === 'BAD_MESSAGE') this.drop(peer, 'BAD_MESSAGE')
    this.#triedAt.set(peer, this.#deps.clock.now())
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

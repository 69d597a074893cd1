/**
 * With whom a fetch keeps sessions: whom to dial next, whom not any more. Pure; time and random come in.
 *
 * The builder is dialled first, since the record names it. Of the others most sessions go to peers of this node's own rack,
 * which do not load the rack's uplink, and the rest to peers elsewhere, which bring in what the rack lacks.
 */
import type { Random } from '../../protocols/ports.ts'
import type { Role } from './fetch/peer.ts'
import { sample } from './sample.ts'

/** Sessions of one fetch, and dials under way for it. */
export const SESSIONS_MAX = 24
export const DIALS_MAX = 8
/** Of a node that knows its rack: sessions with peers of the same rack while there are others to be had, and with others. */
export const NEAR_SESSIONS_MAX = 16
export const FAR_SESSIONS_MAX = 10
/** A peer that could not be reached, or went, is tried again after this. */
export const RETRY_MS = 5_000
export const CANDIDATES_MAX = 512

export interface Candidate {
  readonly peer: string
  readonly addresses: readonly string[]
  readonly role: Role
  /** Where it says that it stands; undefined if nobody said. */
  readonly rack?: string | undefined
}

interface Known {
  candidate: Candidate
  triedAt: number
  state: 'idle' | 'dialing' | 'open'
  /** Counted among the near ones, since it is dialled or open. */
  near: boolean
}

export interface PeerBookInit {
  /** This node's own name, which is never dialled. */
  readonly self: string
  readonly rack?: string | undefined
  readonly random: Random
}

export class PeerBook {
  readonly #init: PeerBookInit
  readonly #known = new Map<string, Known>()
  readonly #banned = new Set<string>()
  #dialing = 0
  #open = 0
  #near = 0
  /** Until then, or until something changes, there is nobody to dial. */
  #nobodyUntil = Number.NEGATIVE_INFINITY

  constructor(init: PeerBookInit) {
    this.#init = init
  }

  /** Dials under way. */
  get dialing(): number {
    return this.#dialing
  }

  get open(): number {
    return this.#open
  }

  get(peer: string): Candidate | undefined {
    return this.#known.get(peer)?.candidate
  }

  /** Peers that may have something. A peer's first role holds, but swarm is told from hook. */
  add(candidates: Iterable<Candidate>): void {
    for (const candidate of candidates) {
      const { peer } = candidate
      if (peer === this.#init.self || this.#banned.has(peer)) continue
      const known = this.#known.get(peer)
      if (known === undefined) {
        if (this.#known.size >= CANDIDATES_MAX) continue
        this.#known.set(peer, { candidate, triedAt: Number.NEGATIVE_INFINITY, state: 'idle', near: false })
        this.#nobodyUntil = Number.NEGATIVE_INFINITY
        continue
      }
      const { candidate: old } = known
      const better = old.role === 'hook' && candidate.role !== 'hook'
      const addresses = candidate.addresses.length > 0 || better ? candidate.addresses : old.addresses
      // Most is heard many times over.
      if (!better && addresses === old.addresses && (candidate.rack ?? old.rack) === old.rack) continue
      this.#nobodyUntil = Number.NEGATIVE_INFINITY
      known.candidate = { peer, addresses, role: better ? candidate.role : old.role, rack: candidate.rack ?? old.rack }
    }
  }

  /** Whom to dial now; each is told of as `opened` or `ended` later. */
  next(now: number): Candidate[] {
    if (now < this.#nobodyUntil || !this.#room()) return []
    let retryAt = Number.POSITIVE_INFINITY
    const near: Known[] = []
    const far: Known[] = []
    const chosen: Candidate[] = []
    for (const known of this.#known.values()) {
      if (known.state !== 'idle') continue
      if (now - known.triedAt < RETRY_MS) {
        retryAt = Math.min(retryAt, known.triedAt + RETRY_MS)
        continue
      }
      if (known.candidate.role === 'builder') chosen.push(this.#dial(known, now))
      else (this.isNear(known.candidate) ? near : far).push(known)
    }
    const { random, rack } = this.#init
    const farMax = rack === undefined ? SESSIONS_MAX : FAR_SESSIONS_MAX
    for (const known of sample(near, SESSIONS_MAX, random)) {
      if (this.#room() && this.#near < NEAR_SESSIONS_MAX) chosen.push(this.#dial(known, now))
    }
    for (const known of sample(far, SESSIONS_MAX, random)) {
      if (this.#room() && this.#open + this.#dialing - this.#near < farMax) chosen.push(this.#dial(known, now))
    }
    if (chosen.length === 0) this.#nobodyUntil = retryAt
    return chosen
  }

  /** @param rack where the peer itself says that it stands */
  opened(peer: string, rack?: string): void {
    const known = this.#known.get(peer)
    if (known?.state !== 'dialing') return
    known.state = 'open'
    this.#dialing--
    this.#open++
    if (rack === undefined) return
    known.candidate = { ...known.candidate, rack }
    this.#count(known, this.isNear(known.candidate))
  }

  /** The dial failed, or the session is over. */
  ended(peer: string, now: number): void {
    const known = this.#known.get(peer)
    if (known === undefined || known.state === 'idle') return
    if (known.state === 'dialing') this.#dialing--
    else this.#open--
    this.#count(known, false)
    known.state = 'idle'
    known.triedAt = now
  }

  /** The peer sent wrong bytes: it is not dialled again. */
  ban(peer: string, now: number): void {
    this.ended(peer, now)
    this.#known.delete(peer)
    this.#banned.add(peer)
  }

  /** Stands in this node's own rack, as far as is known. */
  isNear({ rack }: { readonly rack?: string | undefined }): boolean {
    return rack !== undefined && rack === this.#init.rack
  }

  #room(): boolean {
    return this.#open + this.#dialing < SESSIONS_MAX && this.#dialing < DIALS_MAX
  }

  #dial(known: Known, now: number): Candidate {
    known.state = 'dialing'
    known.triedAt = now
    this.#dialing++
    this.#count(known, this.isNear(known.candidate))
    return known.candidate
  }

  #count(known: Known, near: boolean): void {
    this.#near += Number(near) - Number(known.near)
    known.near = near
    this.#nobodyUntil = Number.NEGATIVE_INFINITY
  }
}

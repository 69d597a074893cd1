/**
 * With whom a fetch keeps sessions: whom to dial next, whom not any more. Pure; time and random come in.
 *
 * The builder is dialled first, since the record names it. Of the others most sessions go to peers of this node's own rack,
 * which do not load the rack's uplink, and the rest to peers elsewhere, which bring in what the rack lacks.
 */
import type { Random } from '../../protocols/ports.ts'
import type { Role } from './fetch/peer.ts'

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
  state: 'ready' | 'resting' | 'dialing' | 'open'
  /** Counted among the near ones, since it is dialled or open. */
  near: boolean
  /** Its place in the list of those that are ready. */
  index: number
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
  /** Who may be dialled: the builders, and in no order who stands in this rack, as far as is known, and who elsewhere. */
  readonly #ready: Readonly<Record<'builder' | 'near' | 'far', Known[]>> = { builder: [], near: [], far: [] }
  /** Who was tried, the longest ago first; some of them are known no more, or again for other reasons. */
  readonly #resting: Known[] = []
  #dialing = 0
  #open = 0
  #near = 0

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
        const fresh: Known = { candidate, triedAt: Number.NEGATIVE_INFINITY, state: 'ready', near: false, index: 0 }
        this.#known.set(peer, fresh)
        this.#makeReady(fresh)
        continue
      }
      const { candidate: old } = known
      const better = old.role === 'hook' && candidate.role !== 'hook'
      const addresses = candidate.addresses.length > 0 || better ? candidate.addresses : old.addresses
      // Most is heard many times over.
      if (!better && addresses === old.addresses && (candidate.rack ?? old.rack) === old.rack) continue
      if (known.state === 'ready') this.#unready(known)
      known.candidate = { peer, addresses, role: better ? candidate.role : old.role, rack: candidate.rack ?? old.rack }
      if (known.state === 'ready') this.#makeReady(known)
    }
  }

  /** Whom to dial now; each is told of as `opened` or `ended` later. */
  next(now: number): Candidate[] {
    if (!this.#room()) return []
    this.#wake(now)
    const { builder, near, far } = this.#ready
    const chosen: Candidate[] = []
    while (builder.length > 0) chosen.push(this.#dial(builder[0]!, now))
    const { random, rack } = this.#init
    const farMax = rack === undefined ? SESSIONS_MAX : FAR_SESSIONS_MAX
    while (near.length > 0 && this.#room() && this.#near < NEAR_SESSIONS_MAX) {
      chosen.push(this.#dial(near[Math.floor(random() * near.length)]!, now))
    }
    while (far.length > 0 && this.#room() && this.#open + this.#dialing - this.#near < farMax) {
      chosen.push(this.#dial(far[Math.floor(random() * far.length)]!, now))
    }
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
    if (known?.state !== 'dialing' && known?.state !== 'open') return
    if (known.state === 'dialing') this.#dialing--
    else this.#open--
    this.#count(known, false)
    known.state = 'resting'
    known.triedAt = now
    this.#resting.push(known)
  }

  /** The peer sent wrong bytes: it is not dialled again. */
  ban(peer: string, now: number): void {
    this.ended(peer, now)
    const known = this.#known.get(peer)
    if (known?.state === 'ready') this.#unready(known)
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

  /** Who has rested for long enough is ready again. */
  #wake(now: number): void {
    let rested = 0
    for (const known of this.#resting) {
      if (now - known.triedAt < RETRY_MS) break
      rested++
      if (this.#known.get(known.candidate.peer) !== known || known.state !== 'resting') continue
      known.state = 'ready'
      this.#makeReady(known)
    }
    if (rested > 0) this.#resting.splice(0, rested)
  }

  #listOf({ candidate }: Known): Known[] {
    if (candidate.role === 'builder') return this.#ready.builder
    return this.isNear(candidate) ? this.#ready.near : this.#ready.far
  }

  #makeReady(known: Known): void {
    const list = this.#listOf(known)
    known.index = list.length
    list.push(known)
  }

  #unready(known: Known): void {
    const list = this.#listOf(known)
    const last = list.pop()!
    if (last === known) return
    list[known.index] = last
    last.index = known.index
  }

  #dial(known: Known, now: number): Candidate {
    this.#unready(known)
    known.state = 'dialing'
    known.triedAt = now
    this.#dialing++
    this.#count(known, this.isNear(known.candidate))
    return known.candidate
  }

  #count(known: Known, near: boolean): void {
    this.#near += Number(near) - Number(known.near)
    known.near = near
  }
}

/**
 * With whom a fetch keeps sessions: whom to dial next, whom not any more. Pure; time and random come in.
 *
 * The builder is dialled first, since the record names it. Of the others most sessions go to peers of this node's own rack,
 * which do not load the rack's uplink, and the rest to peers elsewhere, which bring in what the rack lacks.
 */
import type { Random } from '../../protocols/ports.ts'
import type { Role } from './fetch/peer.ts'
import { HOOK_PEERS_MAX } from './hook-peers.ts'

/** Sessions of one fetch, not counting those with hook peers, and dials under way for it. */
export const SESSIONS_MAX = 24
export const DIALS_MAX = 8
/** Of a node that knows its rack: sessions with peers of the same rack while there are others to be had, and with others. */
export const NEAR_SESSIONS_MAX = 16
export const FAR_SESSIONS_MAX = 10
/** With fewer of its own rack than this, and none left to dial, a node looks for more; ever more seldom. */
export const NEAR_WANTED = 14
export const NEAR_SEEK_MS_MIN = 1_000
export const NEAR_SEEK_MS_MAX = 30_000
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

type Place = 'builder' | 'hook' | 'near' | 'far'

interface Known {
  candidate: Candidate
  triedAt: number
  state: 'ready' | 'resting' | 'dialing' | 'open'
  /** As what it is counted, since it is dialled or open. */
  counted: Place | undefined
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
  /** Who may be dialled, in no order; near is who stands in this rack, as far as is known. */
  readonly #ready: Readonly<Record<Place, Known[]>> = { builder: [], hook: [], near: [], far: [] }
  /** Sessions and dials. */
  readonly #counts: Record<Place, number> = { builder: 0, hook: 0, near: 0, far: 0 }
  /** Who was tried, the longest ago first; some of them are known no more, or again for other reasons. */
  readonly #resting: Known[] = []
  #dialing = 0
  #nearSoughtAt: number | undefined
  #nearSeekMs = NEAR_SEEK_MS_MIN

  constructor(init: PeerBookInit) {
    this.#init = init
  }

  /** Dials under way. */
  get dialing(): number {
    return this.#dialing
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
        if (this.#known.size >= CANDIDATES_MAX && !this.#makesRoomFor(candidate)) continue
        const fresh: Known = {
          candidate,
          triedAt: Number.NEGATIVE_INFINITY,
          state: 'ready',
          counted: undefined,
          index: 0,
        }
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
    if (this.#dialing >= DIALS_MAX) return []
    this.#wake(now)
    const chosen: Candidate[] = []
    const draw = (place: Place, room: () => boolean): void => {
      const list = this.#ready[place]
      while (list.length > 0 && room())
        chosen.push(this.#dial(list[Math.floor(this.#init.random() * list.length)]!, now))
    }
    const counts = this.#counts
    const farMax = this.#init.rack === undefined ? SESSIONS_MAX : FAR_SESSIONS_MAX
    const mayDial = (): boolean => this.#dialing < DIALS_MAX
    const hasRoom = (): boolean => mayDial() && counts.builder + counts.near + counts.far < SESSIONS_MAX
    draw('builder', () => true)
    draw('hook', () => mayDial() && counts.hook < HOOK_PEERS_MAX)
    draw('near', () => hasRoom() && counts.near < NEAR_SESSIONS_MAX)
    draw('far', () => hasRoom() && counts.builder + counts.far < farMax)
    return chosen
  }

  /** Whether peers of this node's rack are to be looked for now; to be asked now and then, and done then. */
  seeksNear(now: number): boolean {
    if (this.#init.rack === undefined || this.#counts.near + this.#ready.near.length >= NEAR_WANTED) return false
    this.#nearSoughtAt ??= now
    if (now - this.#nearSoughtAt < this.#nearSeekMs) return false
    this.#nearSoughtAt = now
    this.#nearSeekMs = Math.min(NEAR_SEEK_MS_MAX, 2 * this.#nearSeekMs)
    return true
  }

  /** @param rack where the peer itself says that it stands */
  opened(peer: string, rack?: string): void {
    const known = this.#known.get(peer)
    if (known?.state !== 'dialing') return
    known.state = 'open'
    this.#dialing--
    if (rack === undefined) return
    known.candidate = { ...known.candidate, rack }
    if (known.counted !== 'hook') this.#count(known, this.#placeOf(known))
  }

  /** The dial failed, or the session is over. */
  ended(peer: string, now: number): void {
    const known = this.#known.get(peer)
    if (known?.state !== 'dialing' && known?.state !== 'open') return
    if (known.state === 'dialing') this.#dialing--
    this.#count(known, undefined)
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

  /** Of a large swarm a node hears of far more peers than of those in its own rack, which are worth more to it. */
  #makesRoomFor(candidate: Candidate): boolean {
    const far = this.#ready.far.at(-1)
    if (far === undefined || !this.isNear(candidate)) return false
    this.#unready(far)
    this.#known.delete(far.candidate.peer)
    return true
  }

  #placeOf({ candidate }: Known): Place {
    if (candidate.role !== 'swarm') return candidate.role
    return this.isNear(candidate) ? 'near' : 'far'
  }

  #makeReady(known: Known): void {
    const list = this.#ready[this.#placeOf(known)]
    known.index = list.length
    list.push(known)
  }

  #unready(known: Known): void {
    const list = this.#ready[this.#placeOf(known)]
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
    this.#count(known, this.#placeOf(known))
    return known.candidate
  }

  #count(known: Known, place: Place | undefined): void {
    if (known.counted !== undefined) this.#counts[known.counted]--
    if (place !== undefined) this.#counts[place]++
    known.counted = place
  }
}

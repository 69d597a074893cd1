/**
 * What a node knows of who else holds or fetches an image, and whom it tells of whom. Pure; time and random come in.
 *
 * In a small swarm everybody hears of everybody. In a large one nobody needs to: a newcomer is told of a random choice,
 * those of its own rack first, and a few of those that came before are told of it; so the messages grow with the number of
 * peers, not with its square.
 */
import type { Random } from '../../protocols/ports.ts'
import { sample } from './sample.ts'

/** Peers of one image that are remembered, and how long after they were last heard of. */
export const PEERS_KNOWN_MAX = 256
export const PEER_LIFE_MS = 120_000
/** Peers that are told of at a time, at most half of them of the asker's rack when there are more. */
export const HINTS_MAX = 32
/** Of a newcomer so many of the others are told, each of so many newcomers. */
export const TOLD_SESSIONS_MAX = 8
export const TOLD_PEERS_MAX = 64

/**
 * Sessions about one image that a node takes: about as many as it opens itself, so that all are served alike. Where some
 * serve many and others few, those whose peers serve many are the last to be done.
 */
export const SWARM_SESSIONS = 25
/**
 * Of peers of its own rack so many find room in any case: two more than each opens, or who comes late finds all full, and is
 * served by few.
 */
export const NEAR_SESSIONS = 18
/**
 * And of each other rack: whoever has a session with the builder hands on what others lack, and a rack with all of the
 * builder's sessions would hand on everything.
 */
export const FAR_RACK_SESSIONS = 4

/** What one peer says of another. */
export interface PeerHint {
  readonly id: string
  readonly addresses: readonly string[]
  readonly rack?: string | undefined
}

/** What a session is to be told. */
export interface Telling {
  readonly session: number
  readonly hints: PeerHint[]
}

interface Listener {
  readonly peer: string
  readonly rack: string | undefined
  told: number
}

interface Known {
  hint: PeerHint
  at: number
  /** Its place in the list. */
  index: number
}

/** The peers of one image. */
export class SwarmBook {
  readonly #random: Random
  readonly #rack: string | undefined
  readonly #peers = new Map<string, Known>()
  /** The same, in no order. */
  readonly #list: Known[] = []
  readonly #sessions = new Map<number, Listener>()
  /** Of those, how many are with peers of each rack. */
  readonly #fromRack = new Map<string, number>()
  #prunedAt = 0

  /** @param rack where this node stands; undefined: it does not know */
  constructor(random: Random, rack: string | undefined) {
    this.#random = random
    this.#rack = rack
  }

  /**
   * Is there room for one more session? If not, `refused` says whom else to ask.
   * @param rack where the peer stands
   */
  admits(rack: string | undefined): boolean {
    const same = rack === undefined ? 0 : (this.#fromRack.get(rack) ?? 0)
    if (this.#isNear(rack)) return same < NEAR_SESSIONS
    return same < FAR_RACK_SESSIONS && this.#sessions.size < SWARM_SESSIONS
  }

  get sessions(): number {
    return this.#sessions.size
  }

  /** A peer opened a session about the image. @param session a number that was not used before */
  joined(now: number, session: number, hint: PeerHint): Telling[] {
    const hints = this.choose(now, HINTS_MAX, hint)
    this.#prune(now)
    if (!this.#peers.has(hint.id) && this.#peers.size >= PEERS_KNOWN_MAX) this.#makeRoom()
    const tellings = this.heardOf(now, [hint])
    this.#sessions.set(session, { peer: hint.id, rack: hint.rack, told: hints.length })
    this.#count(hint.rack, 1)
    if (hints.length > 0) tellings.push({ session, hints })
    return tellings
  }

  /** A peer found no room here: whom else it may ask. */
  refused(now: number, hint: PeerHint): PeerHint[] {
    const hints = this.choose(now, HINTS_MAX, hint)
    // Remembered for whoever comes next; those that are here have peers.
    if (this.#peers.has(hint.id) || this.#peers.size < PEERS_KNOWN_MAX) this.#remember(now, hint)
    return hints
  }

  left(session: number): void {
    this.#count(this.#sessions.get(session)?.rack, -1)
    this.#sessions.delete(session)
  }

  /** Peers of the image became known. */
  heardOf(now: number, hints: readonly PeerHint[]): Telling[] {
    this.#prune(now)
    const news: PeerHint[] = []
    for (const hint of hints) {
      const known = this.#peers.get(hint.id)
      // What is not remembered is not passed on either: else it would be news each time, and go round for ever.
      if (known === undefined && this.#peers.size >= PEERS_KNOWN_MAX) continue
      if (known === undefined) {
        news.push(hint)
        this.#remember(now, hint)
        continue
      }
      known.at = now
      known.hint = hint.rack === undefined && known.hint.rack !== undefined ? { ...hint, rack: known.hint.rack } : hint
    }
    return news.length === 0 ? [] : this.#tell(news)
  }

  /** A random choice of the image's peers; for a peer without itself, and with those of its rack first. */
  choose(now: number, count: number, asker?: PeerHint): PeerHint[] {
    this.#prune(now)
    if (asker?.rack === undefined) return this.#draw(count, asker)
    const near: PeerHint[] = []
    const far: PeerHint[] = []
    for (const { hint } of this.#list) {
      if (hint.id !== asker.id) (hint.rack === asker.rack ? near : far).push(hint)
    }
    const nearCount = Math.min(near.length, Math.max(count >> 1, count - far.length))
    return [...sample(near, nearCount, this.#random), ...sample(far, count - nearCount, this.#random)]
  }

  /** At random; in large swarms this is asked often, so no more are looked at than are drawn. */
  #draw(count: number, asker: PeerHint | undefined): PeerHint[] {
    const list = this.#list
    const drawn: PeerHint[] = []
    for (let at = 0; at < list.length && drawn.length < count; at++) {
      this.#swap(at, at + Math.floor(this.#random() * (list.length - at)))
      const { hint } = list[at]!
      if (hint.id !== asker?.id) drawn.push(hint)
    }
    return drawn
  }

  #swap(a: number, b: number): void {
    const [one, other] = [this.#list[a]!, this.#list[b]!]
    this.#list[a] = other
    this.#list[b] = one
    other.index = a
    one.index = b
  }

  #remember(now: number, hint: PeerHint): void {
    this.#forget(hint.id)
    const known = { hint, at: now, index: this.#list.length }
    this.#peers.set(hint.id, known)
    this.#list.push(known)
  }

  #forget(id: string): void {
    const known = this.#peers.get(id)
    if (known === undefined) return
    this.#swap(known.index, this.#list.length - 1)
    this.#list.pop()
    this.#peers.delete(id)
  }

  #count(rack: string | undefined, by: 1 | -1): void {
    if (rack === undefined) return
    const count = (this.#fromRack.get(rack) ?? 0) + by
    if (count === 0) this.#fromRack.delete(rack)
    else this.#fromRack.set(rack, count)
  }

  #isNear(rack: string | undefined): boolean {
    return rack !== undefined && rack === this.#rack
  }

  #tell(news: readonly PeerHint[]): Telling[] {
    const open = [...this.#sessions].filter(([, { told }]) => told < TOLD_PEERS_MAX)
    const tellings: Telling[] = []
    for (const [session, listener] of sample(open, TOLD_SESSIONS_MAX, this.#random)) {
      const hints = news.filter(({ id }) => id !== listener.peer).slice(0, HINTS_MAX)
      if (hints.length === 0) continue
      listener.told += hints.length
      tellings.push({ session, hints })
    }
    return tellings
  }

  #prune(now: number): void {
    if (now - this.#prunedAt < PEER_LIFE_MS / 100) return
    this.#prunedAt = now
    for (const [id, { at }] of this.#peers) if (now - at > PEER_LIFE_MS) this.#forget(id)
  }

  /** For a peer that is really there: the one that was longest not heard of goes, which may be but a rumour. */
  #makeRoom(): void {
    let oldest: string | undefined
    let oldestAt = Number.POSITIVE_INFINITY
    for (const [id, { at }] of this.#peers) {
      if (at >= oldestAt) continue
      oldest = id
      oldestAt = at
    }
    if (oldest !== undefined) this.#forget(oldest)
  }
}

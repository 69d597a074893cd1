/**
 * The peers that keep providers, as this node knows them, with their places in the key space: pure bookkeeping over time
 * that is passed in. Peers come from connections (kad-dht's routing table holds only peers that it has connected to) and
 * from walks; a peer that does not answer is passed over for a while, and forgotten when it goes on so.
 */
import { FAILED_MS_MAX, FAILED_MS_MIN, PEERS_KNOWN_MAX, REGION_LIFE_MS, WHOLE_LIFE_MS } from './constants.ts'
import { compareKad, type KadId, type Placed } from './kad.ts'
import type { Region } from './sweep.ts'

export interface KnownPeer extends Placed {
  readonly peer: string
}

interface Entry extends KnownPeer {
  connected: boolean
  failures: number
  retryAt: number
  /** It broke the protocol; a new connection changes nothing about that. */
  shunned: boolean
}

const FAILURES_MAX = 5
const REGIONS_MAX = 4096

export class Directory {
  readonly #self: KnownPeer
  readonly #entries = new Map<string, Entry>()
  #regions: (Region & { until: number })[] = []
  #sorted: KnownPeer[] | undefined
  #soonestRetry = Infinity

  constructor(self: KnownPeer) {
    this.#self = self
  }

  /** Peers that may be asked now, and this node itself, in the order of the key space. */
  sorted(now: number): readonly KnownPeer[] {
    if (this.#sorted === undefined || now >= this.#soonestRetry) {
      this.#soonestRetry = Infinity
      const usable: KnownPeer[] = [this.#self]
      for (const entry of this.#entries.values()) {
        if (entry.retryAt <= now) {
          entry.shunned = false
          usable.push(entry)
        } else this.#soonestRetry = Math.min(this.#soonestRetry, entry.retryAt)
      }
      this.#sorted = usable.sort(compareKad)
    }
    return this.#sorted
  }

  /** Peers that are known, usable or not, without this node. */
  get size(): number {
    return this.#entries.size
  }

  connected(peer: string, kadId: KadId): void {
    const entry = this.#entry(peer, kadId)
    if (entry === undefined) return
    entry.connected = true
    if (entry.shunned) return
    entry.failures = 0
    if (entry.retryAt > 0) this.#sorted = undefined
    entry.retryAt = 0
  }

  disconnected(peer: string): void {
    const entry = this.#entries.get(peer)
    if (entry !== undefined) entry.connected = false
  }

  /** A walk found the peer. */
  found(peer: string, kadId: KadId): void {
    this.#entry(peer, kadId)
  }

  answered(peer: string): void {
    const entry = this.#entries.get(peer)
    if (entry !== undefined) entry.failures = 0
  }

  failed(peer: string, now: number): void {
    const entry = this.#entries.get(peer)
    // Several look-ups that fail at once are one failure.
    if (entry === undefined || entry.retryAt > now) return
    entry.failures += 1
    entry.retryAt = now + Math.min(FAILED_MS_MAX, FAILED_MS_MIN * 2 ** (entry.failures - 1))
    if (entry.failures >= FAILURES_MAX && !entry.connected) this.#entries.delete(peer)
    this.#sorted = undefined
  }

  /** The peer broke the protocol: it is passed over for FAILED_MS_MAX, connected or not. */
  shun(peer: string, now: number): void {
    const entry = this.#entries.get(peer)
    if (entry === undefined) return
    entry.shunned = true
    entry.retryAt = now + FAILED_MS_MAX
    this.#sorted = undefined
  }

  regions(now: number): readonly Region[] {
    this.#regions = this.#regions.filter((region) => region.until > now)
    return this.#regions
  }

  /** @param lifeMs by default that of a region that a walk has covered to its end */
  addRegion(region: Region, now: number, lifeMs?: number): void {
    if (this.#regions.length >= REGIONS_MAX) this.#regions.shift()
    const life = lifeMs ?? (region.bits === 0 ? WHOLE_LIFE_MS : REGION_LIFE_MS)
    this.#regions.push({ ...region, until: now + life })
  }

  #entry(peer: string, kadId: KadId): Entry | undefined {
    const known = this.#entries.get(peer)
    if (known !== undefined || peer === this.#self.peer) return known
    if (this.#entries.size >= PEERS_KNOWN_MAX && !this.#evict()) return undefined
    const entry = { peer, kadId, connected: false, failures: 0, retryAt: 0, shunned: false }
    this.#entries.set(peer, entry)
    this.#sorted = undefined
    return entry
  }

  /** Makes room: the peer that is known longest of those that are not connected goes. */
  #evict(): boolean {
    for (const [peer, entry] of this.#entries) {
      if (!entry.connected) return this.#entries.delete(peer)
    }
    return false
  }
}

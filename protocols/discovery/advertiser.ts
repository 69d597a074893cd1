/**
 * What a node has advertised and to whom: pure bookkeeping. It says what is due to be sent to which peer, from the keys,
 * the peers that are known now and what was sent before; whoever owns it sends, and reports what came of it.
 */
import { RENEW_MS } from './constants.ts'
import type { KnownPeer } from './directory.ts'
import { closest } from './kad.ts'
import type { PlacedKey } from './walker.ts'

interface OwnKey extends PlacedKey {
  readonly text: string
  /** Enough others provide it; it is left alone until then. */
  restUntil: number
}

/** One peer's share of what is due. */
export interface Due {
  readonly peer: string
  readonly keys: PlacedKey[]
}

export class Advertiser {
  readonly #responsible: number
  readonly #keys = new Map<string, OwnKey>()
  /** Peer → key → when it was sent. */
  readonly #sent = new Map<string, Map<string, number>>()

  constructor(responsible: number) {
    this.#responsible = responsible
  }

  get size(): number {
    return this.#keys.size
  }

  has(text: string): boolean {
    return this.#keys.has(text)
  }

  add(text: string, key: PlacedKey): void {
    if (!this.#keys.has(text)) this.#keys.set(text, { ...key, text, restUntil: 0 })
  }

  /**
   * What has to be sent so that each key is known to the peers that are responsible for it, and was within RENEW_MS.
   * @param peers usable peers and this node itself, sorted in key space
   */
  due(peers: readonly KnownPeer[], now: number): Due[] {
    const due = new Map<string, PlacedKey[]>()
    for (const own of this.#keys.values()) {
      if (own.restUntil > now) continue
      for (const { peer } of closest(peers, own.kadId, this.#responsible)) {
        const at = this.#sent.get(peer)?.get(own.text)
        if (at !== undefined && now - at < RENEW_MS) continue
        const keys = due.get(peer)
        if (keys === undefined) due.set(peer, [own])
        else keys.push(own)
      }
    }
    return [...due].map(([peer, keys]) => ({ peer, keys }))
  }

  /** The keys reached the peer. */
  sent(peer: string, texts: Iterable<string>, now: number): void {
    let keys = this.#sent.get(peer)
    if (keys === undefined) {
      keys = new Map()
      this.#sent.set(peer, keys)
    }
    for (const text of texts) if (this.#keys.has(text)) keys.set(text, now)
  }

  /** Enough others provide the key. */
  rest(text: string, now: number): void {
    const own = this.#keys.get(text)
    if (own !== undefined) own.restUntil = now + RENEW_MS
  }

  /** The peer may have lost what it was sent; what is due to it is everything again. */
  lost(peer: string): void {
    this.#sent.delete(peer)
  }

  /** Takes keys out. @returns who has to be told, and of which */
  remove(texts: Iterable<string>): Map<string, string[]> {
    const tell = new Map<string, string[]>()
    const gone = [...texts].filter((text) => this.#keys.delete(text))
    for (const [peer, keys] of this.#sent) {
      const told = gone.filter((text) => keys.delete(text))
      if (told.length > 0) tell.set(peer, told)
      if (keys.size === 0) this.#sent.delete(peer)
    }
    return tell
  }

  texts(): string[] {
    return [...this.#keys.keys()]
  }

  /** Forgets peers that were sent to long ago and are not responsible any more; their records have ended. */
  forgetOld(now: number, ttlMs: number): void {
    for (const [peer, keys] of this.#sent) {
      for (const [text, at] of keys) if (now - at > ttlMs) keys.delete(text)
      if (keys.size === 0) this.#sent.delete(peer)
    }
  }
}

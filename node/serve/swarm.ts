import type { CID } from 'multiformats/cid'
import type { Random } from '../../protocols/ports.ts'
import { Spread } from '../decisions/spread.ts'
import { PEERS_KNOWN_MAX, type PeerHint, SwarmBook, type Telling } from '../decisions/swarm-book.ts'

/** Images whose peers are remembered. */
export const IMAGES_MAX = 256

type Tell = (peers: PeerHint[]) => void

interface Swarm {
  readonly book: SwarmBook
  readonly spread: Spread
  readonly tells: Map<number, Tell>
}

/**
 * The peers of each image that this node has heard of, so that peers find each other without asking the DHT again. Carries
 * out the decisions of a SwarmBook for each image.
 */
export class Swarms {
  readonly #swarms = new Map<string, Swarm>()
  readonly #listeners = new Map<string, Set<Tell>>()
  readonly #now: () => number
  readonly #random: Random
  readonly #rack: string | undefined
  #nextSession = 1

  /** @param rack where this node stands, if it knows */
  constructor(now: () => number, random: Random, rack?: string | undefined) {
    this.#now = now
    this.#random = random
    this.#rack = rack
  }

  /** A peer opened a session about the image. @param tell takes what the peer is to be told @returns ends it */
  joined(root: CID, hint: PeerHint, tell: Tell): () => void {
    this.#notify(root, [hint])
    const swarm = this.#of(root)
    if (swarm === undefined) return () => {}
    const session = this.#nextSession++
    swarm.tells.set(session, tell)
    carryOut(swarm, swarm.book.joined(this.#now(), session, hint))
    return () => {
      swarm.tells.delete(session)
      swarm.book.left(session)
      swarm.spread.left(hint.id)
    }
  }

  /** A peer found no room for a session about the image. @returns whom else it may ask */
  refused(root: CID, hint: PeerHint): PeerHint[] {
    this.#notify(root, [hint])
    return this.#of(root)?.book.refused(this.#now(), hint) ?? []
  }

  /**
   * Is there room for one more session about the image? If not, `refused` says whom else to ask.
   * @param rack where the peer stands
   */
  admits(root: CID, rack: string | undefined): boolean {
    return this.#swarms.get(root.toString())?.book.admits(rack) ?? true
  }

  /**
   * @returns undefined if the peer shall have the pieces of the image that it thinks nobody else has; otherwise those of its
   * wishes that are kept for it; see Spread
   */
  grant(root: CID, peer: string, pieces: readonly number[], wishes: readonly number[]): number[] | undefined {
    return this.#of(root)?.spread.grant(this.#now(), peer, pieces, wishes)
  }

  /** Peers of the image became known. */
  heardOf(root: CID, hints: readonly PeerHint[]): void {
    this.#notify(root, hints)
    const swarm = this.#of(root)
    if (swarm !== undefined) carryOut(swarm, swarm.book.heardOf(this.#now(), hints))
  }

  /** All known peers of the image, in random order. */
  peers(root: CID): PeerHint[] {
    return this.#swarms.get(root.toString())?.book.choose(this.#now(), PEERS_KNOWN_MAX) ?? []
  }

  /** Calls back with whoever is heard of, for a fetch that looks for peers. @returns ends it */
  listen(root: CID, heard: Tell): () => void {
    const key = root.toString()
    const listeners = this.#listeners.get(key) ?? new Set()
    this.#listeners.set(key, listeners.add(heard))
    return () => {
      listeners.delete(heard)
      if (listeners.size === 0) this.#listeners.delete(key)
    }
  }

  #notify(root: CID, hints: readonly PeerHint[]): void {
    for (const heard of this.#listeners.get(root.toString()) ?? []) heard([...hints])
  }

  #of(root: CID): Swarm | undefined {
    const key = root.toString()
    const known = this.#swarms.get(key)
    if (known !== undefined) return known
    if (this.#swarms.size >= IMAGES_MAX) {
      for (const [other, swarm] of this.#swarms) {
        if (swarm.tells.size > 0) continue
        this.#swarms.delete(other)
        break
      }
      if (this.#swarms.size >= IMAGES_MAX) return undefined
    }
    const swarm: Swarm = { book: new SwarmBook(this.#random, this.#rack), spread: new Spread(), tells: new Map() }
    this.#swarms.set(key, swarm)
    return swarm
  }
}

function carryOut({ tells }: Swarm, tellings: readonly Telling[]): void {
  for (const { session, hints } of tellings) tells.get(session)?.(hints)
}

import type { CID } from 'multiformats/cid'
import { PEERS_MAX } from '../../protocols/blocks/constants.ts'
import type { PeerHint } from '../../protocols/blocks/messages.ts'

/** Images whose peers are remembered, and how long a peer is told of after it was last heard of. */
export const IMAGES_MAX = 256
export const PEERS_PER_IMAGE_MAX = 256
export const PEER_LIFE_MS = 120_000

type Tell = (peers: PeerHint[]) => void

interface Swarm {
  readonly peers: Map<string, { hint: PeerHint; at: number }>
  readonly tells: Map<Tell, string>
}

/** The peers of each image that this node has heard of, so that peers find each other without asking the DHT again. */
export class Swarms {
  readonly #swarms = new Map<string, Swarm>()
  readonly #now: () => number
  readonly #random: () => number

  constructor(now: () => number, random: () => number) {
    this.#now = now
    this.#random = random
  }

  /** A peer opened a session about the image: it hears of the others, and the others of it. */
  joined(root: CID, hint: PeerHint, tell: Tell): () => void {
    const swarm = this.#of(root)
    if (swarm === undefined) return () => {}
    const others = this.peers(root).filter((peer) => peer.id !== hint.id)
    if (!swarm.peers.has(hint.id)) this.#makeRoom(swarm)
    this.heardOf(root, [hint])
    swarm.tells.set(tell, hint.id)
    if (others.length > 0) tell(others)
    return () => swarm.tells.delete(tell)
  }

  /** Peers of the image became known; those with a session hear of the new ones. */
  heardOf(root: CID, hints: PeerHint[]): void {
    const swarm = this.#of(root)
    if (swarm === undefined) return
    const news: PeerHint[] = []
    this.#prune(swarm)
    for (const hint of hints) {
      const known = swarm.peers.has(hint.id)
      // What is not remembered is not passed on either: else it would be news each time, and go round for ever.
      if (!known && swarm.peers.size >= PEERS_PER_IMAGE_MAX) continue
      if (!known) news.push(hint)
      swarm.peers.set(hint.id, { hint, at: this.#now() })
    }
    if (news.length === 0) return
    for (const [tell, id] of swarm.tells) {
      const others = news.filter((hint) => hint.id !== id)
      if (others.length > 0) tell(others.slice(0, PEERS_MAX))
    }
  }

  /** A random choice of the image's peers. */
  peers(root: CID): PeerHint[] {
    const swarm = this.#swarms.get(root.toString())
    if (swarm === undefined) return []
    this.#prune(swarm)
    const all = [...swarm.peers.values()].map(({ hint }) => ({ hint, key: this.#random() }))
    return all
      .sort((a, b) => a.key - b.key)
      .slice(0, PEERS_MAX)
      .map(({ hint }) => hint)
  }

  forget(peer: string): void {
    for (const swarm of this.#swarms.values()) swarm.peers.delete(peer)
  }

  #prune(swarm: Swarm): void {
    for (const [id, { at }] of swarm.peers) if (this.#now() - at > PEER_LIFE_MS) swarm.peers.delete(id)
  }

  /** For a peer that is really there: the one that was longest not heard of goes, which may be but a rumour. */
  #makeRoom(swarm: Swarm): void {
    if (swarm.peers.size < PEERS_PER_IMAGE_MAX) return
    let oldest: string | undefined
    let oldestAt = Number.POSITIVE_INFINITY
    for (const [id, { at }] of swarm.peers) {
      if (at >= oldestAt) continue
      oldest = id
      oldestAt = at
    }
    if (oldest !== undefined) swarm.peers.delete(oldest)
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
    const swarm: Swarm = { peers: new Map(), tells: new Map() }
    this.#swarms.set(key, swarm)
    return swarm
  }
}

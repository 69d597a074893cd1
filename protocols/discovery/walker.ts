/** Walks through the DHT for regions of the key space whose peers this node does not know. */
import type { PeerId } from '@libp2p/interface'
import type { KadDHT } from '@libp2p/kad-dht'
import type { Clock, Log } from '../ports.ts'
import { SMALL_NETWORK_PEERS, UNSURE_LIFE_MS, WALK_PEERS, WALKS_PARALLEL_MAX } from './constants.ts'
import type { Directory } from './directory.ts'
import { KAD_BITS, kadIdOf, type Placed } from './kad.ts'
import { pickWalks, regionOf, uncovered } from './sweep.ts'

/** A key and its place in the key space. */
export interface PlacedKey extends Placed {
  readonly key: Uint8Array
}

export class Walker {
  readonly #dht: KadDHT
  readonly #directory: Directory
  readonly #clock: Clock
  readonly #log: Log

  constructor(dht: KadDHT, directory: Directory, clock: Clock, log: Log) {
    this.#dht = dht
    this.#directory = directory
    this.#clock = clock
    this.#log = log
  }

  /**
   * Walks until all keys are covered, or `most` walks are done, or the signal aborts. Never rejects.
   * @param timeoutMs of one walk
   */
  async cover(keys: readonly PlacedKey[], most: number, timeoutMs: number, signal: AbortSignal): Promise<void> {
    let left = most
    while (left > 0 && !signal.aborted) {
      // A node alone has nobody to ask.
      if (this.#directory.size === 0) return
      const open = uncovered(keys, this.#directory.regions(this.#clock.now()))
      if (open.length === 0) return
      // The first answer may show that the network is small, and cover everything.
      const first = left === most
      const targets = pickWalks(open, Math.min(left, first ? 1 : WALKS_PARALLEL_MAX))
      left -= targets.length
      const walked = await Promise.all(targets.map((target) => this.#walk(target, timeoutMs, signal)))
      if (!walked.includes(true)) return
    }
  }

  /** @returns whether it came to an answer */
  async #walk(target: PlacedKey, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    const answered = new Map<string, Placed>()
    const final: Placed[] = []
    let ended = false
    try {
      const within = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
      for await (const event of this.#dht.getClosestPeers(target.key, { signal: within })) {
        if (event.name === 'PEER_RESPONSE') this.#note(event.from, answered)
        if (event.name === 'FINAL_PEER') final.push(this.#note(event.peer.id, answered))
      }
      ended = true
    } catch (error) {
      this.#log.debug({ error: String(error) }, 'a walk through the DHT ended early')
    }
    // An answer without anyone says nothing about the region.
    if (answered.size === 0 || signal.aborted) return false
    // A walk that dead peers held up until its time was over found the living ones, and would be held up again.
    const region = regionOf(target.kadId, ended ? final : [...answered.values()], WALK_PEERS)
    // Few answers mean a small network, unless this node knows better: then they mean gaps in others' routing tables.
    const small = region.bits === 0 && this.#directory.size > SMALL_NETWORK_PEERS
    const covered = small ? { prefix: target.kadId, bits: KAD_BITS } : region
    this.#directory.addRegion(covered, this.#clock.now(), ended ? undefined : UNSURE_LIFE_MS)
    return ended
  }

  #note(id: PeerId, answered: Map<string, Placed>): Placed {
    const peer = id.toString()
    const placed = answered.get(peer) ?? { kadId: kadIdOf(id.toMultihash().bytes) }
    answered.set(peer, placed)
    this.#directory.found(peer, placed.kadId)
    return placed
  }
}

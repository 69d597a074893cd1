/** Walks through the DHT for regions of the key space whose peers this node does not know. */
import type { KadDHT } from '@libp2p/kad-dht'
import type { Clock, Log } from '../ports.ts'
import { RESPONSIBLE_PEERS, SMALL_NETWORK_PEERS, WALK_PEERS, WALK_TIMEOUT_MS, WALKS_PARALLEL_MAX } from './constants.ts'
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

  /** Walks until all keys are covered, or `most` walks are done, or the signal aborts. Never rejects. */
  async cover(keys: readonly PlacedKey[], most: number, signal: AbortSignal): Promise<void> {
    let left = most
    while (left > 0 && !signal.aborted) {
      // A node alone, or one that knows no more peers than are responsible for every key anyway, needs no walk.
      if (this.#directory.size < RESPONSIBLE_PEERS) return
      const open = uncovered(keys, this.#directory.regions(this.#clock.now()))
      if (open.length === 0) return
      // The first answer may show that the network is small, and cover everything.
      const first = left === most
      const targets = pickWalks(open, Math.min(left, first ? 1 : WALKS_PARALLEL_MAX))
      left -= targets.length
      const walked = await Promise.all(targets.map((target) => this.#walk(target, signal)))
      if (!walked.includes(true)) return
    }
  }

  /** @returns whether it came to an answer */
  async #walk(target: PlacedKey, signal: AbortSignal): Promise<boolean> {
    const answer: Placed[] = []
    try {
      const within = AbortSignal.any([signal, AbortSignal.timeout(WALK_TIMEOUT_MS)])
      for await (const event of this.#dht.getClosestPeers(target.key, { signal: within })) {
        if (event.name !== 'FINAL_PEER') continue
        const kadId = kadIdOf(event.peer.id.toMultihash().bytes)
        this.#directory.found(event.peer.id.toString(), kadId)
        answer.push({ kadId })
      }
    } catch (error) {
      this.#log.debug({ error: String(error) }, 'a walk through the DHT ended early')
      return false
    }
    // An answer without anyone says nothing about the region.
    if (answer.length === 0) return false
    const region = regionOf(target.kadId, answer, WALK_PEERS)
    // Few answers mean a small network, unless this node knows better: then they mean gaps in others' routing tables.
    const small = region.bits === 0 && this.#directory.size > SMALL_NETWORK_PEERS
    this.#directory.addRegion(small ? { prefix: target.kadId, bits: KAD_BITS } : region, this.#clock.now())
    return true
  }
}

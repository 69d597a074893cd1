/**
 * Fills the routing table after the first connection. kad-dht asks once, a second after the start, when a fresh node may
 * know a single peer that is as new as itself, and then not for five minutes; so walks are repeated here, with growing
 * pauses, until the table stops growing (or for as long as it knows only few), and again when connections come back after there were none.
 */
import { randomBytes } from 'node:crypto'
import type { Libp2p } from '@libp2p/interface'
import type { KadDHT } from '@libp2p/kad-dht'
import type { Log } from '../../protocols/ports.ts'
import {
  BUCKET_PEERS,
  FILL_EMPTY_ROUNDS_MAX,
  FILL_FEW_PAUSE_MS,
  FILL_FEW_PEERS,
  FILL_PAUSES_MS,
  FILL_QUIET_ROUNDS,
  FILL_RANDOM_WALKS,
  FILL_WALK_TIMEOUT_MS,
} from './constants.ts'

export class Fill {
  readonly #libp2p: Libp2p
  readonly #dht: KadDHT
  readonly #log: Log
  readonly #stopped = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #round = 0
  #quiet = 0
  #seen = 0
  #empty = 0
  #active = false

  constructor(libp2p: Libp2p, dht: KadDHT, log: Log) {
    this.#libp2p = libp2p
    this.#dht = dht
    this.#log = log
  }

  start(): void {
    this.#libp2p.addEventListener('peer:connect', this.#onConnect)
    this.#libp2p.addEventListener('peer:disconnect', this.#onDisconnect)
  }

  stop(): void {
    this.#libp2p.removeEventListener('peer:connect', this.#onConnect)
    this.#libp2p.removeEventListener('peer:disconnect', this.#onDisconnect)
    this.#stopped.abort()
    clearTimeout(this.#timer)
  }

  readonly #onConnect = (): void => {
    if (this.#active) return
    this.#active = true
    this.#round = 0
    this.#quiet = 0
    this.#seen = 0
    this.#empty = 0
    this.#schedule()
  }

  readonly #onDisconnect = (): void => {
    if (this.#libp2p.getConnections().length > 0) return
    this.#active = false
    clearTimeout(this.#timer)
  }

  #schedule(): void {
    const pause = this.#pause()
    if (pause === undefined || this.#stopped.signal.aborted) return
    this.#round += 1
    this.#timer = setTimeout(() => void this.#run(), pause)
    this.#timer.unref()
  }

  /** Nodes that start together may each stop looking before the others have come: who knows few goes on, slowly. */
  #pause(): number | undefined {
    const pause = this.#quiet >= FILL_QUIET_ROUNDS ? undefined : FILL_PAUSES_MS[this.#round]
    return pause ?? (this.#seen < FILL_FEW_PEERS ? FILL_FEW_PAUSE_MS : undefined)
  }

  async #run(): Promise<void> {
    const targets = [this.#libp2p.peerId.toMultihash().bytes]
    // Where an answer names everybody, the walk to this node itself finds all; elsewhere the far buckets fill only so.
    if (this.#seen >= BUCKET_PEERS) for (let i = 0; i < FILL_RANDOM_WALKS; i++) targets.push(randomBytes(32))
    const found = await Promise.all(targets.map((target) => this.#walk(target)))
    const answered = Math.max(...found)
    const peers = Math.max(answered, this.#libp2p.getPeers().length)
    if (answered === 0 && this.#empty < FILL_EMPTY_ROUNDS_MAX) {
      // The first peer is not in the table yet: kad-dht pings it before it believes in it.
      this.#empty += 1
      this.#round = 0
    } else this.#quiet = peers > this.#seen ? 0 : this.#quiet + 1
    this.#seen = Math.max(this.#seen, peers)
    if (this.#active) this.#schedule()
  }

  /** @returns how many peers answered */
  async #walk(target: Uint8Array): Promise<number> {
    const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(FILL_WALK_TIMEOUT_MS)])
    let answered = 0
    try {
      for await (const event of this.#dht.getClosestPeers(target, { signal })) {
        if (event.name === 'PEER_RESPONSE') answered += 1
      }
    } catch (error) {
      this.#log.debug({ error: String(error) }, 'a walk through the DHT ended early')
    }
    return answered
  }
}

import { rackKey } from '../../protocols/discovery/rack-key.ts'
import { hookKeys } from '../../protocols/table/sample.ts'
import type { Table } from '../../protocols/table/table.ts'
import { chooseHookPeers, HOOK_DIALS_MS, HOOK_PROVIDERS_MAX, hooksToLookUp } from '../decisions/hook-peers.ts'
import type { Candidate } from '../decisions/peer-book.ts'
import { type ColdFetch, stalled } from './cold.ts'
import type { FetchDeps, FetchTarget } from './ports.ts'
import type { OpenPeer, Sessions } from './sessions.ts'

/** How long a fetch waits for its first peer. */
const FIRST_PEER_MS = 15_000
const FIRST_PEER_LOOK_MS = 200
const PROVIDERS_MAX = 20
const FIND_TIMEOUT_MS = 3_000
const DIALLED_LOOK_MS = 50

/** A key of the DHT, and where those who advertise it stand, as they say with it. */
interface Sought {
  readonly key: Uint8Array
  readonly rack?: string
}

/** Finds the peers of one fetch: those of the image, and those that have its blocks in other images. */
export class PeerSearch {
  readonly #deps: FetchDeps
  readonly #target: FetchTarget
  readonly #sessions: Sessions
  /** Peers that advertise cold blocks, and the questions which, to those that there is a session with. */
  readonly #hooked = new Set<string>()
  readonly #probes = new Map<string, Promise<void>>()
  #seeking = false
  #hookPeersSought = false
  #onOpened: (() => void) | undefined

  constructor(deps: FetchDeps, target: FetchTarget, sessions: Sessions) {
    this.#deps = deps
    this.#target = target
    this.#sessions = sessions
  }

  /** Begins with the builder and whoever else is known at once. @returns when the first look-up is over */
  begin(): Promise<void> {
    this.#sessions.add([{ peer: this.#target.builder, addresses: [], role: 'builder' }])
    return this.seek()
  }

  opened(): void {
    this.#onOpened?.()
  }

  closed(peer: string): void {
    this.#probes.delete(peer)
  }

  /** Looks for peers that hold or fetch the image. */
  async seek(): Promise<void> {
    const { root } = this.#target
    const known = this.#deps.server.swarms.peers(root)
    this.#sessions.add(known.map(({ id, ...hint }) => ({ peer: id, ...hint, role: 'swarm' })))
    await this.#seek([{ key: root.multihash.digest }, ...this.#near()])
  }

  /** Looks for those of them that stand in this node's rack. */
  async seekNear(): Promise<void> {
    await this.#seek(this.#near())
  }

  #near(): Sought[] {
    const { rack } = this.#deps
    return rack === undefined ? [] : [{ key: rackKey(this.#target.root.multihash.digest, rack), rack }]
  }

  async #seek(sought: readonly Sought[]): Promise<void> {
    if (this.#seeking || sought.length === 0) return
    this.#seeking = true
    const { name, builder } = this.#target
    try {
      const keys = sought.map(({ key }) => key)
      const found = await this.#deps.mesh.find(keys, PROVIDERS_MAX, AbortSignal.timeout(FIND_TIMEOUT_MS))
      const candidates = found.flatMap(({ providers }, i) => {
        const rack = sought[i]?.rack
        return providers.map(({ peer, addresses }): Candidate => {
          return { peer, addresses, role: peer === builder ? 'builder' : 'swarm', rack }
        })
      })
      this.#deps.log.debug({ name, providers: candidates.length }, 'looked for peers')
      this.#sessions.add(candidates)
    } catch (error) {
      this.#deps.log.debug({ name, error: (error as Error).message }, 'found no peers')
    } finally {
      this.#seeking = false
    }
  }

  /**
   * Looks for peers that hold cold blocks in other images: those that advertise the most of their hook hashes; asks them
   * which. Once for each fetch.
   * @param cold rows of the table
   */
  async seekHookPeers(table: Table, rows: Uint32Array, cold: ColdFetch): Promise<void> {
    if (this.#hookPeersSought) return
    this.#hookPeersSought = true
    try {
      const others = new Uint8Array(table.entries).fill(1)
      for (const row of rows) others[row] = 0
      const keys = hookKeys({ hashes: table.hashes, zero: others }, this.#deps.hookBits)
      if (keys.length > 0) {
        const signal = AbortSignal.timeout(FIND_TIMEOUT_MS)
        const found = await this.#deps.mesh.find(hooksToLookUp(keys), HOOK_PROVIDERS_MAX, signal)
        const candidates = chooseHookPeers(found.map(({ providers }) => providers))
        for (const { peer } of candidates) this.#hooked.add(peer)
        this.#sessions.add(candidates)
        if (candidates.length > 0) await this.dialled()
        await Promise.all(this.#sessions.open.map((peer) => this.probe(peer, cold)))
      }
    } catch (error) {
      this.#deps.log.debug({ error: (error as Error).message }, 'found no peers by hook hashes')
    } finally {
      cold.settled()
    }
  }

  /** Asks a peer that advertises cold blocks which of them it has; also one that fetches the image, and so has part of it. */
  async probe(peer: OpenPeer, cold: ColdFetch | undefined): Promise<void> {
    if (cold === undefined || peer.holdings.holds === 'all' || !this.#hooked.has(peer.peer)) return
    const answered = this.#probes.get(peer.peer) ?? this.#askWhich(peer, cold)
    this.#probes.set(peer.peer, answered)
    await answered
  }

  /** Waits until there is a session with somebody. @throws NO_PEERS */
  async somePeer(signal: AbortSignal): Promise<void> {
    const until = this.#deps.clock.now() + FIRST_PEER_MS
    while (this.#sessions.open.length === 0) {
      signal.throwIfAborted()
      if (this.#deps.clock.now() > until) throw stalled(this.#target.name, false)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, FIRST_PEER_LOOK_MS)
        this.#onOpened = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#onOpened = undefined
      this.#sessions.fill()
      if (this.#sessions.open.length === 0 && this.#sessions.dialing === 0) void this.seek()
    }
  }

  /** Waits until no dial is under way, shortly. */
  async dialled(): Promise<void> {
    for (let waited = 0; waited < HOOK_DIALS_MS && this.#sessions.dialing > 0; waited += DIALLED_LOOK_MS) {
      await new Promise((resolve) => setTimeout(resolve, DIALLED_LOOK_MS))
    }
  }

  async #askWhich(peer: OpenPeer, cold: ColdFetch): Promise<void> {
    try {
      const blocks = await cold.probe(peer)
      this.#deps.log.debug({ peer: peer.peer, blocks }, 'the peer holds blocks of the image in another one')
    } catch (error) {
      this.#deps.log.debug({ peer: peer.peer, error: (error as Error).message }, 'the peer did not answer a probe')
    }
  }
}

/**
 * Keeps a node in the mesh: as long as it has no connection it dials the bootstrap peers and the peers that it remembers,
 * in rounds, with a pause that doubles. With connections it remembers the addresses of good peers, so that a restart
 * works when the bootstrap peers are gone, and now and then dials bootstrap peers that it lost, so that two meshes that
 * were parted become one again.
 */
import type { Libp2p } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Log } from '../../protocols/ports.ts'
import { parseAddress, peerOf } from './addresses.ts'
import {
  ADDRESSES_PER_PEER_MAX,
  BOOTSTRAP_CHECK_MS,
  BOOTSTRAP_MS_MAX,
  BOOTSTRAP_MS_MIN,
  BOOTSTRAP_PARALLEL_MAX,
  DIAL_TIMEOUT_MS,
  REMEMBER_MS,
  REMEMBERED_MAX,
} from './constants.ts'

/** Addresses that outlive a restart, each with /p2p/PEER at its end, the latest known good first. */
export interface RememberedPeers {
  load(): string[]
  save(addresses: string[]): Promise<void> | void
}

export class Bootstrap {
  readonly #libp2p: Libp2p
  readonly #bootstrap: readonly Multiaddr[]
  readonly #remembered: RememberedPeers
  readonly #log: Log
  readonly #stopped = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #remember: NodeJS.Timeout | undefined
  #pauseMs = BOOTSTRAP_MS_MIN
  #saved = ''
  #round: Promise<void> | undefined

  constructor(libp2p: Libp2p, bootstrap: readonly Multiaddr[], remembered: RememberedPeers, log: Log) {
    this.#libp2p = libp2p
    this.#bootstrap = bootstrap
    this.#remembered = remembered
    this.#log = log
  }

  /** Begins with a round at once; does not wait for it. */
  start(): void {
    this.#libp2p.addEventListener('peer:disconnect', this.#onDisconnect)
    this.#schedule(0)
    this.#remember = setInterval(() => void this.#save(), REMEMBER_MS)
    this.#remember.unref()
  }

  /** Saves what is to be remembered; to be called while connections are still open. */
  async stop(): Promise<void> {
    this.#libp2p.removeEventListener('peer:disconnect', this.#onDisconnect)
    this.#stopped.abort()
    clearTimeout(this.#timer)
    clearInterval(this.#remember)
    await this.#round
    await this.#save()
  }

  readonly #onDisconnect = (): void => {
    if (this.#libp2p.getConnections().length > 0) return
    this.#pauseMs = BOOTSTRAP_MS_MIN
    this.#schedule(this.#pauseMs)
  }

  #schedule(ms: number): void {
    clearTimeout(this.#timer)
    if (this.#stopped.signal.aborted) return
    this.#timer = setTimeout(() => {
      this.#round ??= this.#run().finally(() => {
        this.#round = undefined
      })
    }, ms)
    this.#timer.unref()
  }

  async #run(): Promise<void> {
    const isolated = this.#libp2p.getConnections().length === 0
    const targets = isolated ? [...this.#bootstrap, ...this.#fromMemory()] : [...this.#bootstrap]
    await this.#dial(targets.filter((address) => !this.#isConnected(address)))
    if (this.#libp2p.getConnections().length > 0) {
      this.#pauseMs = BOOTSTRAP_MS_MIN
      this.#schedule(BOOTSTRAP_CHECK_MS)
      return
    }
    if (targets.length > 0) this.#log.debug({ targets: targets.length }, 'no bootstrap peer answered')
    this.#schedule(this.#pauseMs)
    this.#pauseMs = Math.min(this.#pauseMs * 2, BOOTSTRAP_MS_MAX)
  }

  async #dial(targets: Multiaddr[]): Promise<void> {
    const queue = [...targets]
    const worker = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        if (this.#stopped.signal.aborted) return
        const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)])
        try {
          await this.#libp2p.dial(next, { signal })
        } catch (error) {
          this.#log.debug({ address: next.toString(), error: String(error) }, 'a bootstrap peer did not answer')
        }
      }
    }
    await Promise.all(Array.from({ length: BOOTSTRAP_PARALLEL_MAX }, worker))
  }

  #isConnected(address: Multiaddr): boolean {
    const peer = peerOf(address)
    if (peer === this.#libp2p.peerId.toString()) return true
    return this.#libp2p.getConnections().some((connection) => {
      return peer === undefined
        ? connection.remoteAddr.toString().startsWith(address.toString())
        : connection.remotePeer.toString() === peer
    })
  }

  #fromMemory(): Multiaddr[] {
    let texts: string[] = []
    try {
      texts = this.#remembered.load()
    } catch (error) {
      this.#log.warn({ error: String(error) }, 'the addresses of peers could not be read')
    }
    return texts.slice(0, REMEMBERED_MAX).flatMap((text) => {
      try {
        return [parseAddress(text, 'remembered')]
      } catch {
        return []
      }
    })
  }

  async #save(): Promise<void> {
    try {
      const addresses = await this.#goodAddresses()
      // Nothing to remember is no reason to forget.
      if (addresses.length === 0 || addresses.join() === this.#saved) return
      const old = this.#remembered.load().filter((address) => !addresses.includes(address))
      await this.#remembered.save([...addresses, ...old].slice(0, REMEMBERED_MAX))
      this.#saved = addresses.join()
    } catch (error) {
      this.#log.warn({ error: String(error) }, 'the addresses of peers were not saved')
    }
  }

  /** Addresses at which connected peers can be dialled: those that were, and those that the peers announce. */
  async #goodAddresses(): Promise<string[]> {
    const good = new Set<string>()
    for (const connection of this.#libp2p.getConnections()) {
      if (good.size >= REMEMBERED_MAX) break
      const suffix = `/p2p/${connection.remotePeer.toString()}`
      const dialled = connection.direction === 'outbound' ? [connection.remoteAddr] : []
      const peer = await this.#libp2p.peerStore.get(connection.remotePeer).catch(() => undefined)
      const announced = peer?.addresses.map((address) => address.multiaddr) ?? []
      for (const address of [...dialled, ...announced].slice(0, ADDRESSES_PER_PEER_MAX)) {
        good.add(peerOf(address) === undefined ? `${address.toString()}${suffix}` : address.toString())
      }
    }
    return [...good]
  }
}

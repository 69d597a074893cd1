/**
 * Discovery over libp2p: the providers protocol on top of kad-dht's routing.
 *
 * kad-dht's own provider records take one message and one walk a key, cannot be withdrawn, live 48 hours and are answered
 * without a cap. Here the DHT says only which peers are close to a key; keys go to those in batches, one stream a peer.
 */
import type { Libp2p, PeerId } from '@libp2p/interface'
import type { KadDHT } from '@libp2p/kad-dht'
import { peerIdFromString } from '@libp2p/peer-id'
import type { Datastore } from 'interface-datastore'
import { HotblockError } from '../errors.ts'
import { type Clock, type Log, type Random, silentLog, systemClock } from '../ports.ts'
import { Advertiser, type Due } from './advertiser.ts'
import { batches, forEachParallel, ProvidersClient } from './client.ts'
import * as limits from './constants.ts'
import { Directory } from './directory.ts'
import {
  checkKeys,
  type Discovery,
  type FindOptions,
  type Found,
  keyOfText,
  keyText,
  type Provider,
} from './discovery.ts'
import { Finder } from './finder.ts'
import { ProvidersServer } from './handler.ts'
import { kadIdOf } from './kad.ts'
import { decodeAdded, plainAddress, type Request } from './messages.ts'
import {
  addProvider,
  createProviders,
  expireProviders,
  getProviders,
  recordCount,
  removeProvider,
} from './provider-store.ts'
import { SavedProviders } from './saved-providers.ts'
import { type PlacedKey, Walker } from './walker.ts'

export interface Libp2pDiscoveryInit {
  readonly libp2p: Libp2p
  readonly dht: KadDHT
  /** Where the provider records that this node keeps for others outlive a restart; in memory where none is given. */
  readonly datastore?: Datastore
  readonly log?: Log
  readonly clock?: Clock
  /** Milliseconds since the epoch. */
  readonly wallClock?: () => number
  readonly random?: Random
  /** Told of each offence of a peer. */
  readonly onOffence?: (peer: string, code: 'BAD_MESSAGE') => void
}

export interface DiscoveryCounts {
  /** Keys that this node advertises. */
  readonly advertisedKeys: number
  /** Provider records that it keeps for the mesh, its own among them. */
  readonly providerRecords: number
  /** Peers that it knows to keep providers. */
  readonly peers: number
}

/** A connection that follows so closely on what was sent over another one is no restart of the peer. */
const RESTART_MS_MIN = 3_000
/** Peers that did not answer are replaced by the next closest so often in a row. */
const ROUNDS_MAX = 3
/** Loopback and link-local. */
const LOCAL_ADDRESS = /^\/ip4\/127\.|^\/ip4\/169\.254\.|^\/ip6\/(::1|fe[89ab])/
const TICK_MS = limits.EXPIRE_INTERVAL_MS

export class Libp2pDiscovery implements Discovery {
  readonly #libp2p: Libp2p
  readonly #log: Log
  readonly #clock: Clock
  readonly #random: Random
  readonly #self: string
  readonly #directory: Directory
  readonly #client: ProvidersClient
  readonly #finder: Finder
  readonly #onOffence: (peer: string, code: 'BAD_MESSAGE') => void
  readonly #saved: SavedProviders | undefined
  readonly #walker: Walker
  readonly #advertiser = new Advertiser(limits.RESPONSIBLE_PEERS)
  readonly #providers = createProviders()
  readonly #server: ProvidersServer
  readonly #closed = new AbortController()
  /** When each peer was last sent keys, and which have been disconnected since. */
  readonly #sentAt = new Map<string, number>()
  readonly #away = new Set<string>()
  #topology: string | undefined
  #tick: NodeJS.Timeout | undefined
  #settle: NodeJS.Timeout | undefined
  #save: NodeJS.Timeout | undefined
  /** Sending and withdrawing take turns, so that no removal is overtaken by an addition. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(init: Libp2pDiscoveryInit) {
    this.#libp2p = init.libp2p
    this.#log = init.log ?? silentLog
    this.#clock = init.clock ?? systemClock
    this.#random = init.random ?? Math.random
    this.#self = init.libp2p.peerId.toString()
    const kadId = kadIdOf(init.libp2p.peerId.toMultihash().bytes)
    this.#directory = new Directory({ peer: this.#self, kadId })
    this.#walker = new Walker(init.dht, this.#directory, this.#clock, this.#log)
    this.#onOffence = init.onOffence ?? (() => {})
    const [log, clock, random, providers] = [this.#log, this.#clock, this.#random, this.#providers]
    this.#client = new ProvidersClient(init.libp2p)
    this.#finder = new Finder({
      client: this.#client,
      directory: this.#directory,
      walker: this.#walker,
      clock,
      random,
      log,
      self: this.#self,
      onFailure: (peer, error) => this.#fail(peer, error),
    })
    const { datastore, wallClock = Date.now } = init
    this.#saved = datastore === undefined ? undefined : new SavedProviders({ datastore, providers, log, wallClock })
    const onChange = (peer: string): void => this.#changed(peer)
    this.#server = new ProvidersServer({ providers, clock, random, onOffence: this.#onOffence, onChange })
  }

  /** To be called before the host starts, so that the first identify names the protocol. */
  async start(): Promise<void> {
    const serve = this.#server
    await this.#saved?.load(this.#clock.now())
    await this.#libp2p.handle(limits.PROVIDERS_PROTOCOL, (stream, connection) => serve.serve(stream, connection), {
      maxInboundStreams: limits.STREAMS_IN_MAX,
      maxOutboundStreams: limits.STREAMS_OUT_MAX,
    })
    this.#topology = await this.#libp2p.register(limits.PROVIDERS_PROTOCOL, {
      onConnect: (peer) => this.#onConnect(peer),
    })
    // A topology is not told of the end of a peer that has left the peer store in the meantime.
    this.#libp2p.addEventListener('peer:disconnect', this.#onDisconnect)
    this.#tick = setInterval(() => this.#onTick(), TICK_MS)
    this.#tick.unref()
  }

  counts(): DiscoveryCounts {
    return {
      advertisedKeys: this.#advertiser.size,
      providerRecords: recordCount(this.#providers),
      peers: this.#directory.size,
    }
  }

  async advertise(keys: Uint8Array[]): Promise<void> {
    checkKeys(keys)
    this.#checkOpen()
    const added = new Set(keys.map(keyText).filter((text) => !this.#advertiser.has(text)))
    if (this.#advertiser.size + added.size > limits.KEYS_ADVERTISED_MAX) {
      throw new HotblockError('USAGE', `a node advertises at most ${limits.KEYS_ADVERTISED_MAX} keys`)
    }
    const placed = keys.map(place)
    for (const key of placed) this.#advertiser.add(keyText(key.key), key)
    await this.#walker.cover(placed, limits.WALKS_PER_ADVERTISE_MAX, limits.WALK_TIMEOUT_MS, this.#closed.signal)
    await this.#takeTurn(() => this.#send())
  }

  async withdraw(keys: Uint8Array[]): Promise<void> {
    checkKeys(keys)
    await this.#takeTurn(() => this.#remove(keys.map(keyText), () => true))
  }

  async find(keys: Uint8Array[], options: FindOptions = {}): Promise<Found[]> {
    checkKeys(keys)
    this.#checkOpen()
    const limit = Math.min(Math.max(1, options.limit ?? limits.PROVIDERS_PER_KEY_MAX), limits.PROVIDERS_PER_KEY_MAX)
    const signal = options.signal ? AbortSignal.any([options.signal, this.#closed.signal]) : this.#closed.signal
    const placed = keys.map(place)
    const here = placed.map(({ key }) => this.#findHere(key, limit))
    const found = await this.#finder.find(placed, here, limit, signal)
    if (signal.aborted) throw new HotblockError('CANCELLED', 'the search for providers was stopped')
    return keys.map((key, at) => ({ key, providers: found[at]! }))
  }

  /** Withdraws from the peers that are connected, for a second at most; to be called before the host stops. */
  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return
    clearInterval(this.#tick)
    clearTimeout(this.#settle)
    clearTimeout(this.#save)
    this.#libp2p.removeEventListener('peer:disconnect', this.#onDisconnect)
    this.#closed.abort()
    if (this.#topology !== undefined) this.#libp2p.unregister(this.#topology)
    const isConnected = (peer: string) => this.#libp2p.getConnections(peerIdFromString(peer)).length > 0
    await this.#takeTurn(() => this.#remove(this.#advertiser.texts(), isConnected))
    await this.#libp2p.unhandle(limits.PROVIDERS_PROTOCOL)
    await this.#saved?.save(this.#clock.now())
  }

  readonly #onDisconnect = (event: CustomEvent<PeerId>): void => {
    const peer = event.detail.toString()
    this.#directory.disconnected(peer)
    if (this.#sentAt.has(peer)) this.#away.add(peer)
  }

  #changed(peer: string): void {
    if (this.#saved === undefined || this.#closed.signal.aborted) return
    this.#saved.changed(peer)
    this.#save ??= setTimeout(() => {
      this.#save = undefined
      void this.#saved?.save(this.#clock.now())
    }, limits.SAVE_MS)
    this.#save.unref()
  }

  #onConnect(id: PeerId): void {
    // Identify may end after the connection has.
    if (this.#closed.signal.aborted || this.#libp2p.getConnections(id).length === 0) return
    const now = this.#clock.now()
    const peer = id.toString()
    this.#directory.connected(peer, kadIdOf(id.toMultihash().bytes))
    // A peer that comes back may have been restarted, and have lost what it was sent.
    const back = this.#away.delete(peer)
    if (back || now - (this.#sentAt.get(peer) ?? now) > RESTART_MS_MIN) this.#advertiser.lost(peer)
    if (this.#advertiser.size > 0) this.#settleThenSend()
  }

  #settleThenSend(): void {
    if (this.#settle !== undefined || this.#closed.signal.aborted) return
    this.#settle = setTimeout(() => {
      this.#settle = undefined
      void this.#takeTurn(() => this.#send()).catch((error) => {
        this.#log.warn({ error: String(error) }, 'keys were not advertised again')
      })
    }, limits.SETTLE_MS)
    this.#settle.unref()
  }

  #onTick(): void {
    const now = this.#clock.now()
    expireProviders(this.#providers, now)
    void this.#saved?.save(now)
    this.#advertiser.forgetOld(now, limits.PROVIDER_TTL_MS)
    for (const [peer, at] of this.#sentAt) if (now - at > limits.PROVIDER_TTL_MS) this.#sentAt.delete(peer)
    for (const peer of this.#away) if (!this.#sentAt.has(peer)) this.#away.delete(peer)
    if (this.#advertiser.size > 0) this.#settleThenSend()
  }

  #takeTurn<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(task)
    this.#turn = result.catch(() => {})
    return result
  }

  /** Sends what is due; peers that do not answer are replaced by the next closest. */
  async #send(): Promise<void> {
    const addresses = this.#addresses()
    const refusals = new Map<string, { refused: number; taken: number }>()
    for (let round = 0; round < ROUNDS_MAX && !this.#closed.signal.aborted; round++) {
      const due = this.#advertiser.due(this.#directory.sorted(this.#clock.now()), this.#clock.now())
      if (due.length === 0) break
      let failed = 0
      await forEachParallel(due, limits.PEERS_PARALLEL_MAX, async (share) => {
        const refused = await this.#sendTo(share, addresses)
        if (refused === undefined) failed += 1
        else count(refusals, share, refused)
      })
      if (failed === 0) break
    }
    const now = this.#clock.now()
    for (const [text, { refused, taken }] of refusals) if (refused > taken) this.#advertiser.rest(text, now)
  }

  /** @returns the texts of the keys that the peer did not take; undefined where it did not answer */
  async #sendTo(share: Due, addresses: string[]): Promise<Set<string> | undefined> {
    const { peer } = share
    const keys = share.keys.slice(0, limits.KEYS_PER_MESSAGE_MAX * limits.MESSAGES_PER_STREAM_MAX)
    const texts = keys.map(({ key }) => keyText(key))
    if (peer === this.#self) {
      const refused = addProvider(this.#providers, { peer, addresses, keys: texts }, this.#clock.now())
      this.#advertiser.sent(peer, texts, this.#clock.now())
      return new Set(refused.map((at) => texts[at]!))
    }
    const lots = batches(keys.map(({ key }) => key))
    const requests = lots.map((lot): Request => ({ kind: 'add', keys: lot, addresses }))
    // Set before sending: a connection that this opens is not a peer that came back.
    this.#sentAt.set(peer, this.#clock.now())
    const refused: string[] = []
    try {
      await this.#client.ask(
        peer,
        requests,
        this.#closed.signal,
        limits.SEND_TIMEOUT_MS * lots.length,
        (answer, at) => {
          for (const index of decodeAdded(answer, lots[at]!.length)) refused.push(keyText(lots[at]![index]!))
        },
      )
      this.#directory.answered(peer)
      this.#advertiser.sent(peer, texts, this.#clock.now())
      return new Set(refused)
    } catch (error) {
      this.#fail(peer, error)
      return undefined
    }
  }

  async #remove(texts: string[], isTold: (peer: string) => boolean): Promise<void> {
    const tell = [...this.#advertiser.remove(texts)].filter(([peer]) => peer !== this.#self && isTold(peer))
    removeProvider(this.#providers, { peer: this.#self, keys: texts })
    const signal = AbortSignal.timeout(limits.WITHDRAW_TIMEOUT_MS)
    await forEachParallel(tell, limits.PEERS_PARALLEL_MAX, async ([peer, gone]) => {
      const requests = batches(gone.map(keyOfText)).map((keys): Request => ({ kind: 'remove', keys }))
      // What cannot be told ends by itself.
      try {
        await this.#client.ask(peer, requests, signal, limits.WITHDRAW_TIMEOUT_MS, () => {})
      } catch (error) {
        this.#log.debug({ peer, error: String(error) }, 'a peer was not told of a withdrawal')
      }
    })
  }

  #findHere(key: Uint8Array, limit: number): Map<string, Provider> {
    const event = { key: keyText(key), limit, except: this.#self }
    const here = getProviders(this.#providers, event, this.#clock.now(), this.#random)
    return new Map(
      here.map(({ peer, addresses }) => [peer, { peer, addresses: addresses.map((one) => `${one}/p2p/${peer}`) }]),
    )
  }

  #fail(peer: string, error: unknown): void {
    if (this.#closed.signal.aborted) return
    this.#log.debug({ peer, error: String(error) }, 'a peer did not answer the providers protocol')
    if (error instanceof HotblockError && error.code === 'BAD_MESSAGE') {
      this.#directory.shun(peer, this.#clock.now())
      this.#onOffence(peer, 'BAD_MESSAGE')
    } else this.#directory.failed(peer, this.#clock.now())
  }

  /** Those that no other host can use go last, since a host with many interfaces has more than fit. */
  #addresses(): string[] {
    const plain = this.#libp2p.getMultiaddrs().flatMap((address) => plainAddress(address.bytes) ?? [])
    const local = (address: string): number => Number(LOCAL_ADDRESS.test(address))
    return [...new Set(plain)].sort((a, b) => local(a) - local(b)).slice(0, limits.ADDRESSES_PER_PROVIDER_MAX)
  }

  #checkOpen(): void {
    if (this.#closed.signal.aborted) throw new HotblockError('CANCELLED', 'discovery is closed')
  }
}

function place(key: Uint8Array): PlacedKey {
  return { key, kadId: kadIdOf(key) }
}

function count(refusals: Map<string, { refused: number; taken: number }>, share: Due, refused: Set<string>): void {
  for (const { key } of share.keys) {
    const text = keyText(key)
    const counted = refusals.get(text) ?? { refused: 0, taken: 0 }
    if (refused.has(text)) counted.refused += 1
    else counted.taken += 1
    refusals.set(text, counted)
  }
}

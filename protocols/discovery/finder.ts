/** Asks the peers that are responsible for keys who provides them. */
import type { Clock, Log, Random } from '../ports.ts'
import { batches, forEachParallel, type ProvidersClient } from './client.ts'
import {
  ASK_TIMEOUT_MS,
  ASKED_PEERS,
  FIND_WALK_TIMEOUT_MS,
  PEERS_PARALLEL_MAX,
  RESPONSIBLE_PEERS,
  WALKS_PER_FIND_MAX,
} from './constants.ts'
import type { Directory } from './directory.ts'
import type { Provider } from './discovery.ts'
import { closest } from './kad.ts'
import { decodeFound, type Request } from './messages.ts'
import type { PlacedKey, Walker } from './walker.ts'

export interface FinderInit {
  readonly client: ProvidersClient
  readonly directory: Directory
  readonly walker: Walker
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** This node's peer id, which it does not ask and does not find. */
  readonly self: string
  /** Told of a peer that did not answer, or not properly. */
  readonly onFailure: (peer: string, error: unknown) => void
}

export class Finder {
  readonly #init: FinderInit

  constructor(init: FinderInit) {
    this.#init = init
  }

  /**
   * @param known for each key what this node itself keeps; it is added to
   * @returns for each key at most `limit` providers, in random order. Peers that fail are no failure
   */
  async find(
    keys: readonly PlacedKey[],
    known: Map<string, Provider>[],
    limit: number,
    signal: AbortSignal,
  ): Promise<Provider[][]> {
    const { walker, random } = this.#init
    const asked = keys.map(() => new Set<string>())
    await this.#askAll(keys, ASKED_PEERS, asked, limit, known, signal)
    const open = keys.filter((_, at) => known[at]!.size === 0)
    if (open.length > 0 && !signal.aborted) {
      // Who knows nothing may be none of the responsible ones: a walk shows who is.
      await walker.cover(open, WALKS_PER_FIND_MAX, FIND_WALK_TIMEOUT_MS, signal)
      await this.#askAll(keys, RESPONSIBLE_PEERS, asked, limit, known, signal)
    }
    return known.map((providers) => sample([...providers.values()], limit, random))
  }

  /**
   * Asks the `most` closest peers of each key about the keys that nothing is known of yet.
   * @param asked for each key who was asked before, and is not again; it is added to
   */
  async #askAll(
    keys: readonly PlacedKey[],
    most: number,
    asked: readonly Set<string>[],
    limit: number,
    found: Map<string, Provider>[],
    signal: AbortSignal,
  ): Promise<void> {
    const { directory, clock, self } = this.#init
    const peers = directory.sorted(clock.now())
    const shares = new Map<string, number[]>()
    keys.forEach((key, at) => {
      if (asked[at]!.size > 0 && found[at]!.size > 0) return
      for (const { peer } of closest(peers, key.kadId, most)) {
        if (peer === self || asked[at]!.has(peer)) continue
        asked[at]!.add(peer)
        const share = shares.get(peer)
        if (share === undefined) shares.set(peer, [at])
        else share.push(at)
      }
    })
    await forEachParallel(shares, PEERS_PARALLEL_MAX, async ([peer, share]) => {
      if (!signal.aborted) await this.#ask(peer, share, keys, limit, found, signal)
    })
  }

  /** @param share indices of the keys that the peer is asked about */
  async #ask(
    peer: string,
    share: readonly number[],
    keys: readonly PlacedKey[],
    limit: number,
    found: Map<string, Provider>[],
    signal: AbortSignal,
  ): Promise<void> {
    const { client, directory, self, onFailure } = this.#init
    const lots = batches(share)
    const requests = lots.map((lot): Request => ({ kind: 'get', keys: lot.map((at) => keys[at]!.key), limit }))
    try {
      await client.ask(peer, requests, signal, ASK_TIMEOUT_MS * lots.length, (answer, i) => {
        decodeFound(answer, lots[i]!.length).forEach((providers, j) => {
          for (const one of providers) if (one.peer !== self) merge(found[lots[i]![j]!]!, one)
        })
      })
      directory.answered(peer)
    } catch (error) {
      if (!signal.aborted) onFailure(peer, error)
    }
  }
}

function merge(into: Map<string, Provider>, provider: Provider): void {
  const known = into.get(provider.peer)
  if (known === undefined || known.addresses.length === 0) into.set(provider.peer, provider)
}

function sample<T>(items: T[], limit: number, random: Random): T[] {
  for (let i = 0; i < Math.min(limit, items.length); i++) {
    const j = i + Math.floor(random() * (items.length - i))
    const swapped = items[i]!
    items[i] = items[j]!
    items[j] = swapped
  }
  return items.slice(0, limit)
}

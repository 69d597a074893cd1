/** Asks the peers that are responsible for keys who provides them. */
import type { Clock, Log, Random } from '../ports.ts'
import { batches, forEachParallel, type ProvidersClient } from './client.ts'
import {
  ASK_TIMEOUT_MS,
  ASKED_PEERS,
  KEYS_PER_MESSAGE_MAX,
  MESSAGES_PER_STREAM_MAX,
  PEERS_PARALLEL_MAX,
  RESPONSIBLE_PEERS,
} from './constants.ts'
import type { Directory, KnownPeer } from './directory.ts'
import type { Provider } from './discovery.ts'
import { closest } from './kad.ts'
import { decodeFound, type Request } from './messages.ts'
import type { PlacedKey } from './walker.ts'

export interface FinderInit {
  readonly client: ProvidersClient
  readonly directory: Directory
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
    const { directory, clock, random } = this.#init
    const peers = directory.sorted(clock.now())
    const responsible = keys.map((key) => closest(peers, key.kadId, RESPONSIBLE_PEERS))
    await this.#askAll(keys, responsible, 0, ASKED_PEERS, limit, known, signal)
    await this.#askAll(keys, responsible, ASKED_PEERS, RESPONSIBLE_PEERS, limit, known, signal)
    return known.map((providers) => sample([...providers.values()], limit, random))
  }

  /** Asks the from-th to to-th closest peers of each key; later ones only about keys that nothing is known of yet. */
  async #askAll(
    keys: readonly PlacedKey[],
    responsible: readonly (readonly KnownPeer[])[],
    from: number,
    to: number,
    limit: number,
    found: Map<string, Provider>[],
    signal: AbortSignal,
  ): Promise<void> {
    const shares = new Map<string, number[]>()
    keys.forEach((_, at) => {
      if (from > 0 && found[at]!.size > 0) return
      for (const { peer } of responsible[at]!.slice(from, to)) {
        if (peer === this.#init.self) continue
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
    const within = () => AbortSignal.any([signal, AbortSignal.timeout(ASK_TIMEOUT_MS * lots.length)])
    try {
      await client.ask(peer, requests, within, (answer, i) => {
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

/** So many keys can be looked up at once. */
export const KEYS_PER_FIND_MAX = KEYS_PER_MESSAGE_MAX * MESSAGES_PER_STREAM_MAX

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

/**
 * The provider records that a node keeps for others: a state machine without clock, randomness or I/O of its own. Every
 * event takes the state and the time; nothing is stored that these limits do not bound.
 *
 * A record is one key of one peer. All live equally long, so the records in the order of their last renewal are in the
 * order of their ends, and expiring looks only at those that are due.
 */
import type { Random } from '../ports.ts'
import { KEYS_PER_PEER_MAX, PROVIDER_TTL_MS, PROVIDERS_PER_KEY_MAX, RECORDS_MAX } from './constants.ts'

export interface ProviderLimits {
  readonly ttlMs: number
  readonly providersPerKeyMax: number
  readonly keysPerPeerMax: number
  readonly recordsMax: number
}

export const PROVIDER_LIMITS: ProviderLimits = {
  ttlMs: PROVIDER_TTL_MS,
  providersPerKeyMax: PROVIDERS_PER_KEY_MAX,
  keysPerPeerMax: KEYS_PER_PEER_MAX,
  recordsMax: RECORDS_MAX,
}

interface StoredRecord {
  readonly key: string
  readonly peer: string
  until: number
}

interface StoredPeer {
  addresses: readonly string[]
  readonly keys: Map<string, StoredRecord>
}

export interface ProviderState {
  readonly limits: ProviderLimits
  readonly byKey: Map<string, Map<string, StoredRecord>>
  readonly byPeer: Map<string, StoredPeer>
  /** All records, the one that ends first in front. */
  readonly queue: Set<StoredRecord>
}

export function createProviders(limits: ProviderLimits = PROVIDER_LIMITS): ProviderState {
  return { limits, byKey: new Map(), byPeer: new Map(), queue: new Set() }
}

export function recordCount(state: ProviderState): number {
  return state.queue.size
}

/**
 * A peer says that it provides keys (as text; see keyText).
 * @returns the indices of the keys that were not taken: they have enough providers, or the peer or the store is full.
 *   The peer is to leave them alone until it renews
 */
export function addProvider(
  state: ProviderState,
  event: { peer: string; addresses: readonly string[]; keys: readonly string[] },
  now: number,
): number[] {
  expireProviders(state, now)
  const known = state.byPeer.get(event.peer)
  const peer = known ?? { addresses: event.addresses, keys: new Map<string, StoredRecord>() }
  peer.addresses = event.addresses
  const refused: number[] = []
  event.keys.forEach((key, at) => {
    const before = peer.keys.get(key)
    if (before !== undefined) {
      before.until = now + state.limits.ttlMs
      // Taken out and put in again, so that it stands at the end of the queue.
      state.queue.delete(before)
      state.queue.add(before)
    } else if (hasRoom(state, peer, key)) {
      insert(state, peer, { key, peer: event.peer, until: now + state.limits.ttlMs })
    } else refused.push(at)
  })
  if (peer.keys.size > 0) state.byPeer.set(event.peer, peer)
  return refused
}

export function removeProvider(state: ProviderState, event: { peer: string; keys: readonly string[] }): void {
  const peer = state.byPeer.get(event.peer)
  if (peer === undefined) return
  for (const key of event.keys) {
    const record = peer.keys.get(key)
    if (record !== undefined) drop(state, record)
  }
}

/**
 * The providers of a key: a random sample of at most `limit`, without `except`.
 */
export function getProviders(
  state: ProviderState,
  event: { key: string; limit: number; except?: string },
  now: number,
  random: Random,
): { peer: string; addresses: readonly string[] }[] {
  const records = [...(state.byKey.get(event.key)?.values() ?? [])]
  const live = records.filter((record) => record.until > now && record.peer !== event.except)
  const limit = Math.min(event.limit, live.length)
  for (let i = 0; i < limit; i++) {
    const j = i + Math.floor(random() * (live.length - i))
    const swapped = live[i]!
    live[i] = live[j]!
    live[j] = swapped
  }
  return live.slice(0, limit).map(({ peer }) => ({ peer, addresses: state.byPeer.get(peer)?.addresses ?? [] }))
}

/** What is kept of one peer, with what is left of each record's life; for writing down. */
export function providerKeys(
  state: ProviderState,
  peer: string,
  now: number,
): { addresses: readonly string[]; keys: { key: string; leftMs: number }[] } | undefined {
  const stored = state.byPeer.get(peer)
  if (stored === undefined) return undefined
  const live = [...stored.keys.values()].filter((record) => record.until > now)
  return { addresses: stored.addresses, keys: live.map(({ key, until }) => ({ key, leftMs: until - now })) }
}

/**
 * Takes back what was written down, into a state that is still empty, within its limits.
 * @param records any order; those whose life is over are left out
 * @returns how many records were taken back
 */
export function restoreProviders(
  state: ProviderState,
  records: readonly { peer: string; addresses: readonly string[]; key: string; leftMs: number }[],
  now: number,
): number {
  const sorted = records.filter(({ leftMs }) => leftMs > 0).sort((a, b) => a.leftMs - b.leftMs)
  for (const { peer: id, addresses, key, leftMs } of sorted) {
    const peer = state.byPeer.get(id) ?? { addresses, keys: new Map<string, StoredRecord>() }
    if (peer.keys.has(key) || !hasRoom(state, peer, key)) continue
    state.byPeer.set(id, peer)
    insert(state, peer, { key, peer: id, until: now + Math.min(leftMs, state.limits.ttlMs) })
  }
  return state.queue.size
}

/** Forgets what has ended. @returns how many records that were */
export function expireProviders(state: ProviderState, now: number): number {
  let expired = 0
  for (const record of state.queue) {
    if (record.until > now) break
    drop(state, record)
    expired += 1
  }
  return expired
}

function hasRoom(state: ProviderState, peer: StoredPeer, key: string): boolean {
  const { providersPerKeyMax, keysPerPeerMax, recordsMax } = state.limits
  const providers = state.byKey.get(key)?.size ?? 0
  return providers < providersPerKeyMax && peer.keys.size < keysPerPeerMax && state.queue.size < recordsMax
}

function insert(state: ProviderState, peer: StoredPeer, record: StoredRecord): void {
  peer.keys.set(record.key, record)
  state.queue.add(record)
  const providers = state.byKey.get(record.key)
  if (providers === undefined) state.byKey.set(record.key, new Map([[record.peer, record]]))
  else providers.set(record.peer, record)
}

function drop(state: ProviderState, record: StoredRecord): void {
  state.queue.delete(record)
  const providers = state.byKey.get(record.key)
  providers?.delete(record.peer)
  if (providers?.size === 0) state.byKey.delete(record.key)
  const peer = state.byPeer.get(record.peer)
  peer?.keys.delete(record.key)
  if (peer?.keys.size === 0) state.byPeer.delete(record.peer)
}

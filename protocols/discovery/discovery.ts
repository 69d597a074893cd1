/**
 * The port of discovery: who holds a root or a block hash. In memory (memory.ts) for tests and single nodes, over the
 * Kademlia DHT (libp2p.ts) in the mesh; one conformance suite holds for both.
 */
import { HotblockError } from '../errors.ts'
import { KEY_BYTES_MAX, KEY_BYTES_MIN } from './constants.ts'

export interface Provider {
  /** Peer id. */
  readonly peer: string
  /** Multiaddrs, each with /p2p/PEER at its end; may be empty where only the peer is known. */
  readonly addresses: string[]
}

export interface FindOptions {
  /** At most so many providers a key; 20 at the most, and by default. */
  readonly limit?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface Found {
  readonly key: Uint8Array
  readonly providers: Provider[]
}

export interface Discovery {
  /** Keys: 8 to 64 bytes each. Says that this node provides them, until withdraw; renewed by itself. */
  advertise(keys: Uint8Array[]): Promise<void>
  withdraw(keys: Uint8Array[]): Promise<void>
  /**
   * Who provides which of the keys; at most `limit` (20) peers a key, in random order; never this node itself.
   * @returns one element for each key, in the order of the keys
   * @throws CANCELLED when the signal aborts; peers that do not answer are no failure
   */
  find(keys: Uint8Array[], options?: FindOptions): Promise<Found[]>
  /** Withdraws everything. */
  close(): Promise<void>
}

/** @throws USAGE for a key of fewer than 8 or more than 64 bytes */
export function checkKeys(keys: readonly Uint8Array[]): void {
  for (const key of keys) {
    if (isKey(key)) continue
    throw new HotblockError('USAGE', `a key has ${KEY_BYTES_MIN} to ${KEY_BYTES_MAX} bytes`)
  }
}

export function isKey(key: unknown): boolean {
  return key instanceof Uint8Array && key.length >= KEY_BYTES_MIN && key.length <= KEY_BYTES_MAX
}

/** A key as text, for maps. */
export function keyText(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
}

export function keyOfText(text: string): Uint8Array {
  return Buffer.from(text, 'latin1')
}

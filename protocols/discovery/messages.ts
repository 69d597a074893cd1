/**
 * Messages of the providers protocol, DAG-CBOR, each after its length as a varint. The asker sends a request and waits for
 * its answer before the next; it ends the stream when it has no more.
 *
 *     add      [0, [key…], [address…]]   → [[index…]]: the keys that were not taken, with enough providers already
 *     remove   [1, [key…]]               → []
 *     get      [2, [key…], limit]        → [[[peer, [address…]]…], [[index…]…]]: peers, and for each key indices into them
 *
 * Keys are byte strings of 8 to 64 bytes, peers the multihashes of peer ids, addresses multiaddrs in bytes. Whose
 * provider records are added or removed is the connection's remote peer, never one that a message names.
 */
import * as cbor from '@ipld/dag-cbor'
import { peerIdFromMultihash, peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import * as Digest from 'multiformats/hashes/digest'
import { HotblockError } from '../errors.ts'
import {
  ADDRESS_BYTES_MAX,
  ADDRESSES_PER_PROVIDER_MAX,
  ANSWER_PEERS_BYTES_MAX,
  ANSWER_PEERS_MAX,
  KEYS_PER_MESSAGE_MAX,
  PROVIDERS_PER_KEY_MAX,
} from './constants.ts'
import { isKey, type Provider } from './discovery.ts'

const ADD = 0
const REMOVE = 1
const GET = 2
const PEER_BYTES_MAX = 64
const DOES_NOT_FIT = -1
/** Before each value, CBOR has its kind and length: three bytes for lengths below 65,536. */
const HEAD_BYTES_MAX = 3

export type Request =
  | { readonly kind: 'add'; readonly keys: Uint8Array[]; readonly addresses: string[] }
  | { readonly kind: 'remove'; readonly keys: Uint8Array[] }
  | { readonly kind: 'get'; readonly keys: Uint8Array[]; readonly limit: number }

export function encodeRequest(request: Request): Uint8Array {
  switch (request.kind) {
    case 'add':
      return cbor.encode([ADD, request.keys, request.addresses.map((address) => multiaddr(address).bytes)])
    case 'remove':
      return cbor.encode([REMOVE, request.keys])
    case 'get':
      return cbor.encode([GET, request.keys, request.limit])
  }
}

/** @throws BAD_MESSAGE */
export function decodeRequest(bytes: Uint8Array): Request {
  const [op, keys, extra] = list(decode(bytes), 3, 'request')
  const checked = list(keys, KEYS_PER_MESSAGE_MAX, 'keys').map((key) => {
    if (!isKey(key)) throw bad('a key is not of 8 to 64 bytes')
    return key as Uint8Array
  })
  if (op === ADD) return { kind: 'add', keys: checked, addresses: readAddresses(extra) }
  if (op === REMOVE) return { kind: 'remove', keys: checked }
  if (op !== GET) throw bad('a request is of an unknown kind')
  if (!Number.isInteger(extra) || (extra as number) < 1) throw bad('a request has no proper limit')
  return { kind: 'get', keys: checked, limit: Math.min(extra as number, PROVIDERS_PER_KEY_MAX) }
}

export function encodeAdded(refused: readonly number[]): Uint8Array {
  return cbor.encode([refused])
}

/** @throws BAD_MESSAGE */
export function decodeAdded(bytes: Uint8Array, keys: number): number[] {
  const [refused] = list(decode(bytes), 1, 'answer')
  return list(refused, keys, 'indices').map((index) => indexBelow(index, keys))
}

export function encodeRemoved(): Uint8Array {
  return cbor.encode([])
}

/** Each peer once, however many keys it provides; keys of which the peers do not fit any more get fewer. */
export function encodeFound(found: readonly (readonly { peer: string; addresses: readonly string[] }[])[]): Uint8Array {
  const peers: [Uint8Array, Uint8Array[]][] = []
  let peersBytes = 0
  const index = new Map<string, number>()
  const rows = found.map((providers) => {
    const row: number[] = []
    for (const { peer, addresses } of providers) {
      let at = index.get(peer)
      if (at === undefined) {
        // A peer that does not fit is looked at once.
        index.set(peer, DOES_NOT_FIT)
        if (peers.length >= ANSWER_PEERS_MAX) continue
        const id = peerIdFromString(peer).toMultihash().bytes
        const bytes = addresses.map((one) => multiaddr(one).bytes)
        const size = bytes.reduce((sum, one) => sum + one.length + HEAD_BYTES_MAX, id.length + 3 * HEAD_BYTES_MAX)
        if (peersBytes + size > ANSWER_PEERS_BYTES_MAX) continue
        peersBytes += size
        at = peers.length
        index.set(peer, at)
        peers.push([id, bytes])
      }
      if (at !== DOES_NOT_FIT) row.push(at)
    }
    return row
  })
  return cbor.encode([peers, rows])
}

/**
 * @param keys how many were asked for
 * @returns for each key its providers, with /p2p/PEER at the end of each address
 * @throws BAD_MESSAGE
 */
export function decodeFound(bytes: Uint8Array, keys: number): Provider[][] {
  const [peers, rows] = list(decode(bytes), 2, 'answer')
  const providers = list(peers, ANSWER_PEERS_MAX, 'peers').map((entry) => {
    const [id, addresses] = list(entry, 2, 'peer')
    const peer = readPeer(id)
    return { peer, addresses: readAddresses(addresses).map((address) => `${address}/p2p/${peer}`) }
  })
  const checked = list(rows, keys, 'providers')
  if (checked.length !== keys) throw bad('an answer is not about the keys that were asked for')
  return checked.map((row) => {
    const indices = list(row, PROVIDERS_PER_KEY_MAX, 'providers of a key')
    return indices.map((index) => providers[indexBelow(index, providers.length)]!)
  })
}

/** Addresses as text without the peer's id; those that are of no use here are left out. */
function readAddresses(value: unknown): string[] {
  return list(value, ADDRESSES_PER_PROVIDER_MAX, 'addresses').flatMap((bytes) => {
    if (!(bytes instanceof Uint8Array) || bytes.length > ADDRESS_BYTES_MAX) throw bad('an address is too long')
    const address = plainAddress(bytes)
    return address === undefined ? [] : [address]
  })
}

/**
 * An address that a host can dial directly, /ip4|ip6|dns…/…/tcp/PORT, without the peer's id.
 * @returns undefined for any other
 */
export function plainAddress(address: Uint8Array | string): string | undefined {
  try {
    const [host, tcp, peer, more] = multiaddr(address).getComponents()
    if (more !== undefined || (peer !== undefined && peer.name !== 'p2p')) return undefined
    if (tcp?.name !== 'tcp' || host === undefined || !/^(ip4|ip6|dns[46]?)$/.test(host.name)) return undefined
    const text = `/${host.name}/${host.value}/tcp/${tcp.value}`
    return multiaddr(text).bytes.length <= ADDRESS_BYTES_MAX ? text : undefined
  } catch {
    return undefined
  }
}

function readPeer(value: unknown): string {
  if (!(value instanceof Uint8Array) || value.length > PEER_BYTES_MAX) throw bad('a peer id is too long')
  try {
    return peerIdFromMultihash(Digest.decode(value)).toString()
  } catch (error) {
    throw bad('a peer id cannot be read', error)
  }
}

function decode(bytes: Uint8Array): unknown {
  try {
    return cbor.decode(bytes)
  } catch (error) {
    throw bad('a message is not DAG-CBOR', error)
  }
}

function list(value: unknown, most: number, what: string): unknown[] {
  if (!Array.isArray(value)) throw bad(`${what}: no list`)
  if (value.length > most) throw bad(`${what}: ${value.length} where ${most} are the most`)
  return value
}

function indexBelow(value: unknown, below: number): number {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) < below) return value as number
  throw bad('an index is out of range')
}

function bad(message: string, cause?: unknown): HotblockError {
  return new HotblockError('BAD_MESSAGE', `providers protocol: ${message}`, {}, cause)
}

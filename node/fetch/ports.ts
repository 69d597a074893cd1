import type { Stream } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import type { Provider } from '../../protocols/discovery/discovery.ts'
import type { Clock, Log, Random } from '../../protocols/ports.ts'
import type { Limiter } from '../decisions/rates.ts'
import type { Pool } from '../pool/jobs.ts'
import type { BlockServer } from '../serve/source.ts'
import type { Store } from '../store/store.ts'
import type { Traffic } from '../traffic.ts'

/** The mesh as a fetch sees it. */
export interface Mesh {
  /** A stream of the block exchange to a peer; dials it if need be. Rejects within a few seconds. */
  open(peer: string, addresses: readonly string[], signal: AbortSignal): Promise<Stream>
  /** Who provides the keys (the root's digest, hook hashes), at most `limit` peers a key. */
  find(keys: Uint8Array[], limit: number, signal: AbortSignal): Promise<{ key: Uint8Array; providers: Provider[] }[]>
}

/** What is to be fetched, as its record says. */
export interface FetchTarget {
  readonly name: string
  readonly root: CID
  /** Peer id of who signed the record; holds the image, as a rule. */
  readonly builder: string
  readonly imageBytes: number
}

/** Peers that sent wrong bytes, for as long as they are remembered. */
export interface Offenders {
  has(peer: string): boolean
  add(peer: string, code: string): void
}

export interface FetchDeps {
  readonly store: Store
  readonly pool: Pool
  readonly mesh: Mesh
  readonly server: BlockServer
  readonly offenders: Offenders
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly traffic: Traffic
  readonly hookBits: number
  readonly rateDownBytes: number | undefined
  /** Label of the rack in which this node stands; undefined: it does not know. */
  readonly rack?: string | undefined
  /** What may be received a second for nobody who waits; within rateDownBytes. */
  readonly prefetchRateDownBytes?: number | undefined
  /** This node's own peer id: hints about it are passed over. */
  readonly self: string
}

/** How a fetch goes together with the others of the node. */
export interface FetchManners {
  /** Told when the image has its place in the store, and others may take from it what has come. */
  readonly begun?: (() => void) | undefined
  readonly limiter?: Limiter | undefined
  /** Whether it leaves the network to more urgent ones at the moment. */
  readonly standsBack?: ((now: number) => boolean) | undefined
  /** Whether nobody waits for it at the moment. */
  readonly isPrefetch?: (() => boolean) | undefined
}

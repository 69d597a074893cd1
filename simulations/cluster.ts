/** The cluster and the image that a run plays with: what a scenario comes to, in plain numbers. */
import type { Items } from '../node/decisions/fetch/demand.ts'
import type { Link } from './network/network.ts'

/** The distinct non-zero blocks of an image, and what stands for the rest of it. */
export interface SimImage extends Items {
  /** Bytes of the image as a file, zeros and repeated blocks included: what tools move that know no blocks. */
  readonly fileBytes: number
  /** Segments of its table. */
  readonly segmentCount: number
  /** Bytes of the distinct non-zero blocks. */
  readonly blockBytes: number
  /** Bytes on the wire for a byte of blocks. */
  readonly wireRatio: number
}

export type Fault =
  /** The host ends; its connections break. */
  | { readonly kind: 'crash'; readonly atMs: number }
  /** The host can be reached no more, and nobody is told. */
  | { readonly kind: 'vanish'; readonly atMs: number }
  /** It ends when it has sent so many times the image's blocks. */
  | { readonly kind: 'after-copies'; readonly copies: number }
  /** It answers no more requests, but stays connected and talks. */
  | { readonly kind: 'stall'; readonly atMs: number }
  /** Whatever it sends is wrong. */
  | { readonly kind: 'wrong' }

export interface Host extends Link {
  readonly index: number
  readonly name: string
  /** Number of its rack. */
  readonly rack: number
  /** The one that made and signed the image, and has it. There is one. */
  readonly builder: boolean
  readonly joinsAtMs: number
  /** A bit for each item that it has in other images; undefined: none. */
  readonly hot: Uint8Array | undefined
  /** Has the whole image from the start. */
  readonly complete: boolean
  /** Shall have the image. */
  readonly wants: boolean
  readonly rateUpBytes?: number | undefined
  readonly rateDownBytes?: number | undefined
  readonly fault?: Fault | undefined
}

export interface Rack extends Link {
  readonly name: string
}

/** Hosts that are cut off from all others for a while. */
export interface Partition {
  readonly hosts: readonly number[]
  readonly fromMs: number
  readonly untilMs: number
}

/** From then on a rack's uplink, or a host's link, has these rates. */
export interface RateChange extends Link {
  readonly atMs: number
  readonly rack: number
}

export interface Cluster {
  readonly image: SimImage
  /** The builder is the first. */
  readonly hosts: readonly Host[]
  readonly racks: readonly Rack[]
  readonly rackLatencyMs: number
  readonly latencyMs: number
  /** Racks that their nodes know of, and tell of; false: each node is like any other to the rest. */
  readonly racksKnown: boolean
  readonly partitions: readonly Partition[]
  readonly rateChanges: readonly RateChange[]
  /**
   * All bytes and rates above are this many times smaller than what they stand for; times are what they are. A large
   * rollout is so played with fewer, relatively larger pieces.
   */
  readonly grain: number
  /** The run ends when all that want the image and live have it, or then. */
  readonly untilMs: number
}

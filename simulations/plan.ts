import type { Items } from '../node/decisions/fetch/demand.ts'

/** The distinct blocks of a virtual image, and how well they compress. */
export interface SwarmImage extends Items {
  /** Wire bytes per byte of blocks. */
  readonly wireRatio: number
}

export type Fault =
  /** The node ends; its connections break. */
  | { readonly kind: 'crash'; readonly atMs: number }
  /** The node can be reached no more, and nobody is told. */
  | { readonly kind: 'vanish'; readonly atMs: number }
  /** The node answers no more requests, but stays connected and talks. */
  | { readonly kind: 'stall'; readonly atMs: number }
  /** Whatever it sends is wrong. */
  | { readonly kind: 'wrong' }

/** One node of a simulation. Rates are bytes a second. */
export interface NodePlan {
  readonly name: string
  readonly upBytes: number
  readonly downBytes: number
  /** Signed the image's record, and is spared. */
  readonly builder?: boolean
  /** What it holds at the start; none unless given. */
  readonly holds?: 'all' | 'none' | ((item: number) => boolean)
  /** Whether it wants what it lacks; true unless given. */
  readonly fetches?: boolean
  readonly joinsAtMs?: number
  readonly rateUpBytes?: number
  readonly rateDownBytes?: number
  readonly fault?: Fault
}

/** An image of `count` equal blocks. */
export function evenImage(count: number, blockBytes: number, segmentBlocks: number, wireRatio = 1): SwarmImage {
  return {
    lengths: new Uint32Array(count).fill(blockBytes),
    segments: Uint32Array.from({ length: count }, (_, item) => Math.floor(item / segmentBlocks)),
    segmentCount: Math.ceil(count / segmentBlocks),
    wireRatio,
  }
}

export function bytesOf(image: SwarmImage): number {
  return image.lengths.reduce((sum, length) => sum + length, 0)
}

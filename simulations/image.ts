/** Images to play with. */
import type { SimImage } from './cluster.ts'

/** An image of equal blocks. @param segmentBlocks blocks of a segment */
export function evenImage(count: number, blockBytes: number, segmentBlocks: number, wireRatio = 1): SimImage {
  const bytes = count * blockBytes
  return {
    lengths: new Uint32Array(count).fill(blockBytes),
    segments: Uint32Array.from({ length: count }, (_, item) => Math.floor(item / segmentBlocks)),
    segmentCount: Math.ceil(count / segmentBlocks),
    fileBytes: bytes,
    blockBytes: bytes,
    wireRatio,
  }
}

/** Images to play with. */
import { cutPieces } from '../node/decisions/fetch/pieces.ts'
import type { SimImage } from './cluster.ts'

/** An image of equal blocks. @param segmentBlocks blocks of a segment */
export function evenImage(count: number, blockBytes: number, segmentBlocks: number, wireRatio = 1): SimImage {
  const bytes = count * blockBytes
  const lengths = new Uint32Array(count).fill(blockBytes)
  const segments = Uint32Array.from({ length: count }, (_, item) => Math.floor(item / segmentBlocks))
  return {
    lengths,
    ...piecesOf(lengths, segments),
    segmentCount: Math.ceil(count / segmentBlocks),
    fileBytes: bytes,
    blockBytes: bytes,
    wireRatio,
  }
}

/** The pieces of an image's blocks, as the daemon cuts them. */
export function piecesOf(lengths: Uint32Array, segments: Uint32Array): { pieces: Uint32Array; pieceCount: number } {
  const { pieces, count } = cutPieces(lengths, segments)
  return { pieces, pieceCount: count }
}

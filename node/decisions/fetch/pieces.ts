/**
 * Pieces: what nodes tell each other that they hold. A segment of the table can be many megabytes of large blocks; whoever
 * waited for all of it before passing any on would hold up the swarm. So segments are cut into pieces of about one request,
 * by a rule over the table alone, and every node comes to the same pieces. Pure.
 */

/** A piece is no longer than this, unless it is one block; longer in an image that would have too many. */
export const PIECE_BYTES_MIN = 1024 * 1024
/** Pieces that are cut for their length, at most; those that end with a segment come on top. */
const PIECES_AIMED_MAX = 131_072

/**
 * @param lengths of the distinct blocks, bytes, in image order
 * @param segments the segment of each; never falls
 * @returns the piece of each block, from 0 without gaps, and how many pieces there are
 */
export function cutPieces(lengths: Uint32Array, segments: Uint32Array): { pieces: Uint32Array; count: number } {
  let totalBytes = 0
  for (const length of lengths) totalBytes += length
  const bytesMax = Math.max(PIECE_BYTES_MIN, Math.ceil(totalBytes / PIECES_AIMED_MAX))
  const pieces = new Uint32Array(lengths.length)
  let piece = -1
  let bytes = 0
  for (let item = 0; item < lengths.length; item++) {
    const starts = item === 0 || segments[item] !== segments[item - 1] || bytes + lengths[item]! > bytesMax
    if (starts) {
      piece++
      bytes = 0
    }
    bytes += lengths[item]!
    pieces[item] = piece
  }
  return { pieces, count: piece + 1 }
}

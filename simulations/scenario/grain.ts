/** How coarse a scenario is played. Pure. */

const FRAME_BYTES = 1024 * 1024
/** Frames of all nodes together that a run affords: up to so many nodes, and of larger clusters. */
const NODES_SMALL = 3_000
const FRAMES_SMALL = 3_000_000
const FRAMES_LARGE = 10_000_000
/** With fewer pieces than this an image's last pieces would weigh more than they do. */
const IMAGE_FRAMES_MIN = 250

/**
 * The least grain, to a tenth, with which the run is affordable.
 *
 * @param coldBytes what a node lacks, on average
 * @param blockBytes all of the image's blocks
 */
export function autoGrain(nodes: number, coldBytes: number, blockBytes: number): number {
  const affordable = nodes <= NODES_SMALL ? FRAMES_SMALL : FRAMES_LARGE
  const wanted = (nodes * coldBytes) / FRAME_BYTES / affordable
  const most = blockBytes / FRAME_BYTES / IMAGE_FRAMES_MIN
  return Math.max(1, Math.min(Math.ceil(wanted * 10) / 10, Math.floor(most * 10) / 10))
}

/** How coarse a scenario is played. Pure. */

const FRAME_BYTES = 1024 * 1024
/**
 * Frames of all nodes together that a run affords, for about a minute of one processor: up to so many nodes, and of larger
 * clusters, in which a frame costs more. Of a huge rollout at least a part of all that it would take in truth.
 */
const NODES_SMALL = 1_500
const FRAMES_SMALL = 900_000
const FRAMES_LARGE = 440_000
const FRAMES_SHARE = 1 / 100
/** With fewer pieces than this an image's last pieces would weigh more than they do. */
const IMAGE_FRAMES_MIN = 95

/**
 * The least grain, to a tenth, with which the run is affordable.
 *
 * @param coldBytes what a node lacks, on average
 * @param blockBytes all of the image's blocks
 */
export function autoGrain(nodes: number, coldBytes: number, blockBytes: number): number {
  const frames = (nodes * coldBytes) / FRAME_BYTES
  const affordable = Math.max(nodes <= NODES_SMALL ? FRAMES_SMALL : FRAMES_LARGE, frames * FRAMES_SHARE)
  const wanted = frames / affordable
  const most = blockBytes / FRAME_BYTES / IMAGE_FRAMES_MIN
  return Math.max(1, Math.min(Math.ceil(wanted * 10) / 10, Math.floor(most * 10) / 10))
}

/** How much trouble a node takes to make frames small. Pure. */

/** zstd levels: of an image's files level 1 takes three fifths of the time of level 3, and gives frames a tenth larger. */
export const LEVEL_FAST = 1
export const LEVEL_SMALL = 3
/** So many made frames that nobody took yet show that the network or the peers are what is slow. */
const LYING_MIN = 2

/** @param lying frames that are made and that their peers have not taken yet */
export function frameLevel(lying: number): number {
  return lying >= LYING_MIN ? LEVEL_SMALL : LEVEL_FAST
}

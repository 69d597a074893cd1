/** Which blocks nodes have in other images, where a scenario only says how many. Pure. */

import { newBits, setBit } from '../../protocols/bits.ts'
import type { Random } from '../../protocols/ports.ts'
import { sample } from './draw.ts'

/** Blocks of a run, on average: what two images share lies in runs, since it is files and directories of files. */
const RUN_BLOCKS_MEAN = 24

/**
 * Draws runs of blocks until they are the wanted part of all bytes, to a block.
 *
 * @param lengths bytes of each block
 * @returns a bit a block
 */
export function hotBits(lengths: Uint32Array, part: number, random: Random): Uint8Array {
  const bits = newBits(lengths.length)
  const wantedBytes = lengths.reduce((sum, length) => sum + length, 0) * part
  let bytes = 0
  const runs = runsOf(lengths.length, random)
  for (const [first, end] of sample(runs, runs.length, random)) {
    for (let item = first; item < end; item++) {
      if (bytes + lengths[item]! / 2 > wantedBytes) return bits
      setBit(bits, item)
      bytes += lengths[item]!
    }
  }
  return bits
}

/** Cuts 0..count into runs of 1 to 2 * mean - 1. */
function runsOf(count: number, random: Random): [first: number, end: number][] {
  const runs: [number, number][] = []
  for (let first = 0; first < count; ) {
    const end = Math.min(count, first + 1 + Math.floor(random() * (2 * RUN_BLOCKS_MEAN - 1)))
    runs.push([first, end])
    first = end
  }
  return runs
}

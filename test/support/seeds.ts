import { type Random, seededRandom } from '../../protocols/ports.ts'

/**
 * Runs a property with `times` different seeds. A failure names its seed; HOTBLOCK_TEST_SEED=N runs that one again.
 */
export function withSeeds(times: number, property: (random: Random) => void): void {
  const given = process.env.HOTBLOCK_TEST_SEED
  const first = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given)
  for (let seed = first; seed < first + (given === undefined ? times : 1); seed++) {
    try {
      property(seededRandom(seed))
    } catch (error) {
      console.error(`failed with seed ${seed}: run again with HOTBLOCK_TEST_SEED=${seed}`)
      throw error
    }
  }
}

/** A whole number from `least` to `most`. */
export function integer(random: Random, least: number, most: number): number {
  return least + Math.floor(random() * (most - least + 1))
}

export function randomBytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => Math.floor(random() * 256))
}

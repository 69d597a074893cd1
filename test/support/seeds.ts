import { type Random, seededRandom } from '../../protocols/ports.ts'

/**
 * Runs a property with `times` different seeds. A failure names its seed; HOTBLOCK_TEST_SEED=N runs that one again.
 */
export function withSeeds(times: number, property: (random: Random) => void): void {
  for (const seed of seeds(times)) {
    try {
      property(seededRandom(seed))
    } catch (error) {
      throw named(seed, error)
    }
  }
}

/** The same for a property that takes time: one seed after the other. */
export async function withSeedsAsync(times: number, property: (random: Random) => Promise<void>): Promise<void> {
  for (const seed of seeds(times)) {
    try {
      await property(seededRandom(seed))
    } catch (error) {
      throw named(seed, error)
    }
  }
}

function seeds(times: number): number[] {
  const given = process.env.HOTBLOCK_TEST_SEED
  if (given !== undefined) return [Number(given)]
  const first = Math.floor(Math.random() * 2 ** 31)
  return Array.from({ length: times }, (_, i) => first + i)
}

function named(seed: number, error: unknown): unknown {
  console.error(`failed with seed ${seed}: run again with HOTBLOCK_TEST_SEED=${seed}`)
  return error
}

/** A whole number from `least` to `most`. */
export function integer(random: Random, least: number, most: number): number {
  return least + Math.floor(random() * (most - least + 1))
}

export function randomBytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => Math.floor(random() * 256))
}

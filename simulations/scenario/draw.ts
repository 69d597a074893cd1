/** Drawing by seeded chance. Pure. */
import { sample as sampleInPlace } from '../../node/decisions/sample.ts'
import type { Random } from '../../protocols/ports.ts'
import { seededRandom } from '../../protocols/ports.ts'

/** Randomness for one purpose: what one part of a scenario draws does not depend on what others do. */
export function randomFor(seed: number, purpose: string): Random {
  let state = seed ^ 0x9e3779b9
  for (const character of purpose) state = Math.imul(state ^ character.codePointAt(0)!, 0x01000193)
  return seededRandom(state >>> 0)
}

/** The first `count` of a random order (all of them if there are fewer); the order of `items` is not touched. */
export function sample<T>(items: readonly T[], count: number, random: Random): T[] {
  return sampleInPlace([...items], count, random)
}

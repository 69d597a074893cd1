/** Drawing by seeded chance. Pure. */
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
  const drawn = [...items]
  const most = Math.min(count, drawn.length)
  for (let i = 0; i < most; i++) {
    const j = i + Math.floor(random() * (drawn.length - i))
    const swapped = drawn[i]!
    drawn[i] = drawn[j]!
    drawn[j] = swapped
  }
  drawn.length = most
  return drawn
}

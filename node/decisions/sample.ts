import type { Random } from '../../protocols/ports.ts'

/** A random choice of at most `count`; the list is put in another order. */
export function sample<T>(list: T[], count: number, random: Random): T[] {
  const taken = Math.min(count, list.length)
  for (let i = 0; i < taken; i++) {
    const j = i + Math.floor(random() * (list.length - i))
    const swapped = list[i]!
    list[i] = list[j]!
    list[j] = swapped
  }
  return taken < list.length ? list.slice(0, taken) : list
}

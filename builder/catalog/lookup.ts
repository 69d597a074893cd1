/** Questions to a catalogue. */
import type { PackageGroup } from './catalog.ts'

/** The packages of a group in a class; undefined where the group is not offered for it. */
export function packagesOf({ packages }: PackageGroup, className: string): readonly string[] | undefined {
  if (Object.hasOwn(packages, className)) return packages[className]
  return Object.hasOwn(packages, '*') ? packages['*'] : undefined
}

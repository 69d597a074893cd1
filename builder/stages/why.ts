import type { PackageVersion } from '../make/maker.ts'
import { canonicalJson, type StageParts } from './key.ts'

/** So many changes are named; the others are counted. */
const CHANGES_NAMED = 4

/**
 * Says why a stage is not in the cache: what is different from the one of those that were made earlier that is most
 * like it. For people; one line.
 */
export function whyMissed(parts: StageParts, earlier: readonly StageParts[]): string {
  const alike = earlier.filter(
    (other) => other.stage === parts.stage && other.class === parts.class && other.arch === parts.arch,
  )
  const [nearest] = alike
    .map((other) => changesSince(other, parts))
    // The latest of equals: it is what people remember.
    .sort((a, b) => a.length - b.length)
  if (nearest === undefined) return `never built for ${parts.class} ${parts.arch}`
  if (nearest.length === 0) return 'built before, but no longer in the cache'
  const more = nearest.length - CHANGES_NAMED
  return nearest.slice(0, CHANGES_NAMED).join(', ') + (more > 0 ? ` and ${more} more changes` : '')
}

/** What became different from one to the other, the telling first. */
export function changesSince(before: StageParts, after: StageParts): string[] {
  return [
    ...(before.parent === after.parent ? [] : ['the stage below changed']),
    ...memberChanges(before.config, after.config, (name) => `${name} changed`),
    ...packageChanges(before.packages, after.packages),
    ...memberChanges(before.tools, after.tools, (name) => {
      return `${name} ${before.tools[name] ?? 'none'} → ${after.tools[name] ?? 'none'}`
    }),
  ]
}

function memberChanges(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
  say: (name: string) => string,
): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
  return names.filter((name) => canonicalJson(before[name]) !== canonicalJson(after[name])).map(say)
}

function packageChanges(before: readonly PackageVersion[], after: readonly PackageVersion[]): string[] {
  const nameOf = ({ name, arch }: PackageVersion) => `${name}:${arch}`
  const was = new Map(before.map((one) => [nameOf(one), one]))
  const is = new Map(after.map((one) => [nameOf(one), one]))
  const changed = after.flatMap((one) => {
    const old = was.get(nameOf(one))
    if (old === undefined || (old.version === one.version && old.sha256 === one.sha256)) return []
    if (old.version === one.version) return [`package ${one.name} ${one.version} has other bytes`]
    return [`package ${one.name} ${old.version} → ${one.version}`]
  })
  const added = after.filter((one) => !was.has(nameOf(one))).map((one) => `package ${one.name} added`)
  const removed = before.filter((one) => !is.has(nameOf(one))).map((one) => `package ${one.name} removed`)
  return [...changed, ...added, ...removed]
}

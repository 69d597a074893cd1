import { createHash } from 'node:crypto'
import type { PackageVersion } from '../make/maker.ts'

/** Raised when the same parts would give another tree: what is normalised, how a stage lies on disk. */
export const LAYOUT_VERSION = 1

/** In the order in which they are built; boot (kernel and initrd) only in images that boot. */
export const STAGES = ['base', 'boot', 'groups', 'packages', 'custom'] as const
export type StageName = (typeof STAGES)[number]

/** Everything that a stage's tree depends on. */
export interface StageParts {
  readonly stage: StageName
  /** Class and architecture: for comparing like with like. */
  readonly class: string
  readonly arch: string
  /** Key of the stage that it is made on; empty for the first. */
  readonly parent: string
  /** Its own part of the configuration and of the class's files, as plain values. */
  readonly config: Readonly<Record<string, unknown>>
  /** What it installs: resolved versions, with the hashes of their files. */
  readonly packages: readonly PackageVersion[]
  /** Versions of the tools that make it. */
  readonly tools: Readonly<Record<string, string>>
}

/** SHA-256 over all parts, lower-case hex. */
export function stageKey(parts: StageParts): string {
  const packages = parts.packages.map(packageText).sort()
  const text = canonicalJson({ layout: LAYOUT_VERSION, ...parts, packages })
  return createHash('sha256').update(text).digest('hex')
}

/** JSON with sorted keys and no spaces: equal values are equal text. Bytes are their hash. */
export function canonicalJson(value: unknown): string {
  if (value instanceof Uint8Array) return JSON.stringify(`sha256:${createHash('sha256').update(value).digest('hex')}`)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${entries.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(',')}}`
  }
  return JSON.stringify(value) ?? 'null'
}

function packageText({ name, version, arch, sha256 }: PackageVersion): string {
  return `${name}\t${version}\t${arch}\t${sha256}`
}

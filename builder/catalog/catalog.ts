/** What a site offers: classes, groups and appliances, each a file. */

/** How trees of a class are made. */
export const FAMILIES = ['debian', 'rpm'] as const
export type Family = (typeof FAMILIES)[number]

export const VARIANTS = ['essential', 'minbase', 'important'] as const
export type Variant = (typeof VARIANTS)[number]

export interface ImageClass {
  /** What requests call it; the file's name without its ending. */
  readonly name: string
  readonly title: string
  readonly family: Family
  /** Comes before the others where people choose. */
  readonly preferred?: boolean
  /** Debian: the release's name (bookworm); RPM: its version. */
  readonly release: string
  /** Debian's names, of those that this machine makes; the first one is the default. */
  readonly architectures: readonly string[]
  /** Debian: URI of a mirror; empty: the mirror that the machine itself uses. */
  readonly mirror: string
  /** Debian: YYYYMMDDTHHMMSSZ of snapshot.debian.org; empty: the mirror as it is. */
  readonly snapshot: string
  readonly components: readonly string[]
  /** Debian: whether the release's updates and security updates count too (default), or only what came out first. */
  readonly updates?: boolean
  /** Debian: what every tree begins with: essential packages only, required ones too, or important ones too (default). */
  readonly variant?: Variant
  /** RPM: repositories to install from (dnf), which puts its own name of the architecture for $basearch; with their keys. */
  readonly repositories: readonly { readonly id: string; readonly uri: string; readonly key: string }[]
  /** Packages of every image of the class. */
  readonly packages: readonly string[]
  /** Packages that boot direct and uefi add; kernels by architecture. */
  readonly bootPackages: readonly string[]
  readonly kernels: Readonly<Record<string, string>>
}

/** Packages under one name. */
export interface PackageGroup {
  readonly name: string
  readonly title: string
  /** By class, with `*` for all others; a class without either has no such group. */
  readonly packages: Readonly<Record<string, readonly string[]>>
}

/** A ready-made machine: groups, packages, files and a script of their own. */
export interface Appliance {
  readonly name: string
  readonly title: string
  readonly classes: readonly string[]
  readonly groups: readonly string[]
  readonly packages: readonly string[]
  readonly files: readonly { readonly path: string; readonly mode: number; readonly content: string }[]
  readonly script: string
}

export interface Catalog {
  readonly classes: ReadonlyMap<string, ImageClass>
  readonly groups: ReadonlyMap<string, PackageGroup>
  readonly appliances: ReadonlyMap<string, Appliance>
}

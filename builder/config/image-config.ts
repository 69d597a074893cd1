/** The canonical configuration of an image: what every way of asking for one becomes. */

export const FILE_TYPES = ['.tar', '.tar.gz', '.img', '.qcow2'] as const
export type FileType = (typeof FILE_TYPES)[number]

/** none: a tree. direct: a kernel and an initrd beside the image. uefi: a GPT with an EFI system partition. */
export const BOOTS = ['none', 'direct', 'uefi'] as const
export type Boot = (typeof BOOTS)[number]

export interface ExtraFile {
  /** Absolute path in the image, normalised. */
  readonly path: string
  /** Permission bits. */
  readonly mode: number
  readonly content: Uint8Array
}

/** A repository of packages beside the class's own. */
export interface PackageRepository {
  /** http, https or file. */
  readonly uri: string
  /** Debian: suite; RPM: empty. */
  readonly suite: string
  /** Debian: components, in order; RPM: none. */
  readonly components: readonly string[]
  /** Armoured OpenPGP public key that signs it. */
  readonly key: string
}

/**
 * Lists that mean sets are sorted and without duplicates, everything that may be left out has its value, and names are
 * those of the catalogue: two requests for the same image are deeply equal.
 */
export interface ImageConfig {
  /** Name in the mesh; empty: the farm makes one from class, architecture and key. */
  readonly name: string
  readonly class: string
  /** Debian's names: amd64, i386, arm64, … */
  readonly arch: string
  readonly fileType: FileType
  readonly appliance: string
  readonly groups: readonly string[]
  readonly packages: readonly string[]
  /** Size of .img and .qcow2, a multiple of 1 MiB; 0 for archives. */
  readonly imageBytes: number
  readonly boot: Boot
  /** Sorted by path. */
  readonly files: readonly ExtraFile[]
  /** Customisation script, run by /bin/sh inside the image's tree; empty: none. */
  readonly script: string
  readonly repositories: readonly PackageRepository[]
}

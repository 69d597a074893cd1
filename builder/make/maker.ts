/** The port between the farm (requests, queue, repository) and what makes images. */
import type { ImageConfig } from '../config/image-config.ts'

/** What a stage's cache said, and why. */
export interface StageReport {
  /** base, groups, packages, custom. */
  readonly stage: string
  readonly key: string
  readonly hit: boolean
  /** For people: what was found, or what changed since. */
  readonly reason: string
  readonly seconds: number
}

export interface PackageVersion {
  readonly name: string
  readonly version: string
  readonly arch: string
  /** SHA-256 of the package file, lower-case hex; empty where the tool does not say. */
  readonly sha256: string
  /** Debian or RPM, for package URLs. */
  readonly family: 'debian' | 'rpm'
}

/** Where a build is. */
export interface BuildProgress {
  readonly phase: 'resolve' | 'stage' | 'assemble' | 'boot' | 'done'
  /** For people: the stage's name, the file's type. */
  readonly text: string
  /** 0 to 1, as far as one can say. */
  readonly fraction: number
}

/** Files lie in the job's directory; whoever asked moves them where they belong. */
export interface MadeImage {
  readonly file: string
  readonly kernel?: string
  readonly initrd?: string
  /** The serial console's log, where the image was booted. */
  readonly console?: string
  readonly packages: readonly PackageVersion[]
  readonly stages: readonly StageReport[]
}

export interface MakeJob {
  /** Empty directory for the result; on the farm's disk. */
  readonly directory: string
  /** Lines for the build's log, without their ends; the tools' own words among them. */
  readonly log: (line: string) => void
  readonly progress: (progress: BuildProgress) => void
  /** Cancels the build: everything that it started is ended, nothing stays mounted. */
  readonly signal: AbortSignal
}

/** A stage that is kept. */
export interface StageInfo {
  readonly key: string
  readonly stage: string
  readonly class: string
  readonly arch: string
  /** Key of the stage that it was made on; empty for a base. */
  readonly parent: string
  readonly packages: number
  readonly bytes: number
  /** Milliseconds since the epoch. */
  readonly builtAt: number
  readonly usedAt: number
  /** What it took to make. */
  readonly seconds: number
  readonly inUse: boolean
}

export interface ImageMaker {
  /** The stages that are kept for later images. */
  stages(): Promise<StageInfo[]>
  /**
   * Makes an image; the same configuration and package versions give the same bytes.
   * @throws NO_SUCH_PACKAGE, MIRROR_FAILED, SCRIPT_FAILED, NO_BOOT, NO_SPACE, TOOL_FAILED, TOOL_MISSING, CANCELLED
   */
  make(config: ImageConfig, job: MakeJob): Promise<MadeImage>
}

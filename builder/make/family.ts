import type { ImageClass } from '../catalog/catalog.ts'
import type { ImageConfig, PackageRepository } from '../config/image-config.ts'
import type { StageName } from '../stages/key.ts'
import type { PackageVersion } from './maker.ts'
import type { Workspace } from './workspace.ts'

/** A stage that installs packages, as far as the request goes. */
export interface WantedStage {
  readonly stage: StageName
  /** Names, sorted, none twice. */
  readonly names: readonly string[]
  /** Repositories beside the class's own that its packages may come from. */
  readonly repositories: readonly PackageRepository[]
}

/** The same with versions. */
export interface ResolvedStage extends WantedStage {
  /** What it installs or replaces; what the stages below have is not among it. */
  readonly packages: readonly PackageVersion[]
  /** What the stages below have and it does not. */
  readonly removed: readonly string[]
  /** What the family keeps for installing them. */
  readonly details: readonly string[]
}

export interface ResolveJob {
  readonly class: ImageClass
  readonly arch: string
  readonly log: (line: string) => void
  readonly signal: AbortSignal
}

export interface InstallJob extends ResolveJob {
  readonly space: Workspace
  /** The tree's path inside the workspace. */
  readonly tree: string
  /** A directory for this stage alone; gone afterwards. */
  readonly scratch: string
  /** Newest time of what the stages below were made of, seconds. */
  readonly epoch: number
}

/** How trees of one family of classes are made. */
export interface Family {
  /** Names and versions of the tools that decide what a stage becomes. */
  tools(): Promise<Readonly<Record<string, string>>>
  /** What of the class and the site's settings decides what a stage becomes. */
  settings(job: Pick<ResolveJob, 'class' | 'arch'>): Promise<Readonly<Record<string, unknown>>>
  /**
   * Finds versions for all stages, without installing.
   * @throws NO_SUCH_PACKAGE, MIRROR_FAILED
   */
  resolve(stages: readonly WantedStage[], job: ResolveJob): Promise<ResolvedStage[]>
  /**
   * Installs exactly what was resolved, without network.
   * @returns time of the newest package, seconds: what the stage's files are dated with
   */
  install(stage: ResolvedStage, job: InstallJob): Promise<number>
  /** Removes downloaded packages beyond a limit. */
  trim(bytesMax: number): Promise<void>
}

/** All that a build knows from the beginning. */
export interface Subject {
  readonly config: ImageConfig
  readonly class: ImageClass
}

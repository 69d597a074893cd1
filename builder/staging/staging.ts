/**
 * Where the trees of stages live, and how one begins as a copy of another without copying. Each stage has a directory
 * under one that all share; what is in it is the backend's business. All paths of trees are those inside a workspace:
 * what is mounted is mounted there only.
 */
import { join } from 'node:path'
import type { Workspace } from '../make/workspace.ts'

export const STAGING_KINDS = ['btrfs', 'overlayfs', 'reflink', 'copy'] as const
export type StagingKind = (typeof STAGING_KINDS)[number]

/** Directories of a stage and of all that it was made from, the nearest first. */
export type Chain = readonly string[]

export interface Staging {
  readonly kind: StagingKind
  /**
   * Begins a tree in `directory`, which is there and empty: with all that the tree of `chain[0]` has, or empty where
   * there is none.
   * @returns the writable tree's path
   */
  begin(directory: string, chain: Chain, space: Workspace): Promise<string>
  /** The tree of `directory` takes no more changes. The directory may be renamed afterwards. */
  finish(directory: string, space: Workspace): Promise<void>
  /** Shows a finished stage's tree. @returns its path; it cannot be written to */
  view(chain: Chain, space: Workspace): Promise<string>
  /** Removes what a stage's directory has, finished or not; nothing of it is mounted any more. */
  remove(directory: string): Promise<void>
}

/** In each directory of a stage: where its tree is shown. */
export const TREE = 'tree'
export const VIEW = 'view'

/** Shows a tree that is a plain directory, for who keeps stages so. */
export async function viewTree([directory = '']: Chain, space: Workspace): Promise<string> {
  const view = join(directory, VIEW)
  await space.ok('mount', ['--bind', '-o', 'ro', join(directory, TREE), view])
  return view
}

/**
 * What a start has to put right, from what the index says of images and which files lie in the images directory. The
 * order of all changes (data, index, name) leaves only these states behind, whenever a process or a machine stops.
 */
import type { RowState } from './images.ts'

export const PART_SUFFIX = '.part'

/** A CIDv1 of a SHA-256 in base32, which is how images' files are called. */
const IMAGE_NAME = /^b[a-z2-7]{58}(\.part)?$/
/** A file that is being imported. */
export const IMPORT_NAME = /^import-[0-9a-f]{16}\.tmp$/

export interface RecoveryRow {
  readonly root: string
  readonly state: RowState
  readonly imageBytes: number
}

export interface RecoveryFile {
  readonly name: string
  readonly bytes: number
  /** false for directories and whatever else is no plain file. */
  readonly regular: boolean
}

export type RecoveryAction =
  /** The file had its final name already: only the row is behind. */
  | { readonly kind: 'finish'; readonly root: string }
  /** It is not complete after all: whichever file is there becomes ROOT.part, of the right size, and the row partial. */
  | { readonly kind: 'demote'; readonly root: string }
  /** The row goes, with its places and what is there of files: a removal was begun, or the bytes are gone. */
  | { readonly kind: 'remove'; readonly root: string }
  /** A file of ours that no row speaks of. */
  | { readonly kind: 'unlink'; readonly name: string }
  /** Not ours: it stays, and the log names it. */
  | { readonly kind: 'foreign'; readonly name: string }

/** Pure: rows and files in, actions out, in the order in which they are to be done. */
export function planRecovery(rows: readonly RecoveryRow[], files: readonly RecoveryFile[]): RecoveryAction[] {
  const own = new Map(files.filter(isOwn).map((file) => [file.name, file]))
  const actions: RecoveryAction[] = []
  const expected = new Set(rows.flatMap(({ root }) => [root, root + PART_SUFFIX]))
  // Strays first: where they have filled the disk, the index cannot take a change before they are gone.
  for (const file of files) {
    if (!isOwn(file)) actions.push({ kind: 'foreign', name: file.name })
    else if (!expected.has(file.name)) actions.push({ kind: 'unlink', name: file.name })
  }
  for (const row of rows) {
    actions.push(...planImage(row, own.get(row.root), own.get(row.root + PART_SUFFIX)))
  }
  return actions
}

function planImage(row: RecoveryRow, final?: RecoveryFile, part?: RecoveryFile): RecoveryAction[] {
  const { root } = row
  if (row.state === 'removing' || (final === undefined && part === undefined)) return [{ kind: 'remove', root }]
  if (final !== undefined && final.bytes === row.imageBytes) {
    // The rename is the last thing before the row, so what has the final name was complete.
    const stray: RecoveryAction[] = part === undefined ? [] : [{ kind: 'unlink', name: part.name }]
    return row.state === 'complete' ? stray : [...stray, { kind: 'finish', root }]
  }
  if (row.state === 'complete' || final !== undefined || part?.bytes !== row.imageBytes)
    return [{ kind: 'demote', root }]
  return []
}

function isOwn(file: RecoveryFile): boolean {
  return file.regular && (IMAGE_NAME.test(file.name) || IMPORT_NAME.test(file.name))
}

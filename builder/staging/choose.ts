import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { HotblockError } from '../../protocols/errors.ts'
import type { Workspace } from '../make/workspace.ts'
import { btrfsStaging } from './btrfs.ts'
import { copyStaging } from './copies.ts'
import { overlayStaging } from './overlay.ts'
import { STAGING_KINDS, type Staging, type StagingKind } from './staging.ts'

export function stagingOf(kind: StagingKind): Staging {
  if (kind === 'overlayfs') return overlayStaging
  return kind === 'btrfs' ? btrfsStaging : copyStaging(kind)
}

/**
 * Tries in `directory` what the machine can do, the quickest first.
 * @param wanted only this one, whatever else there is
 * @throws TOOL_FAILED where the one that is wanted does not work here
 */
export async function chooseStaging(directory: string, space: Workspace, wanted?: StagingKind): Promise<Staging> {
  let why = ''
  for (const kind of wanted === undefined ? STAGING_KINDS : [wanted]) {
    const staging = stagingOf(kind)
    const failed = (error: Error) => {
      why = error.message
    }
    if (await works(staging, directory, space, failed)) return staging
  }
  throw new HotblockError('TOOL_FAILED', `stages cannot be kept as ${wanted ?? 'copies'} in ${directory}: ${why}`)
}

/** Goes through a stage and one on top of it. */
export async function works(
  staging: Staging,
  directory: string,
  space: Workspace,
  failed: (error: Error) => void = () => {},
): Promise<boolean> {
  const top = await mkdtemp(join(directory, 'probe-'))
  const [lower, upper] = [join(top, 'a'), join(top, 'b')]
  try {
    await mkdir(lower)
    await mkdir(upper)
    const first = await staging.begin(lower, [], space)
    await writeFile(space.outside(join(first, 'f')), 'first')
    await staging.finish(lower, space)
    const second = await staging.begin(upper, [lower], space)
    await writeFile(space.outside(join(second, 'f')), 'second')
    await staging.finish(upper, space)
    const view = await staging.view([lower], space)
    const text = await readFile(space.outside(join(view, 'f')), 'utf8')
    await space.ok('umount', [view])
    return text === 'first'
  } catch (error) {
    if (error instanceof HotblockError && ['CANCELLED', 'NO_SPACE'].includes(error.code)) throw error
    failed(error instanceof Error ? error : new Error(String(error)))
    return false
  } finally {
    await staging.remove(upper).catch(() => {})
    await staging.remove(lower).catch(() => {})
    await staging.remove(top).catch(() => {})
  }
}

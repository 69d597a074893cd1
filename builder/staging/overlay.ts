import { chmod, lstat, mkdir } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { HotblockError } from '../../protocols/errors.ts'
import { runToolOk } from '../make/run.ts'
import type { Workspace } from '../make/workspace.ts'
import { type Chain, type Staging, TREE, VIEW } from './staging.ts'

/** What changed against the stages below. */
const LAYER = 'layer'
const WORK = 'work'
/** The kernel takes one page of options. */
const OPTION_BYTES_MAX = 4000

/**
 * Stages as layers of overlayfs. redirect_dir: directories of layers below can be renamed; index: a file with several
 * names stays one file when it is changed.
 */
export const overlayStaging: Staging = {
  kind: 'overlayfs',

  async begin(directory, chain, space) {
    const layer = join(directory, LAYER)
    await mkdir(layer, { mode: 0o755 })
    if (chain.length === 0) return layer
    const [tree, work] = [join(directory, TREE), join(directory, WORK)]
    await Promise.all([mkdir(tree), mkdir(work)])
    const upper = [`upperdir=${basename(directory)}/${LAYER}`, `workdir=${basename(directory)}/${WORK}`]
    const top = join(chain[0] ?? '', LAYER)
    // A layer's root is what the tree's root shows: mode, owner, times are those of the one below.
    for (const tool of ['chown', 'chmod', 'touch']) await space.ok(tool, [`--reference=${top}`, layer])
    await mountOverlay(
      space,
      dirname(directory),
      chain,
      ['index=on', 'redirect_dir=on', 'metacopy=off', ...upper],
      tree,
    )
    return tree
  },

  async finish(directory, space) {
    const tree = join(directory, TREE)
    if (await isThere(tree)) {
      await completeHardLinks(directory, space)
      await space.ok('umount', [tree])
      await space.ok('rm', ['-rf', '--', join(directory, WORK)])
    }
    await mkdir(join(directory, VIEW), { recursive: true })
  },

  async view(chain, space) {
    const [directory = ''] = chain
    const view = join(directory, VIEW)
    if (chain.length === 1) {
      await space.ok('mount', ['--bind', '-o', 'ro', join(directory, LAYER), view])
    } else {
      await mountOverlay(space, dirname(directory), chain, ['redirect_dir=follow', 'metacopy=off'], view, ['-r'])
    }
    return view
  },

  async remove(directory) {
    await runToolOk('rm', ['-rf', '--one-file-system', '--', directory])
  },
}

async function mountOverlay(
  space: Workspace,
  stages: string,
  chain: Chain,
  options: readonly string[],
  at: string,
  flags: readonly string[] = [],
): Promise<void> {
  // Relative to the directory of all stages: the whole of it has to fit into a page.
  const lower = chain.map((directory) => join(relative(stages, directory), LAYER)).join(':')
  const text = [`lowerdir=${lower}`, ...options].join(',')
  if (text.length > OPTION_BYTES_MAX) {
    throw new HotblockError('TOOL_FAILED', `overlayfs takes no chain of ${chain.length} stages`)
  }
  const command = ['-t', 'overlay', ...flags, '-o', text, 'overlay', at]
  await space.ok('env', ['-C', stages, 'mount', ...command], { label: 'mount', network: true })
}

/**
 * Of a file with several names in a layer below, a changed one lies in this layer under the name that it was changed by;
 * the index that knows the others goes with the mount. So each other name gets its link in this layer.
 */
async function completeHardLinks(directory: string, space: Workspace): Promise<void> {
  const [layer, tree] = [join(directory, LAYER), join(directory, TREE)]
  const changed = await space.ok('find', [layer, '-type', 'f', '-links', '+1', '-printf', '.', '-quit'])
  if (changed === '') return
  const found = await space.ok('find', [tree, '-xdev', '-type', 'f', '-links', '+1', '-printf', '%i %P\\0'])
  const names = new Map<string, string[]>()
  for (const entry of found.split('\0').slice(0, -1)) {
    const at = entry.indexOf(' ')
    const inode = entry.slice(0, at)
    names.set(inode, [...(names.get(inode) ?? []), entry.slice(at + 1)])
  }
  for (const paths of names.values()) {
    const here = await Promise.all(paths.map((path) => isThere(join(layer, path))))
    if (!here.includes(true) || !here.includes(false)) continue
    for (const path of paths.filter((_path, i) => !here[i])) {
      const outside = space.outside(join(tree, path))
      // A change that changes nothing brings the name up.
      await chmod(outside, (await lstat(outside)).mode & 0o7777)
    }
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined
}

import { lstat, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { runTool, runToolOk } from '../make/run.ts'
import { type Staging, TREE, VIEW, viewTree } from './staging.ts'

/** Each stage a subvolume, begun as a snapshot of its parent's. */
export const btrfsStaging: Staging = {
  kind: 'btrfs',
  async begin(directory, chain, space) {
    const tree = join(directory, TREE)
    const [parent] = chain
    if (parent === undefined) await space.ok('btrfs', ['subvolume', 'create', tree])
    else await space.ok('btrfs', ['subvolume', 'snapshot', join(parent, TREE), tree])
    return tree
  },
  async finish(directory, space) {
    await space.ok('btrfs', ['property', 'set', '-ts', join(directory, TREE), 'ro', 'true'])
    await mkdir(join(directory, VIEW))
  },
  view: viewTree,
  async remove(directory) {
    const tree = join(directory, TREE)
    if ((await lstat(tree).catch(() => undefined)) !== undefined) {
      await runTool('btrfs', ['property', 'set', '-ts', tree, 'ro', 'false'])
      await runTool('btrfs', ['subvolume', 'delete', tree])
    }
    // Where it was no subvolume yet, this is what removes it.
    await runToolOk('rm', ['-rf', '--one-file-system', '--', directory])
  },
}

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { runToolOk } from '../make/run.ts'
import { type Staging, TREE, VIEW, viewTree } from './staging.ts'

/** Each stage a whole tree: files share their bytes (XFS, btrfs, bcachefs), or are copied where nothing else goes. */
export function copyStaging(kind: 'reflink' | 'copy'): Staging {
  const how = kind === 'reflink' ? 'always' : 'never'
  return {
    kind,
    async begin(directory, chain, space) {
      const tree = join(directory, TREE)
      const [parent] = chain
      if (parent === undefined) await mkdir(tree, { mode: 0o755 })
      else await space.ok('cp', ['--archive', '--sparse=auto', `--reflink=${how}`, join(parent, TREE), tree])
      return tree
    },
    async finish(directory) {
      await mkdir(join(directory, VIEW))
    },
    view: viewTree,
    async remove(directory) {
      await runToolOk('rm', ['-rf', '--one-file-system', '--', directory])
    },
  }
}

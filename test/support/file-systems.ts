/** File systems of their own, for tests that need another one than the machine's: in loop files, gone afterwards. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const MAKE: Readonly<Record<string, readonly string[]>> = {
  btrfs: ['mkfs.btrfs', '-q'],
  xfs: ['mkfs.xfs', '-q', '-f', '-m', 'reflink=1'],
  ext4: ['mkfs.ext4', '-q', '-F'],
}
const BYTES = 400 * 1024 * 1024

/** Runs `use` with the root of a new, empty file system. @param kind btrfs, xfs, ext4 */
export async function withFileSystem<T>(kind: string, directory: string, use: (root: string) => Promise<T>) {
  const [file, root] = [join(directory, `${kind}.disk`), join(directory, `${kind}.root`)]
  const [tool = '', ...args] = MAKE[kind] ?? []
  writeFileSync(file, '')
  truncateSync(file, BYTES)
  mkdirSync(root)
  execFileSync(tool, [...args, file], { stdio: 'pipe' })
  execFileSync('mount', ['-o', 'loop', file, root], { stdio: 'pipe' })
  try {
    return await use(root)
  } finally {
    execFileSync('umount', [root], { stdio: 'pipe' })
  }
}

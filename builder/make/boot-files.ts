import { ROOT_UUID } from '../assemble/ext4.ts'
import type { Family } from '../catalog/catalog.ts'
import { writeInTree } from './tree.ts'

/** Raised when these files change: it is part of the stage's key. */
export const BOOT_FILES_VERSION = 1

/** What has to be there before a kernel's packages make the initrd, so that it is the same on any machine. */
export async function writeBootFiles(tree: string, family: Family): Promise<void> {
  await writeInTree(tree, '/etc/fstab', `UUID=${ROOT_UUID} / ext4 defaults,errors=remount-ro 0 1\n`)
  if (family === 'debian') {
    // Otherwise the swap of the machine that makes the image is looked for.
    await writeInTree(tree, '/etc/initramfs-tools/conf.d/hotblock', 'RESUME=none\n')
    return
  }
  // dracut would put into the initrd what this machine needs.
  await writeInTree(tree, '/etc/dracut.conf.d/hotblock.conf', 'hostonly="no"\nreproducible="yes"\n')
}

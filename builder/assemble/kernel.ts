import { copyFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { HotblockError } from '../../protocols/errors.ts'
import { insideTree, readInTree } from '../make/tree.ts'

/** What a boot loader needs, by its names in the tree. */
export interface Kernel {
  readonly version: string
  readonly kernel: string
  readonly initrd: string
}

const KERNEL = /^vmlinu[xz]-(.+)$/
const byVersion = new Intl.Collator('en', { numeric: true })

/** The newest kernel of a tree that has its initrd. @param tree on the machine @throws NO_BOOT where there is none */
export async function findKernel(tree: string): Promise<Kernel> {
  const names: string[] = await readdir(await insideTree(tree, '/boot')).catch(() => [])
  const versions = names.flatMap((name) => KERNEL.exec(name)?.[1] ?? []).sort((a, b) => byVersion.compare(b, a))
  for (const version of versions) {
    const initrd = [`initrd.img-${version}`, `initramfs-${version}.img`, `initrd-${version}`].find((one) =>
      names.includes(one),
    )
    const kernel = names.find((name) => KERNEL.exec(name)?.[1] === version)
    if (initrd !== undefined && kernel !== undefined) {
      return { version, kernel: join('/boot', kernel), initrd: join('/boot', initrd) }
    }
  }
  throw new HotblockError('NO_BOOT', 'the image is to boot, but no package of it brings a kernel with an initrd')
}

/** Copies of both, outside of the tree. */
export interface ExportedKernel {
  readonly kernel: string
  readonly initrd: string
}

export async function exportKernel(tree: string, kernel: Kernel, directory: string): Promise<ExportedKernel> {
  const [to, initrd] = [join(directory, 'vmlinuz'), join(directory, 'initrd.img')]
  await copyFile(await insideTree(tree, kernel.kernel), to)
  await copyFile(await insideTree(tree, kernel.initrd), initrd)
  return { kernel: to, initrd }
}

export async function osRelease(tree: string): Promise<Uint8Array> {
  return (await readInTree(tree, '/etc/os-release')) ?? Buffer.from('ID=linux\n')
}

/** The system's tools that making images needs, and the Debian packages that have them. */
import { access, constants } from 'node:fs/promises'
import { join } from 'node:path'
import { HotblockError } from '../../protocols/errors.ts'

/** Where tools are looked for; nothing of the caller's environment decides which one runs. */
export const TOOL_PATH = '/usr/sbin:/usr/bin:/sbin:/bin'

const PACKAGE_OF = {
  'apt-cache': 'apt',
  'apt-config': 'apt',
  'apt-get': 'apt',
  btrfs: 'btrfs-progs',
  capsh: 'libcap2-bin',
  chroot: 'coreutils',
  cp: 'coreutils',
  debugfs: 'e2fsprogs',
  dnf: 'dnf',
  dpkg: 'dpkg',
  'dpkg-deb': 'dpkg',
  mcopy: 'mtools',
  mke2fs: 'e2fsprogs',
  'mkfs.fat': 'dosfstools',
  mmd: 'mtools',
  mmdebstrap: 'mmdebstrap',
  mount: 'mount',
  nsenter: 'util-linux',
  objcopy: 'binutils',
  objdump: 'binutils',
  python3: 'python3-dnf',
  'qemu-img': 'qemu-utils',
  'qemu-system-aarch64': 'qemu-system-arm',
  'qemu-system-x86_64': 'qemu-system-x86',
  rpm: 'rpm',
  rpmkeys: 'rpm',
  sfdisk: 'fdisk',
  tar: 'tar',
  umount: 'mount',
  unshare: 'util-linux',
} as const satisfies Record<string, string>

export type Tool = keyof typeof PACKAGE_OF

/** Absolute path of a tool. @throws TOOL_MISSING, which names the package */
export async function findTool(tool: Tool): Promise<string> {
  for (const directory of TOOL_PATH.split(':')) {
    const path = join(directory, tool)
    if (await isThere(path, constants.X_OK)) return path
  }
  throw missingTool(tool, PACKAGE_OF[tool])
}

/** Checks before a build begins that all are there. @throws TOOL_MISSING with all that are missing */
export async function requireTools(tools: readonly Tool[]): Promise<void> {
  const missing: Tool[] = []
  for (const tool of tools) {
    await findTool(tool).catch(() => missing.push(tool))
  }
  if (missing.length === 0) return
  throw missingTool(missing.join(', '), [...new Set(missing.map((tool) => PACKAGE_OF[tool]))].join(', '))
}

/** A file of a Debian package that is no tool: firmware, a key ring. @throws TOOL_MISSING */
export async function requireFile(path: string, debianPackage: string): Promise<string> {
  if (await isThere(path, constants.R_OK)) return path
  throw missingTool(path, debianPackage)
}

function missingTool(what: string, debianPackage: string): HotblockError {
  return new HotblockError('TOOL_MISSING', `this machine has no ${what}: install ${debianPackage}`, {
    tool: what,
    package: debianPackage,
  })
}

async function isThere(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  )
}

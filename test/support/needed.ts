/** What the tests need of the system beside Node, and the Debian packages that have it. */
import { execFileSync, spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'

/** Tools of the system need not be on an ordinary user's PATH. */
export const PATH = [process.env.PATH ?? '', '/usr/sbin', '/sbin'].join(delimiter)

/** Set in the environment of tests where npm test was told to go on without what is missing. */
export const WITHOUT_TOOLS = 'HOTBLOCK_TEST_WITHOUT_TOOLS'

/** Not a program: the rights to mount and to make trees of systems. */
export const ROOT_RIGHTS = 'the rights of root'
/** What python3-zeep brings: the second of the clients that the farm's SOAP service is tried with. */
export const ZEEP = '/usr/lib/python3/dist-packages/zeep'

/** A program's name or a file's path, and the package; none for what no package brings. */
const NEEDED: readonly (readonly [what: string, debianPackage: string])[] = [
  [ROOT_RIGHTS, ''],
  // Images, their file systems and partitions.
  ['mke2fs', 'e2fsprogs'],
  ['debugfs', 'e2fsprogs'],
  ['dumpe2fs', 'e2fsprogs'],
  ['sfdisk', 'fdisk'],
  ['tar', 'tar'],
  ['gzip', 'gzip'],
  ['qemu-img', 'qemu-utils'],
  ['mkfs.vfat', 'dosfstools'],
  ['mcopy', 'mtools'],
  ['mkfs.btrfs', 'btrfs-progs'],
  ['mkfs.xfs', 'xfsprogs'],
  ['setfattr', 'attr'],
  ['capsh', 'libcap2-bin'],
  ['setcap', 'libcap2-bin'],
  ['unshare', 'util-linux'],
  ['mount', 'mount'],
  // Building and booting systems.
  ['mmdebstrap', 'mmdebstrap'],
  ['/usr/share/keyrings/debian-archive-keyring.gpg', 'debian-archive-keyring'],
  ['gpg', 'gnupg'],
  ['objcopy', 'binutils'],
  ['/usr/lib/systemd/boot/efi/linuxx64.efi.stub', 'systemd-boot-efi'],
  ['qemu-system-x86_64', 'qemu-system-x86'],
  ['/usr/share/OVMF/OVMF_CODE.fd', 'ovmf'],
  ['dnf', 'dnf'],
  ['/usr/lib/python3/dist-packages/dnf', 'python3-dnf'],
  ['rpm', 'rpm'],
  ['rpmbuild', 'rpm'],
  ['createrepo_c', 'createrepo-c'],
  // Links of limited rate.
  ['ip', 'iproute2'],
  ['tc', 'iproute2'],
  // A Slurm of our own.
  ['munged', 'munge'],
  ['slurmctld', 'slurmctld'],
  ['slurmd', 'slurmd'],
  ['sbatch', 'slurm-client'],
  ['scontrol', 'slurm-client'],
  // The farm's pages and services.
  ['chromium', 'chromium'],
  ['python3', 'python3'],
  // Hooks of schedulers, and machines on overlays.
  ['flock', 'util-linux'],
  ['setpriv', 'util-linux'],
  ['setsid', 'util-linux'],
  ['script', 'bsdutils'],
  [ZEEP, 'python3-zeep'],
]

/** Those of the programs and files that this machine does not have. */
export function missing(names: readonly string[] = NEEDED.map(([what]) => what)): string[] {
  return names.filter((name) => !isThere(name))
}

/**
 * Installs what is missing, where this is a Debian machine and the user may; says what it installs.
 *
 * @returns what is missing after that
 */
export function install(say: (line: string) => void): string[] {
  const before = missing()
  if (before.length === 0 || process.getuid?.() !== 0 || !isThere('apt-get')) return before
  const packages = packagesOf(before)
  say(`the tests need ${packages.length} Debian packages that are not here; installing with apt-get:`)
  say(`  ${packages.join(' ')}`)
  const env = { ...process.env, PATH, DEBIAN_FRONTEND: 'noninteractive' }
  try {
    execFileSync('apt-get', ['update', '-qq'], { env, stdio: ['ignore', 'ignore', 'inherit'] })
  } catch {
    // What is in the lists from before may do.
  }
  const args = ['install', '-y', '-qq', '--no-install-recommends', '-o', 'Dpkg::Use-Pty=0', ...packages]
  const { status } = spawnSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) say(`apt-get failed with status ${status}`)
  return missing()
}

/** Names of the packages that have these, each once. */
export function packagesOf(names: readonly string[]): string[] {
  const packages = NEEDED.filter(([what]) => names.includes(what)).map(([, debianPackage]) => debianPackage)
  return [...new Set(packages.filter((name) => name !== ''))]
}

function isThere(name: string): boolean {
  if (name === ROOT_RIGHTS) return process.getuid?.() === 0
  if (isAbsolute(name)) return isAccessible(name, constants.R_OK)
  return PATH.split(delimiter).some((directory) => isAccessible(join(directory, name), constants.X_OK))
}

function isAccessible(path: string, mode: number): boolean {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false
  }
}

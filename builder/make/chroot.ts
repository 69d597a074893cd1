import { copyFile, lstat, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Ran } from './run.ts'
import { insideTree, removeInTree, writeInTree } from './tree.ts'
import type { InsideOptions, Workspace } from './workspace.ts'

/** Powers over the machine as a whole; no package's script has a use for them here. */
const MACHINE_POWERS = ['sys_boot', 'sys_module', 'sys_ptrace', 'sys_rawio', 'sys_time', 'syslog', 'mac_admin', 'bpf']
/** And those by which a script could leave the tree, or reach the machine's disks. */
const ESCAPES = ['sys_admin', 'sys_chroot', 'mknod', 'dac_read_search', 'net_admin', 'net_raw']

/** Constant text; the tree's path is its argument. */
const MOUNT = `
mount -t proc -o nosuid,nodev,noexec proc "$1/proc"
mount -t tmpfs -o nosuid,mode=755,size=64m tmpfs "$1/dev"
for node in null:3 zero:5 full:7 random:8 urandom:9; do
  mknod -m 666 "$1/dev/\${node%:*}" c 1 "\${node#*:}"
done
mknod -m 666 "$1/dev/tty" c 5 0
mkdir "$1/dev/pts" "$1/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$1/dev/pts"
ln -s pts/ptmx "$1/dev/ptmx"
ln -s /proc/self/fd "$1/dev/fd"
for fd in 0:stdin 1:stdout 2:stderr; do ln -s "fd/\${fd%:*}" "$1/dev/\${fd#*:}"; done
mount -t tmpfs -o nosuid,nodev,mode=755,size=64m tmpfs "$1/run"
mkdir "$1/run/lock"
chmod 1777 "$1/run/lock" "$1/dev/shm"
`
const UNMOUNT = `
umount --recursive "$1/proc" "$1/dev" "$1/run"
`

/** What is in /run while a tree is worked in, and never in the image. */
export const RUN_DIRECTORY = '/run/hotblock'

/**
 * Runs `use` with what programs in a tree expect: /proc of the build's own processes, a minimal /dev, an empty /run; no
 * /sys. Services are not started (policy-rc.d, where `policy` does not say otherwise).
 */
export async function withMounts<T>(
  space: Workspace,
  tree: string,
  use: () => Promise<T>,
  { policy: wanted = true } = {},
): Promise<T> {
  const outside = space.outside(tree)
  for (const name of ['proc', 'dev', 'run']) {
    const path = join(outside, name)
    // A link here would lead the mount to the machine's own directory.
    if ((await lstat(path).catch(() => undefined))?.isDirectory() === true) continue
    await removeInTree(outside, name)
    await mkdir(path)
  }
  await space.ok('sh', ['-ec', MOUNT, 'sh', tree], { label: 'mount', network: true })
  await mkdir(join(outside, RUN_DIRECTORY))
  const policy = '/usr/sbin/policy-rc.d'
  const had = !wanted || (await lstat(await insideTree(outside, policy, false)).catch(() => undefined)) !== undefined
  if (!had) await writeInTree(outside, policy, '#!/bin/sh\nexit 101\n', 0o755)
  try {
    return await use()
  } finally {
    // No service that was started after all keeps a file of the tree open.
    await space.endAll()
    if (!had) await removeInTree(outside, policy).catch(() => {})
    // After a failure or a cancelling the workspace's end does it.
    await space.run('sh', ['-ec', UNMOUNT, 'sh', tree], { label: 'umount', network: true }).catch(() => {})
  }
}

/** Runs a tool of the machine on the tree, with fewer powers than root has. */
export function runTame(space: Workspace, tool: string, args: readonly string[], options: InsideOptions): Promise<Ran> {
  const constant = 'tool=$1; shift; exec "$tool" "$@"'
  const shell = ['--shell=/bin/sh', '--', '-c', constant, 'sh', tool, ...args]
  return space.run('capsh', [`--drop=${capabilities(MACHINE_POWERS)}`, ...shell], { label: tool, ...options })
}

/** Runs a script with the tree as its root directory; it can do there what root can, and little elsewhere. */
export async function runInTree(
  space: Workspace,
  tree: string,
  script: string,
  options: InsideOptions & { readonly resolver?: boolean },
): Promise<Ran> {
  const path = join(RUN_DIRECTORY, 'script')
  await writeInTree(space.outside(tree), path, script, 0o700)
  if (options.resolver === true)
    await copyFile('/etc/resolv.conf', join(space.outside(tree), RUN_DIRECTORY, 'resolv.conf'))
  const drop = `--drop=${capabilities([...MACHINE_POWERS, ...ESCAPES])}`
  return space.run('capsh', [`--chroot=${tree}`, drop, `--shell=${path}`, '--'], {
    label: 'the script',
    ...options,
  })
}

function capabilities(names: readonly string[]): string {
  return names.map((name) => `cap_${name}`).join(',')
}

/**
 * Takes out of a tree what is different each time that the same packages are installed: times, logs, caches, secrets,
 * and what was copied from the machine that it was made on.
 */
import { chmod, lstat, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { removeSecrets } from './first-boot.ts'
import { insideTree, readInTree, removeInTree, writeInTree } from './tree.ts'
import type { Workspace } from './workspace.ts'

/** Files that go. */
const GONE = [
  '/etc/dpkg/dpkg.cfg.d/99mmdebstrap',
  '/etc/apt/apt.conf.d/99mmdebstrap',
  '/var/cache/apt/pkgcache.bin',
  '/var/cache/apt/srcpkgcache.bin',
  '/var/cache/ldconfig/aux-cache',
  '/var/lib/dbus/machine-id',
  '/var/lib/systemd/random-seed',
  '/var/lib/urandom/random-seed',
  '/var/lib/dpkg/lock',
  '/var/lib/dpkg/lock-frontend',
  '/var/lib/dpkg/triggers/Lock',
  '/var/lib/dnf/history.sqlite',
  '/var/lib/dnf/history.sqlite-shm',
  '/var/lib/dnf/history.sqlite-wal',
  '/var/log/alternatives.log',
  '/var/log/bootstrap.log',
  '/var/log/dpkg.log',
  '/var/log/fontconfig.log',
  '/var/log/hawkey.log',
]
/** Directories that are emptied: of everything, or of the names that match. */
const EMPTIED: readonly { readonly path: string; readonly only?: RegExp }[] = [
  { path: '/run' },
  { path: '/tmp' },
  { path: '/var/tmp' },
  { path: '/dev', only: /^(?!null|zero|full|random|urandom|tty|console|ptmx|fd|stdin|stdout|stderr|pts|shm)/ },
  { path: '/var/cache/apt/archives', only: /\.deb$|^lock$/ },
  { path: '/var/lib/apt/lists', only: /^(?!partial$|auxfiles$)/ },
  { path: '/var/cache/debconf', only: /-old$/ },
  { path: '/var/lib/dpkg', only: /-old$/ },
  { path: '/var/cache/man' },
  { path: '/var/cache/fontconfig', only: /\.cache-/ },
  { path: '/var/cache/dnf' },
  { path: '/var/log/apt' },
  { path: '/var/log', only: /^dnf\..*log$/ },
  { path: '/var/log/journal' },
]
/** Logs that programs expect to be there. */
const LOGS = ['/var/log/faillog', '/var/log/lastlog', '/var/log/wtmp', '/var/log/btmp']

const SECONDS_A_DAY = 86_400

/**
 * @param epoch seconds; nothing in the tree is younger afterwards
 * @param by who changed the tree: what packages left of names and secrets was chance, what a request's own files and
 * script put there was meant
 */
export async function normalise(space: Workspace, tree: string, epoch: number, by: 'packages' | 'request') {
  const outside = space.outside(tree)
  for (const path of GONE) await removeInTree(outside, path)
  for (const { path, only } of EMPTIED) await empty(outside, path, only)
  for (const path of LOGS) await truncateFile(outside, path)
  if (by === 'packages') {
    await truncateFile(outside, '/etc/machine-id')
    await fixIdentity(outside)
    await removeSecrets(outside)
  }
  await clampPasswordDates(outside, Math.floor(epoch / SECONDS_A_DAY))
  await clampTimes(space, tree, epoch)
}

async function empty(tree: string, path: string, only = /./): Promise<void> {
  const directory = await insideTree(tree, path)
  const names = await readdir(directory).catch(() => [])
  for (const name of names.filter((one) => only.test(one))) await removeInTree(tree, join(path, name))
}

async function truncateFile(tree: string, path: string): Promise<void> {
  const found = await readInTree(tree, path)
  if (found === undefined || found.length === 0) return
  await writeFile(await insideTree(tree, path), '')
}

/** Name and resolver are those of no machine; a link there is a package's own decision. */
async function fixIdentity(tree: string): Promise<void> {
  for (const [path, content] of [
    ['/etc/hostname', 'localhost\n'],
    ['/etc/resolv.conf', ''],
    ['/etc/hosts', '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n'],
  ] as const) {
    const there = await lstat(await insideTree(tree, path, false)).catch(() => undefined)
    if (there?.isSymbolicLink() === true) continue
    if (path === '/etc/hosts' && there !== undefined) continue
    const had = await readInTree(tree, path)
    if (had?.toString() !== content && (await isDirectory(tree, dirname(path)))) await writeInTree(tree, path, content)
  }
}

async function isDirectory(tree: string, path: string): Promise<boolean> {
  const stats = await lstat(await insideTree(tree, path)).catch(() => undefined)
  return stats?.isDirectory() === true
}

/** The third field of shadow is the day of the last change: no later than the packages. */
async function clampPasswordDates(tree: string, day: number): Promise<void> {
  for (const path of ['/etc/shadow', '/etc/shadow-']) {
    const text = (await readInTree(tree, path))?.toString()
    if (text === undefined) continue
    const lines = text.split('\n').map((line) => {
      const fields = line.split(':')
      if (fields.length < 3 || !(Number(fields[2]) > day)) return line
      fields[2] = String(day)
      return fields.join(':')
    })
    if (lines.join('\n') !== text) await rewrite(await insideTree(tree, path), lines.join('\n'))
  }
}

/** Writes a file's content and leaves its owner and mode. */
async function rewrite(path: string, content: string): Promise<void> {
  const { mode } = await lstat(path)
  await writeFile(path, content)
  await chmod(path, mode & 0o7777)
}

/** Times after the epoch become the epoch: what is older came from a package and says when that was made. */
async function clampTimes(space: Workspace, tree: string, epoch: number): Promise<void> {
  const touch = ['xargs', '--null', '--no-run-if-empty', 'touch', '--no-dereference', `--date=@${epoch}`, '--']
  // Constant text: the tree, the time and the second command are its arguments.
  const pipe = 'tree=$1; late=$2; shift 2; find "$tree" -depth -xdev -newermt "$late" -print0 | "$@"'
  await space.ok('sh', ['-ec', pipe, 'sh', tree, `@${epoch}`, ...touch], { label: 'touch' })
}

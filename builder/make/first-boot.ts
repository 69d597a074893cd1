/**
 * What packages make up by chance when they are installed (keys, identities of databases) is taken out of the tree, so
 * that the same packages give the same bytes and no two machines share a secret; a unit makes it anew at the first boot.
 */
import { chmod, lstat, mkdir, readdir, readlink, symlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { insideTree, readInTree, removeInTree, writeInTree } from './tree.ts'

interface Secret {
  /** Directory of the files, and those that are meant. */
  readonly directory: string
  readonly files: RegExp
  /** Line of a shell script that makes them, where they are not there. */
  readonly renew: string
}

const RENEW_CERTIFICATE =
  '[ -e /etc/ssl/private/ssl-cert-snakeoil.key ] || make-ssl-cert generate-default-snakeoil --force-overwrite'

const SECRETS: readonly Secret[] = [
  {
    directory: '/etc/ssh',
    files: /^ssh_host_.*_key(\.pub)?$/,
    renew: 'ssh-keygen -A',
  },
  {
    directory: '/etc/ssl/private',
    files: /^ssl-cert-snakeoil\.key$/,
    renew: RENEW_CERTIFICATE,
  },
  {
    directory: '/etc/ssl/certs',
    files: /^ssl-cert-snakeoil\.pem$/,
    renew: RENEW_CERTIFICATE,
  },
  {
    directory: '/etc/munge',
    files: /^munge\.key$/,
    renew:
      '[ -e /etc/munge/munge.key ] || { mungekey --create --keyfile=/etc/munge/munge.key && chown munge:munge /etc/munge/munge.key; }',
  },
  {
    directory: '/etc/bind',
    files: /^rndc\.key$/,
    renew: '[ -e /etc/bind/rndc.key ] || { rndc-confgen -a && chown bind:bind /etc/bind/rndc.key; }',
  },
  {
    directory: '/var/lib/mysql',
    files: /./,
    renew:
      '[ -e /var/lib/mysql/mysql ] || { mariadb-install-db --user=mysql --skip-test-db --auth-root-authentication-method=socket; }',
  },
]

const SCRIPT = '/usr/lib/hotblock/first-boot'
const UNIT = '/etc/systemd/system/hotblock-first-boot.service'
const WANTED = '/etc/systemd/system/sysinit.target.wants/hotblock-first-boot.service'
const DONE = '/var/lib/hotblock/first-boot'
const UNIT_TEXT = `[Unit]
Description=Keys and identities that every machine makes for itself
DefaultDependencies=no
After=local-fs.target systemd-random-seed.service
Before=sysinit.target shutdown.target
Conflicts=shutdown.target
RequiresMountsFor=/var /etc
ConditionPathExists=!${DONE}

[Service]
Type=oneshot
ExecStart=${SCRIPT}
RemainAfterExit=yes

[Install]
WantedBy=sysinit.target
`
/** Created when it is first started, in place of when it is installed; a file of Debian's postgresql-common. */
const CLUSTER_SETTINGS = '/etc/postgresql-common/createcluster.conf'
const CLUSTERS = '/var/lib/postgresql'

/** @param tree where it can be written, on the machine */
export async function removeSecrets(tree: string): Promise<void> {
  const before = (await readInTree(tree, SCRIPT))?.toString() ?? ''
  const lines = new Set(before.split('\n').filter((line) => line.startsWith('run ')))
  for (const secret of SECRETS) {
    const directory = await insideTree(tree, secret.directory)
    const all: string[] = await readdir(directory).catch(() => [])
    const names = all.filter((name) => secret.files.test(name))
    if (names.length === 0) continue
    // Certificates are found by links that are named after what is in them.
    const links = await Promise.all(all.map((name) => readlink(join(directory, name)).catch(() => '')))
    names.push(...all.filter((_name, i) => names.includes(basename(links[i] ?? ''))))
    for (const name of names) await removeInTree(tree, join(secret.directory, name))
    lines.add(`run '${secret.renew}'`)
  }
  const versions = await dropClusters(tree)
  for (const version of versions) {
    const there = `[ -e /var/lib/postgresql/${version}/main ]`
    lines.add(`run '${there} || pg_createcluster ${version} main'`)
  }
  if (lines.size === 0) return
  await writeScript(tree, [...lines].sort())
}

/** Takes out the clusters that postgresql's packages make. @returns their versions */
async function dropClusters(tree: string): Promise<string[]> {
  if ((await readInTree(tree, CLUSTER_SETTINGS)) === undefined) return []
  const directory = await insideTree(tree, CLUSTERS)
  const versions: string[] = []
  for (const version of (await readdir(directory).catch(() => [])).sort()) {
    const made = await lstat(join(directory, version, 'main', 'PG_VERSION')).catch(() => undefined)
    if (!/^\d+$/.test(version) || made === undefined) continue
    versions.push(version)
    await removeInTree(tree, join(CLUSTERS, version, 'main'))
    await removeInTree(tree, join('/etc/postgresql', version, 'main'))
    await removeInTree(tree, join('/var/log/postgresql', `postgresql-${version}-main.log`))
  }
  return versions
}

async function writeScript(tree: string, lines: readonly string[]): Promise<void> {
  const head = ['#!/bin/sh', '# Written when the image was made; runs once.', 'failed=0']
  const run = 'run() { sh -c "$1" || { echo "failed: $1" >&2; failed=1; }; }'
  const done = [`mkdir -p ${DONE.slice(0, DONE.lastIndexOf('/'))}`, `[ $failed = 0 ] && : > ${DONE}`, 'exit $failed']
  await writeInTree(tree, SCRIPT, `${[...head, run, ...lines, ...done].join('\n')}\n`, 0o755)
  await writeInTree(tree, UNIT, UNIT_TEXT)
  await removeInTree(tree, WANTED)
  const directory = await insideTree(tree, WANTED.slice(0, WANTED.lastIndexOf('/')))
  await mkdir(directory, { recursive: true })
  await chmod(directory, 0o755)
  await symlink(UNIT, join(directory, WANTED.slice(WANTED.lastIndexOf('/') + 1)))
}

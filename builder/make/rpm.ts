import { copyFile, lstat, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { HotblockError } from '../../protocols/errors.ts'
import type { PackageRepository } from '../config/image-config.ts'
import type { AptLimits } from './apt-root.ts'
import { checkSource, keyName } from './apt-sources.ts'
import { limitArchives } from './archive-limit.ts'
import { runTame, withMounts } from './chroot.ts'
import type { Family, InstallJob, ResolvedStage, ResolveJob, WantedStage } from './family.ts'
import type { PackageVersion } from './maker.ts'
import { askDnf, type RpmPackage } from './rpm-resolve.ts'
import { runTool, runToolOk, toolFailed } from './run.ts'
import { serialByName } from './serial.ts'
import { requireTools } from './tools.ts'
import { insideTree, writeInTree } from './tree.ts'

interface Repository {
  readonly id: string
  readonly uri: string
  readonly key: string
}

const DATABASE = '/var/lib/rpm'
/** Where newer distributions have it: their rpm package brings the directory. */
const DATABASE_NEW = '/usr/lib/sysimage/rpm'
const KEYS_DIRECTORY = '/etc/pki/rpm-gpg'

/** Distributions of RPM packages: resolved and installed by dnf. @param directory for metadata and package files */
export function rpmFamily(directory: string, limits: AptLimits): Family {
  const serial = serialByName()

  const ask = (
    job: ResolveJob,
    repositories: readonly Repository[],
    fixed: readonly string[],
    names: readonly string[],
    fetch: boolean,
  ) => {
    const place = join(directory, job.class.name)
    const question = { directory: place, release: job.class.release, arch: job.arch, repositories, fixed, names, fetch }
    // dnf locks its cache, and waits for it without end.
    return serial(place, () => askDnf(question, limits, { signal: job.signal }))
  }

  return {
    async tools() {
      await requireTools(['dnf', 'python3', 'rpm', 'rpmkeys'])
      const lines = await runToolOk('dpkg-query', ['--show', 'dnf', 'rpm']).catch(() => '')
      const rows = lines
        .trim()
        .split('\n')
        .filter((line) => line !== '')
      return Object.fromEntries(rows.map((line) => line.split('\t') as [string, string]))
    },

    async settings(job) {
      return { repositories: job.class.repositories, release: job.class.release }
    },

    async resolve(stages, job) {
      const resolved: ResolvedStage[] = []
      const below: string[] = []
      for (const wanted of stages) {
        const found = await ask(job, repositoriesOf(job, wanted), below, wanted.names, false)
        const fresh = found.filter(({ nevra }) => !below.includes(nevra))
        below.push(...fresh.map(({ nevra }) => nevra))
        const details = fresh.map(({ nevra }) => nevra)
        resolved.push({ ...wanted, packages: fresh.map(versionOf), removed: [], details })
      }
      return resolved
    },

    async install(stage, job) {
      const fetched =
        stage.details.length === 0 ? [] : await ask(job, repositoriesOf(job, stage), stage.details, [], true)
      const packages = fetched.filter(({ nevra }) => stage.details.includes(nevra))
      const files = await checkedFiles(packages, repositoriesOf(job, stage), job)
      await installFiles(files, Math.max(job.epoch, ...packages.map(({ built }) => built)), job)
      await writeRepositories(stage, job)
      return Math.max(job.epoch, ...packages.map(({ built }) => built))
    },

    async trim(bytesMax) {
      for (const name of await readdir(directory).catch(() => [])) {
        const place = join(directory, name)
        await serial(place, async () => {
          const cache = join(place, 'cache')
          for (const repository of await readdir(cache).catch(() => [])) {
            await limitArchives(join(cache, repository, 'packages'), bytesMax)
          }
        })
      }
    },
  }
}

function repositoriesOf(job: ResolveJob, stage: Pick<WantedStage, 'repositories'>): Repository[] {
  return [...job.class.repositories, ...stage.repositories.map(ownRepository)]
}

function ownRepository(repository: PackageRepository): Repository {
  checkSource({ ...repository, suite: '', components: [] })
  return { id: keyName(repository).replace('.asc', ''), uri: repository.uri, key: repository.key }
}

function versionOf({ name, version, arch, sha256 }: RpmPackage): PackageVersion {
  return { name, version, arch, sha256, family: 'rpm' }
}

/** Copies package files to the stage's directory and checks that one of the repositories' keys has signed each. */
async function checkedFiles(
  packages: readonly RpmPackage[],
  repositories: readonly Repository[],
  job: InstallJob,
): Promise<string[]> {
  const [database, place] = [join(job.scratch, 'keys'), join(job.scratch, 'packages')]
  for (const path of [database, place]) await mkdir(path)
  const keys = new Set(repositories.map(({ key }) => key).filter((key) => key !== ''))
  for (const [i, key] of [...keys].entries()) {
    const path = join(job.scratch, `key-${i}.asc`)
    await writeFile(path, key)
    await runToolOk('rpmkeys', [`--dbpath=${database}`, '--import', path], { signal: job.signal })
  }
  const files: string[] = []
  for (const { path } of packages) {
    const file = join(place, basename(path))
    await copyFile(path, file)
    files.push(file)
  }
  if (files.length === 0) return files
  const level = ['--define', '_pkgverify_level all']
  const ran = await runTool('rpmkeys', [`--dbpath=${database}`, ...level, '--checksig', '--', ...files])
  if (ran.status !== 0) {
    const bad = ran.stdout.split('\n').find((line) => /NOT OK|NOKEY|MISSING/i.test(line)) ?? ran.tail.at(-1) ?? ''
    const text = `a package is not signed by its repository's key: ${bad.replace(`${place}/`, '')}`
    throw new HotblockError('MIRROR_FAILED', text, { lines: ran.stdout })
  }
  return files
}

async function installFiles(files: readonly string[], epoch: number, job: InstallJob): Promise<void> {
  if (files.length === 0) return
  const { space, tree, scratch, log } = job
  const outside = space.outside(tree)
  const home = join(scratch, 'home')
  await mkdir(home)
  const database = (await isThere(outside, join(DATABASE_NEW, 'rpmdb.sqlite'))) ? DATABASE_NEW : DATABASE
  await writeFile(join(home, '.rpmmacros'), `%_dbpath ${database}\n%_db_backend sqlite\n`)
  const configuration = join(scratch, 'dnf.conf')
  await writeFile(configuration, '[main]\n')
  const args = [
    '--assumeyes',
    `--config=${configuration}`,
    `--installroot=${tree}`,
    `--releasever=${job.class.release}`,
    '--noplugins',
    '--disablerepo=*',
    '--setopt=reposdir=/dev/null',
    '--setopt=install_weak_deps=False',
    '--setopt=localpkg_gpgcheck=False',
    '--setopt=ignorearch=True',
    `--setopt=cachedir=${join(scratch, 'cache')}`,
    `--setopt=persistdir=${join(scratch, 'state')}`,
    `--setopt=logdir=${scratch}`,
    'install',
    ...files,
  ]
  await withMounts(
    space,
    tree,
    async () => {
      const ran = await runTame(space, 'dnf', args, { log, env: { HOME: home, SOURCE_DATE_EPOCH: String(epoch) } })
      if (ran.status !== 0) throw toolFailed('dnf', ran)
    },
    { policy: false },
  )
  await settleDatabase(await insideTree(outside, database), scratch)
  await moveDatabase(outside, database)
}

/**
 * dnf leaves the last changes in a log beside the database, whose bytes are chance: they go where they belong. That is
 * done on a copy, as SQLite resolves paths itself and would miss what only the workspace sees.
 */
async function settleDatabase(directory: string, scratch: string): Promise<void> {
  const [database, log] = ['rpmdb.sqlite', 'rpmdb.sqlite-wal'] as const
  const copy = join(scratch, 'database')
  await mkdir(copy)
  await copyFile(join(directory, database), join(copy, database))
  await copyFile(join(directory, log), join(copy, log)).catch(ignoreMissing)
  const opened = new DatabaseSync(join(copy, database))
  try {
    opened.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  } finally {
    opened.close()
  }
  await copyFile(join(copy, database), join(directory, database))
  for (const name of [log, 'rpmdb.sqlite-shm', '.rpm.lock']) await rm(join(directory, name), { force: true })
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}

/** Once the distribution's own rpm is there, its database lies where that looks for it. */
async function moveDatabase(tree: string, from: string): Promise<void> {
  if (from === DATABASE_NEW || !(await isThere(tree, DATABASE_NEW))) return
  const [here, there] = [await insideTree(tree, DATABASE), await insideTree(tree, DATABASE_NEW)]
  if (here === there) return
  await rename(join(here, 'rpmdb.sqlite'), join(there, 'rpmdb.sqlite'))
}

async function isThere(tree: string, path: string): Promise<boolean> {
  return (await lstat(await insideTree(tree, path)).catch(() => undefined)) !== undefined
}

async function writeRepositories(stage: ResolvedStage, job: InstallJob): Promise<void> {
  const tree = job.space.outside(job.tree)
  const own = stage.stage === 'base' ? job.class.repositories : stage.repositories.map(ownRepository)
  for (const { id, uri, key } of own) {
    const keyPath = join(KEYS_DIRECTORY, `hotblock-${id}`)
    if (key !== '') await writeInTree(tree, keyPath, key)
    const check = key === '' ? 'gpgcheck=0\n' : `gpgcheck=1\ngpgkey=file://${keyPath}\n`
    await writeInTree(
      tree,
      `/etc/yum.repos.d/hotblock-${id}.repo`,
      `[${id}]\nname=${id}\nbaseurl=${uri}\nenabled=1\n${check}`,
    )
  }
}

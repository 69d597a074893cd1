import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { HotblockError } from '../../protocols/errors.ts'
import type { PackageRepository } from '../config/image-config.ts'
import { fetchPackages, makeRepository, newestPackage } from './apt-archives.ts'
import { bootstrap, installInto } from './apt-install.ts'
import { type Installed, planInstall } from './apt-resolve.ts'
import { type AptLimits, type AptRoot, openAptRoot } from './apt-root.ts'
import { checkSource, classSources, type DebianSettings, keyName, sourceLines } from './apt-sources.ts'
import { limitArchives } from './archive-limit.ts'
import type { Family, InstallJob, ResolvedStage, ResolveJob, WantedStage } from './family.ts'
import { fieldOf, packageOf } from './packages-index.ts'
import { runToolOk } from './run.ts'
import { serialByName } from './serial.ts'
import { requireFile, requireTools } from './tools.ts'
import { readInTree, writeInTree } from './tree.ts'

/** In images: where repositories' keys lie, and where they are listed. */
const KEYS_DIRECTORY = '/etc/apt/keyrings'
const ARCHIVES = 'archives'
const SOURCES_LIST = '/etc/apt/sources.list'
const MORE_SOURCES = '/etc/apt/sources.list.d/hotblock.list'

/** Debian releases: resolved by apt, begun by mmdebstrap. @param directory for indexes and package files */
export function debianFamily(
  directory: string,
  settings: DebianSettings,
  limits: AptLimits,
  now: () => number,
): Family {
  const roots = new Map<string, Promise<AptRoot>>()
  const serial = serialByName()
  const archives = join(directory, 'archives')
  let plans = 0

  const rootFor = async (job: ResolveJob, repositories: readonly PackageRepository[]): Promise<AptRoot> => {
    const keyring = await requireFile(settings.keyring, 'debian-archive-keyring')
    const own = sourceLines(await classSources(job.class, settings), keyring, validity(job))
    const more = await Promise.all(repositories.map((repository) => repositoryLine(repository)))
    const text = own + more.join('')
    const key = `${job.arch}\n${text}`
    const opening = roots.get(key) ?? openAptRoot(join(directory, 'apt'), job.arch, text, limits, now)
    roots.set(key, opening)
    try {
      return await opening
    } catch (error) {
      roots.delete(key)
      throw error
    }
  }

  const repositoryLine = async (repository: PackageRepository): Promise<string> => {
    checkSource(repository)
    const path = join(directory, 'keys', keyName(repository))
    await mkdir(join(directory, 'keys'), { recursive: true })
    await writeFile(path, repository.key)
    return sourceLines([repository], path)
  }

  return {
    async tools() {
      await requireTools(['apt-get', 'apt-cache', 'mmdebstrap', 'capsh', 'dpkg', 'tar'])
      const lines = await runToolOk('dpkg-query', ['--show', 'apt', 'mmdebstrap'])
      return Object.fromEntries(
        lines
          .trim()
          .split('\n')
          .map((line) => line.split('\t') as [string, string]),
      )
    },

    async settings(job) {
      return { sources: await classSources(job.class, settings), variant: job.class.variant ?? 'important' }
    },

    async resolve(stages, job) {
      const resolved: ResolvedStage[] = []
      let installed: Installed = []
      for (const [i, wanted] of stages.entries()) {
        const root = await rootFor(job, wanted.repositories)
        const variant = i === 0 ? (job.class.variant ?? 'important') : undefined
        const names = namesOf(wanted)
        const status = join(directory, 'apt', `plan-${plans++ % 1000}`)
        const plan = await serial(rootName(job, wanted), async () => {
          await root.update(job)
          return planInstall(root, status, installed, names, variant, { signal: job.signal })
        })
        installed = plan.after
        const packages = plan.stanzas.map(packageOf)
        resolved.push({ ...wanted, packages, removed: plan.removed, details: plan.stanzas })
      }
      return resolved
    },

    async install(stage, job) {
      const root = await rootFor(job, stage.repositories)
      const repository = join(job.scratch, 'packages')
      const newest = await serial(ARCHIVES, async () => {
        await serial(rootName(job, stage), () => root.update(job))
        await fetchPackages(root, archives, stage.packages, job)
        await makeRepository(repository, archives, stage.details)
        return newestPackage(archives, stage.packages)
      })
      const epoch = Math.max(job.epoch, newest)
      const names = namesOf(stage)
      if (stage.stage === 'base') {
        await bootstrap(job, repository, job.class.variant ?? 'important', names, epoch)
      } else if (stage.packages.length > 0) {
        await installInto(job, repository, names, epoch)
      }
      await writeSources(stage, job)
      await checkInstalled(stage, job)
      return epoch
    },

    async trim(bytesMax) {
      await serial(ARCHIVES, () => limitArchives(archives, bytesMax))
    },
  }

  async function writeSources(stage: ResolvedStage, job: InstallJob): Promise<void> {
    const tree = job.space.outside(job.tree)
    if (stage.stage === 'base') {
      await writeInTree(
        tree,
        SOURCES_LIST,
        sourceLines(await classSources(job.class, settings), undefined, validity(job)),
      )
    }
    if (stage.repositories.length === 0) return
    let lines = ''
    for (const repository of stage.repositories) {
      const key = join(KEYS_DIRECTORY, keyName(repository))
      await writeInTree(tree, key, repository.key)
      lines += sourceLines([repository], key)
    }
    await writeInTree(tree, MORE_SOURCES, lines)
  }
}

function namesOf({ names }: WantedStage): string[] {
  return [...new Set(names)].sort()
}

function rootName(job: ResolveJob, { repositories }: WantedStage): string {
  return JSON.stringify([job.class.name, job.arch, repositories])
}

/** An old snapshot's indexes say that they are no longer valid. */
function validity(job: ResolveJob): string {
  return job.class.snapshot === '' ? '' : 'check-valid-until=no'
}

/** The tree has to have what its key says. @throws TOOL_FAILED */
async function checkInstalled(stage: ResolvedStage, job: InstallJob): Promise<void> {
  const status = (await readInTree(job.space.outside(job.tree), '/var/lib/dpkg/status'))?.toString() ?? ''
  const installed = new Set<string>()
  for (const stanza of status.split('\n\n')) {
    if (!/^Status: \S+ ok installed$/m.test(stanza)) continue
    installed.add(['Package', 'Version', 'Architecture'].map((name) => fieldOf(stanza, name)).join(' '))
  }
  const missing = stage.packages.filter(({ name, version, arch }) => !installed.has(`${name} ${version} ${arch}`))
  if (missing.length === 0) return
  const names = missing.map(({ name, version }) => `${name} ${version}`).join(', ')
  throw new HotblockError('TOOL_FAILED', `what was resolved is not what was installed: ${names}`)
}

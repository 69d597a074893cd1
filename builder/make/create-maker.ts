import { mkdir, readdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { asHotblockError } from '../../protocols/errors.ts'
import { assemble, assemblyTools } from '../assemble/assemble.ts'
import { QEMU } from '../boot/qemu.ts'
import type { Catalog, Family as FamilyName } from '../catalog/catalog.ts'
import type { ImageConfig } from '../config/image-config.ts'
import { openStageCache, type StageCache, type StageHandle } from '../stages/cache.ts'
import { chooseStaging } from '../staging/choose.ts'
import type { Staging, StagingKind } from '../staging/staging.ts'
import type { AptLimits } from './apt-root.ts'
import { DEBIAN_DEFAULTS, type DebianSettings } from './apt-sources.ts'
import { checkBoot, type Kvm, openKvm } from './check-boot.ts'
import { debianFamily } from './debian.ts'
import type { Family } from './family.ts'
import type { ImageMaker, MadeImage, MakeJob } from './maker.ts'
import { type Plan, planImage } from './plan.ts'
import { rpmFamily } from './rpm.ts'
import { cancelled } from './run.ts'
import { makeStages } from './stages.ts'
import { requireTools } from './tools.ts'
import { openWorkspace, type Workspace } from './workspace.ts'

export interface MakerOptions {
  /** What a site offers; asked at each build, so that its files can change. */
  readonly catalog: () => Catalog
  /** Stages, package files and indexes live here; one process at a time. */
  readonly directory: string
  readonly debian?: Partial<DebianSettings>
  /** Only this way of keeping stages. */
  readonly staging?: StagingKind
  /** What finished stages may take. */
  readonly cacheBytesMax?: number
  /** What downloaded packages of each family may take. */
  readonly packageBytesMax?: number
  readonly limits?: Partial<MakerLimits>
  /** May customisation scripts use the network? Without it they have none, and images can be made again. */
  readonly scriptNetwork?: boolean
  /** Milliseconds; for tests. */
  readonly now?: () => number
}

export interface MakerLimits extends AptLimits {
  readonly scriptSeconds: number
  readonly bootSeconds: number
}

export const LIMIT_DEFAULTS: MakerLimits = {
  silenceSeconds: 30,
  freshSeconds: 60,
  updateSeconds: 300,
  scriptSeconds: 1800,
  bootSeconds: 300,
}
const CONSOLE = 'console.log'
export const CACHE_BYTES_DEFAULT = 40 * 1024 ** 3
export const PACKAGE_BYTES_DEFAULT = 20 * 1024 ** 3

/** An ImageMaker, and what a farm shows and tidies of its stages. */
export interface FarmMaker extends ImageMaker {
  /** @returns false where there is none, or it is in use, or others are made on it */
  removeStage(key: string): Promise<boolean>
}

interface Ready {
  readonly staging: Staging
  readonly cache: StageCache
  readonly kvm: Kvm
}

/** Makes images with the system's tools. What the machine can do is found out at the first call. */
export function createMaker(options: MakerOptions): FarmMaker {
  const { now = Date.now } = options
  const directory = resolve(options.directory)
  const limits = { ...LIMIT_DEFAULTS, ...options.limits }
  const families: Readonly<Record<FamilyName, Family>> = {
    debian: debianFamily(join(directory, 'debian'), { ...DEBIAN_DEFAULTS, ...options.debian }, limits, now),
    rpm: rpmFamily(join(directory, 'rpm'), limits),
  }
  const [stagesDirectory, scratchDirectory] = [join(directory, 'stages'), join(directory, 'scratch')]
  let opening: Promise<Ready> | undefined
  let builds = 0

  const open = async (): Promise<Ready> => {
    await rm(scratchDirectory, { recursive: true, force: true })
    for (const path of [stagesDirectory, scratchDirectory]) await mkdir(path, { recursive: true, mode: 0o700 })
    const space = await openWorkspace(new AbortController().signal)
    try {
      const probing = join(scratchDirectory, 'probe')
      await mkdir(probing)
      const staging = await chooseStaging(probing, space, options.staging)
      return { staging, cache: await openStageCache(stagesDirectory, staging, now), kvm: openKvm() }
    } finally {
      await space.close()
    }
  }

  const ready = (): Promise<Ready> => {
    opening ??= open().catch((error: unknown) => {
      opening = undefined
      throw error
    })
    return opening
  }

  const build = async (config: ImageConfig, plan: Plan, job: MakeJob, held: StageHandle[]): Promise<MadeImage> => {
    const { staging, cache, kvm } = await ready()
    const family = families[plan.class.family]
    const scratch = join(scratchDirectory, `build-${builds++}`)
    await mkdir(scratch)
    let space: Workspace | undefined
    try {
      space = await openWorkspace(job.signal)
      job.log(`stages are kept as ${staging.kind}${staging.kind === 'copy' ? ': nothing quicker works here' : ''}`)
      const made = await makeStages(config, plan, {
        space,
        scratch,
        family,
        cache,
        held,
        job,
        now,
        scriptSeconds: limits.scriptSeconds,
        scriptNetwork: options.scriptNetwork ?? false,
      })
      const tree = await staging.view(made.top.chain, space)
      const epoch = made.top.facts.epoch ?? 0
      const parts = { space, tree, epoch, scratch, arch: config.arch, directory: job.directory }
      const image = await step('assemble', `${config.fileType} file`, job, 0.8, () => {
        return assemble(config, { ...parts, log: job.log, signal: job.signal })
      })
      let console: string | undefined
      if (config.boot !== 'none') {
        console = join(job.directory, CONSOLE)
        const target = { config, image, console, seconds: limits.bootSeconds }
        const checking = { ...parts, space, log: job.log, signal: job.signal, kvm }
        await step('boot', config.boot, job, 0.9, () => checkBoot(target, checking))
      }
      job.progress({ phase: 'done', text: '', fraction: 1 })
      const { file, kernel, initrd } = image
      return {
        file,
        ...(kernel === undefined ? {} : { kernel }),
        ...(initrd === undefined ? {} : { initrd }),
        ...(console === undefined ? {} : { console }),
        packages: made.packages,
        stages: made.reports,
      }
    } finally {
      await space?.close()
      await rm(scratch, { recursive: true, force: true })
    }
  }

  return {
    async make(config, asked) {
      const job = { ...asked, directory: resolve(asked.directory) }
      if (job.signal.aborted) throw cancelled()
      const plan = planImage(config, options.catalog())
      await requireTools([
        ...(['nsenter', 'unshare', 'mount', 'umount', 'cp', 'capsh'] as const),
        ...assemblyTools(config),
        ...(config.boot === 'none' ? [] : [QEMU]),
      ])
      const held: StageHandle[] = []
      try {
        return await build(config, plan, job, held)
      } catch (error) {
        await removeResults(job.directory).catch(() => {})
        // A full disk is one, whoever met it.
        throw job.signal.aborted ? cancelled() : asHotblockError(error)
      } finally {
        for (const handle of held) handle.release()
        await trim(job).catch(() => {})
      }
    },
    async stages() {
      return (await ready()).cache.list()
    },
    async removeStage(key) {
      return (await ready()).cache.remove(key)
    },
  }

  async function trim(job: MakeJob): Promise<void> {
    const { cache } = await ready()
    const gone = await cache.trim(options.cacheBytesMax ?? CACHE_BYTES_DEFAULT)
    for (const key of gone) job.log(`stage ${key.slice(0, 12)} removed: the cache is full`)
    for (const family of Object.values(families)) await family.trim(options.packageBytesMax ?? PACKAGE_BYTES_DEFAULT)
  }
}

/** What a build that failed has made; the console's log says why. */
async function removeResults(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name !== CONSOLE) await rm(join(directory, name), { recursive: true, force: true })
  }
}

/** Says that a step begins and how long it took. */
async function step<T>(
  phase: 'assemble' | 'boot',
  text: string,
  job: MakeJob,
  fraction: number,
  run: () => Promise<T>,
): Promise<T> {
  job.progress({ phase, text, fraction })
  const startedAt = performance.now()
  const result = await run()
  job.log(`${phase} ${text}: ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
  return result
}

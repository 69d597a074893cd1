import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ImageConfig } from '../config/image-config.ts'
import type { StageCache, StageHandle } from '../stages/cache.ts'
import { canonicalJson, type StageName, type StageParts } from '../stages/key.ts'
import { BOOT_FILES_VERSION, writeBootFiles } from './boot-files.ts'
import { type Addition, customise } from './customise.ts'
import type { Family, ResolvedStage } from './family.ts'
import type { MakeJob, PackageVersion, StageReport } from './maker.ts'
import { normalise } from './normalise.ts'
import type { Plan } from './plan.ts'
import type { Workspace } from './workspace.ts'

export interface StagesJob {
  readonly space: Workspace
  readonly scratch: string
  readonly family: Family
  readonly cache: StageCache
  /** Gets every stage that is used; the caller releases them, whatever happens. */
  readonly held: StageHandle[]
  readonly job: MakeJob
  readonly now: () => number
  readonly scriptSeconds: number
  readonly scriptNetwork: boolean
}

export interface MadeStages {
  readonly top: StageHandle
  readonly packages: readonly PackageVersion[]
  readonly reports: readonly StageReport[]
}

/** Resolves what a request needs, and finds or makes its stages one on top of the other. */
export async function makeStages(config: ImageConfig, plan: Plan, to: StagesJob): Promise<MadeStages> {
  const { space, family, job } = to
  const { log, signal } = job
  const resolveJob = { class: plan.class, arch: config.arch, log, signal }
  job.progress({ phase: 'resolve', text: 'versions of packages', fraction: 0 })
  const [tools, settings] = [await family.tools(), await family.settings(resolveJob)]
  const resolved = await family.resolve(plan.stages, resolveJob)
  const packages = finalPackages(resolved)
  log(`resolved ${packages.length} packages`)

  const work = resolved.filter(changesSomething)
  const count = work.length + (plan.additions.length > 0 ? 1 : 0)
  const reports: StageReport[] = []
  let top: StageHandle | undefined

  const use = async (stage: StageName, parts: Omit<StageParts, 'stage' | 'class' | 'arch' | 'parent'>, make: Make) => {
    const startedAt = to.now()
    job.progress({ phase: 'stage', text: stage, fraction: 0.1 + (0.7 * reports.length) / count })
    const below = top
    const whole = { stage, class: config.class, arch: config.arch, parent: below?.key ?? '', ...parts }
    const handle = await to.cache.use(whole, below, space, signal, async (tree, reason) => {
      log(`stage ${stage}: miss: ${reason}`)
      const scratch = join(to.scratch, stage)
      await mkdir(scratch)
      try {
        return { epoch: await make(tree, scratch, below?.facts.epoch ?? 0) }
      } finally {
        await rm(scratch, { recursive: true, force: true })
      }
    })
    to.held.push(handle)
    top = handle
    const { key, hit, reason } = handle
    const seconds = (to.now() - startedAt) / 1000
    log(`stage ${stage}: ${hit ? `hit: ${reason}` : `made in ${seconds.toFixed(1)} s`} (${key.slice(0, 12)})`)
    reports.push({ stage, key, hit, reason, seconds })
  }

  for (const stage of work) {
    const own = {
      names: stage.names,
      repositories: stage.repositories,
      ...(stage.stage === 'base' ? settings : {}),
      ...(stage.stage === 'boot' ? { bootFiles: BOOT_FILES_VERSION } : {}),
    }
    await use(stage.stage, { config: own, packages: stage.packages, tools }, async (tree, scratch, below) => {
      if (stage.stage === 'boot') await writeBootFiles(space.outside(tree), plan.class.family)
      const epoch = await family.install(stage, { ...resolveJob, space, tree, scratch, epoch: below })
      await normalise(space, tree, epoch, 'packages')
      return epoch
    })
  }
  if (plan.additions.length > 0) {
    const own = { additions: plan.additions.map(plainAddition), network: to.scriptNetwork }
    await use('custom', { config: own, packages: [], tools: {} }, async (tree, _scratch, epoch) => {
      const { scriptSeconds, scriptNetwork } = to
      for (const addition of plan.additions) {
        await customise(addition, { space, tree, epoch, scriptSeconds, scriptNetwork, log })
      }
      await normalise(space, tree, epoch, 'request')
      return epoch
    })
  }
  if (top === undefined) throw new Error('an image has at least a base stage')
  return { top, packages, reports }
}

/** Fills a tree. @returns the time that its files are dated with, seconds */
type Make = (tree: string, scratch: string, epochBelow: number) => Promise<number>

/** Files by their hash: parts of a key are plain values, kept as JSON. */
function plainAddition({ files, script }: Addition) {
  return { script, files: files.map(({ path, mode, content }) => ({ path, mode, content: canonicalJson(content) })) }
}

function changesSomething({ stage, packages, removed, repositories }: ResolvedStage): boolean {
  return stage === 'base' || packages.length > 0 || removed.length > 0 || repositories.length > 0
}

/** What is installed in the end: later stages may replace what earlier ones brought. */
export function finalPackages(stages: readonly ResolvedStage[]): PackageVersion[] {
  const all = new Map<string, PackageVersion>()
  for (const { packages, removed } of stages) {
    for (const name of removed) {
      for (const [key, one] of all) if (one.name === name || `${one.name}:${one.arch}` === name) all.delete(key)
    }
    for (const one of packages) {
      for (const [key, old] of all) if (replaces(one, old)) all.delete(key)
      all.set(`${one.name}:${one.arch}`, one)
    }
  }
  return [...all.values()].sort((a, b) => (`${a.name}:${a.arch}` < `${b.name}:${b.arch}` ? -1 : 1))
}

function replaces(one: PackageVersion, old: PackageVersion): boolean {
  return one.name === old.name && (one.arch === 'all' || old.arch === 'all')
}

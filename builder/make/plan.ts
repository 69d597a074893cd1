import { HotblockError } from '../../protocols/errors.ts'
import type { Appliance, Catalog, ImageClass } from '../catalog/catalog.ts'
import type { ImageConfig } from '../config/image-config.ts'
import type { StageName } from '../stages/key.ts'
import type { Addition } from './customise.ts'
import type { WantedStage } from './family.ts'

/** What a request means, with everything that the catalogue says of its names. */
export interface Plan {
  readonly class: ImageClass
  /** Stages that install, in order; those without anything to install are left out. */
  readonly stages: readonly WantedStage[]
  /** The appliance's before the request's own; none that is empty. */
  readonly additions: readonly Addition[]
}

/** @throws BAD_CONFIG for what the catalogue does not have */
export function planImage(config: ImageConfig, catalog: Catalog): Plan {
  const imageClass = catalog.classes.get(config.class)
  if (imageClass === undefined) throw unknown('class', config.class)
  if (!imageClass.architectures.includes(config.arch)) throw unknown('arch', config.arch)
  const appliance = config.appliance === '' ? undefined : catalog.appliances.get(config.appliance)
  if (config.appliance !== '' && appliance === undefined) throw unknown('appliance', config.appliance)
  const groups = union(appliance?.groups ?? [], config.groups)
  const names: Readonly<Record<Exclude<StageName, 'custom'>, readonly string[]>> = {
    base: union(imageClass.packages),
    boot: config.boot === 'none' ? [] : union(imageClass.bootPackages, kernelOf(imageClass, config.arch)),
    groups: union(...groups.map((name) => packagesOf(name, imageClass, catalog))),
    packages: union(appliance?.packages ?? [], config.packages),
  }
  const stages = (['base', 'boot', 'groups', 'packages'] as const).map((stage): WantedStage => {
    return { stage, names: names[stage], repositories: stage === 'packages' ? config.repositories : [] }
  })
  return {
    class: imageClass,
    stages: stages.filter(({ stage, names, repositories }) => {
      return stage === 'base' || names.length > 0 || repositories.length > 0
    }),
    additions: [
      ofAppliance(appliance),
      { from: 'request' as const, files: config.files, script: config.script },
    ].filter(({ files, script }) => files.length > 0 || script !== ''),
  }
}

function packagesOf(name: string, { name: className }: ImageClass, catalog: Catalog): readonly string[] {
  const group = catalog.groups.get(name)
  if (group === undefined) throw unknown('group', name)
  const packages = group.packages[className] ?? group.packages['*']
  if (packages !== undefined) return packages
  throw new HotblockError('BAD_CONFIG', `group ${name} has nothing for class ${className}`, { field: 'groups' })
}

function kernelOf({ name, kernels }: ImageClass, arch: string): string[] {
  const kernel = kernels[arch]
  if (kernel !== undefined) return [kernel]
  throw new HotblockError('BAD_CONFIG', `class ${name} has no kernel for ${arch}`, { field: 'boot' })
}

function ofAppliance(appliance: Appliance | undefined): Addition {
  const files = (appliance?.files ?? []).map(({ path, mode, content }) => {
    return { path, mode, content: new TextEncoder().encode(content) }
  })
  return { from: 'appliance', files, script: appliance?.script ?? '' }
}

function union(...lists: readonly (readonly string[])[]): string[] {
  return [...new Set(lists.flat())].sort()
}

function unknown(field: string, name: string): HotblockError {
  return new HotblockError('BAD_CONFIG', `there is no such ${field}: ${name}`, { field })
}

/** From a raw request to the canonical configuration. */

import type { FieldProblem } from '../../protocols/errors.ts'
import type { Catalog, ImageClass } from '../catalog/catalog.ts'
import { packagesOf } from '../catalog/lookup.ts'
import { complete, familyProblems } from './complete.ts'
import type { ImageConfig } from './image-config.ts'
import { listed, shown, throwIfAny } from './problems.ts'
import { type CheckedFields, checkFields } from './raw.ts'

export interface NormaliseOptions {
  /** Whether requests may name repositories on the farm's own disk. */
  readonly fileRepositories?: boolean
}

/**
 * The canonical configuration that a request means: equal requests give deeply equal values.
 *
 * @param raw the fields of raw.ts, from wherever; nothing about it is believed
 * @throws BAD_REQUEST with all problems
 */
export function normalise(raw: unknown, catalog: Catalog, options: NormaliseOptions = {}): ImageConfig {
  const checked = checkFields(raw)
  const problems = [...checked.problems]
  const fields: CheckedFields = { ...checked.fields }
  // A field that was wrong counts as given: that it is missing would be a second complaint about the same.
  const isWrong = (field: string) => checked.problems.some((problem) => problem.field === field)
  const imageClass = isWrong('class') || isWrong('appliance') ? undefined : findClass(fields, catalog, problems)
  if (imageClass !== undefined) {
    fields.class = imageClass.name
    if (!isWrong('arch')) fields.arch = findArch(fields.arch, imageClass, problems)
  }
  checkGroups(fields, imageClass, catalog, problems)
  const config = complete(fields, problems)
  if (imageClass !== undefined) {
    problems.push(...familyProblems(fields, imageClass.family, options.fileRepositories ?? false))
    if (config.boot !== 'none' && config.arch !== '' && imageClass.kernels[config.arch] === undefined) {
      problems.push({
        field: 'boot',
        message: `${imageClass.name} has no kernel for ${config.arch}; only none will do`,
      })
    }
  }
  throwIfAny(problems)
  return config
}

/**
 * A configuration that was canonical once, as it was stored: read without a catalogue, so that what has left the
 * catalogue can still be listed.
 * @throws BAD_REQUEST
 */
export function restore(raw: unknown): ImageConfig {
  const { fields, problems } = checkFields(raw)
  const all = [...problems]
  for (const field of ['class', 'arch'] as const) {
    if (fields[field] === undefined && problems.length === 0) all.push({ field, message: 'is missing' })
  }
  const config = complete(fields, all)
  throwIfAny(all)
  return config
}

function findClass(fields: CheckedFields, catalog: Catalog, problems: FieldProblem[]): ImageClass | undefined {
  const appliance = fields.appliance === undefined ? undefined : catalog.appliances.get(fields.appliance)
  if (fields.appliance !== undefined && appliance === undefined) {
    const message = `there is no appliance ${shown(fields.appliance)}; ${listed(catalog.appliances.keys())}`
    problems.push({ field: 'appliance', message })
  }
  const offered = appliance?.classes.filter((name) => catalog.classes.has(name))
  const name = fields.class ?? offered?.[0]
  if (name === undefined) {
    problems.push({ field: 'class', message: `is missing; ${listed(catalog.classes.keys())}` })
    return undefined
  }
  const imageClass = catalog.classes.get(name)
  if (imageClass === undefined) {
    problems.push({ field: 'class', message: `there is no class ${shown(name)}; ${listed(catalog.classes.keys())}` })
  } else if (offered !== undefined && !offered.includes(name)) {
    const message = `${appliance?.name} is not made of ${name}; there are ${offered.join(', ')}`
    problems.push({ field: 'appliance', message })
  }
  return imageClass
}

function findArch(arch: string | undefined, imageClass: ImageClass, problems: FieldProblem[]): string {
  const [first = ''] = imageClass.architectures
  if (arch === undefined || imageClass.architectures.includes(arch)) return arch ?? first
  const message = `${imageClass.name} has no architecture ${shown(arch)}; ${listed(imageClass.architectures)}`
  problems.push({ field: 'arch', message })
  return arch
}

function checkGroups(
  { groups = [] }: CheckedFields,
  imageClass: ImageClass | undefined,
  catalog: Catalog,
  problems: FieldProblem[],
): void {
  for (const name of groups) {
    const group = catalog.groups.get(name)
    if (group === undefined) {
      problems.push({ field: 'groups', message: `there is no group ${shown(name)}; ${listed(catalog.groups.keys())}` })
    } else if (imageClass !== undefined && packagesOf(group, imageClass.name) === undefined) {
      problems.push({ field: 'groups', message: `there is no group ${name} for ${imageClass.name}` })
    }
  }
}

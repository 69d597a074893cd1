/**
 * Reads a catalogue: DIRECTORY/classes/NAME.yaml, DIRECTORY/groups/NAME.yaml, DIRECTORY/appliances/NAME.yaml of the
 * directory that ships with hotblock and of any number of a site's own.
 */
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parse as parseYaml } from 'yaml'
import type { z } from 'zod'
import { HotblockError } from '../../protocols/errors.ts'
import { packageProblem, snapshotProblem, uriProblem } from '../config/grammar.ts'
import { pathText, shown } from '../config/problems.ts'
import type { Appliance, Catalog, ImageClass, PackageGroup } from './catalog.ts'
import { packagesOf } from './lookup.ts'
import { applianceFile, catalogNameProblem, classFile, groupFile } from './schema.ts'

/** The files that ship with hotblock lie beside this one. */
export const SHIPPED_CATALOG = import.meta.dirname
export const CATALOG_FILE_BYTES_MAX = 1024 * 1024
export const CATALOG_FILES_MAX = 1024
const ENDING = '.yaml'

export interface CatalogOptions {
  /** Architectures that this machine makes, in Debian's names; left out: all. Classes without any of them are left out. */
  readonly architectures?: readonly string[]
  /** Mirror of the Debian classes that name none. */
  readonly mirror?: string
  /** Snapshot of the Debian classes that name none. */
  readonly snapshot?: string
  /** Left out: SHIPPED_CATALOG. */
  readonly shipped?: string
}

interface Entry<T> {
  readonly path: string
  readonly value: T
}
type Entries<T> = Map<string, Entry<T & { readonly name: string }>>

/**
 * @param directories a site's own, in order: a file replaces the one of the same kind and name before it
 * @throws BAD_CONFIG naming the file and the field that is wrong
 */
export async function loadCatalog(directories: readonly string[] = [], options: CatalogOptions = {}): Promise<Catalog> {
  const classes: Entries<Omit<ImageClass, 'name'>> = new Map()
  const groups: Entries<Omit<PackageGroup, 'name'>> = new Map()
  const appliances: Entries<Omit<Appliance, 'name'>> = new Map()
  checkOptions(options)
  for (const directory of [options.shipped ?? SHIPPED_CATALOG, ...directories]) {
    await mustExist(directory)
    await readKind(join(directory, 'classes'), classFile, classes)
    await readKind(join(directory, 'groups'), groupFile, groups)
    await readKind(join(directory, 'appliances'), applianceFile, appliances)
  }
  checkClasses(classes)
  checkGroups(groups, classes)
  checkAppliances(appliances, groups, classes)
  const offered = valuesOf(classes).flatMap((value) => offeredClass(value, options))
  return {
    classes: byName(offered),
    groups: byName(valuesOf(groups)),
    appliances: byName(valuesOf(appliances).flatMap((value) => offeredAppliance(value, offered))),
  }
}

/** What a machine makes without emulation. @param machine Node's name of its architecture, process.arch */
export function nativeArchitectures(machine: string): readonly string[] {
  const known: Readonly<Record<string, readonly string[]>> = { x64: ['amd64', 'i386'], arm64: ['arm64'] }
  return Object.hasOwn(known, machine) ? (known[machine] ?? []) : [machine]
}

async function readKind<T extends object>(directory: string, schema: z.ZodType<T>, entries: Entries<T>): Promise<void> {
  const files = (await namesIn(directory)).filter((file) => !file.startsWith('.') && !file.endsWith('~')).sort()
  if (files.length > CATALOG_FILES_MAX) throw wrong(directory, `has more than ${CATALOG_FILES_MAX} files`)
  for (const file of files) {
    const path = join(directory, file)
    if (!file.endsWith(ENDING)) throw wrong(path, `the name of a catalogue's file ends with ${ENDING}`)
    const name = file.slice(0, -ENDING.length)
    const problem = catalogNameProblem(name)
    if (problem !== undefined) throw wrong(path, `${shown(name)} ${problem}`)
    entries.set(name, { path, value: { name, ...checked(path, schema, await readYaml(path)) } })
  }
}

async function mustExist(directory: string): Promise<void> {
  try {
    await readdir(directory)
  } catch (error) {
    throw wrong(directory, 'is not a directory of a catalogue that can be read', '', error)
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw wrong(directory, 'cannot be read', '', error)
  }
}

async function readYaml(path: string): Promise<unknown> {
  let text: string
  try {
    text = await readText(path)
  } catch (error) {
    throw error instanceof HotblockError ? error : wrong(path, 'cannot be read', '', error)
  }
  try {
    return parseYaml(text, { maxAliasCount: 0, prettyErrors: true })
  } catch (error) {
    throw wrong(path, error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error), '', error)
  }
}

async function readText(path: string): Promise<string> {
  await using handle = await open(path, 'r')
  if (!(await handle.stat()).isFile()) throw wrong(path, 'is not a regular file')
  const buffer = Buffer.alloc(CATALOG_FILE_BYTES_MAX + 1)
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0)
  if (bytesRead > CATALOG_FILE_BYTES_MAX) throw wrong(path, `is larger than ${CATALOG_FILE_BYTES_MAX} bytes`)
  return buffer.toString('utf8', 0, bytesRead)
}

function checked<T>(path: string, schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const { issues } = result.error
  const [issue] = issues
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : ''
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined
  const field = pathText(unknown === undefined ? (issue?.path ?? []) : [...(issue?.path ?? []), unknown])
  throw wrong(
    path,
    `${unknown === undefined ? (issue?.message ?? 'is wrong') : 'there is no such field'}${more}`,
    field,
  )
}

function checkClasses(classes: Entries<Omit<ImageClass, 'name'>>): void {
  for (const { path, value } of classes.values()) {
    for (const field of ['packages', 'bootPackages'] as const) {
      checkPackages(path, field, value[field], value.family)
    }
    checkPackages(path, 'kernels', Object.values(value.kernels), value.family)
  }
}

function checkGroups(groups: Entries<Omit<PackageGroup, 'name'>>, classes: Entries<Omit<ImageClass, 'name'>>): void {
  for (const { path, value } of groups.values()) {
    for (const [name, packages] of Object.entries(value.packages)) {
      const family = classes.get(name)?.value.family
      if (family === undefined && name !== '*') throw wrong(path, 'there is no such class', `packages.${name}`)
      if (family !== undefined) checkPackages(path, `packages.${name}`, packages, family)
    }
  }
}

function checkAppliances(
  appliances: Entries<Omit<Appliance, 'name'>>,
  groups: Entries<Omit<PackageGroup, 'name'>>,
  classes: Entries<Omit<ImageClass, 'name'>>,
): void {
  for (const { path, value } of appliances.values()) {
    for (const [i, name] of value.classes.entries()) {
      const imageClass = classes.get(name)?.value
      if (imageClass === undefined) throw wrong(path, `there is no class ${name}`, `classes[${i}]`)
      checkPackages(path, 'packages', value.packages, imageClass.family)
      for (const [j, groupName] of value.groups.entries()) {
        const group = groups.get(groupName)?.value
        if (group === undefined) throw wrong(path, `there is no group ${groupName}`, `groups[${j}]`)
        if (packagesOf(group, name) !== undefined) continue
        throw wrong(path, `group ${groupName} has no packages for class ${name}`, `groups[${j}]`)
      }
    }
  }
}

function checkPackages(path: string, field: string, names: readonly string[], family: ImageClass['family']): void {
  for (const name of names) {
    const problem = packageProblem(name, family)
    if (problem !== undefined) throw wrong(path, `${shown(name)} ${problem}`, field)
  }
}

function checkOptions({ mirror = '', snapshot = '' }: CatalogOptions): void {
  const problems = {
    mirror: mirror === '' ? undefined : uriProblem(mirror),
    snapshot: snapshot === '' ? undefined : snapshotProblem(snapshot),
  }
  for (const [setting, problem] of Object.entries(problems)) {
    if (problem !== undefined) throw new HotblockError('BAD_CONFIG', `${setting}: ${problem}`, { setting })
  }
}

/** The class as this machine offers it: none or one. */
function offeredClass(value: ImageClass, options: CatalogOptions): ImageClass[] {
  const { architectures = value.architectures, mirror = '', snapshot = '' } = options
  const own = value.architectures.filter((name) => architectures.includes(name))
  if (own.length === 0) return []
  if (value.family !== 'debian') return [{ ...value, architectures: own }]
  return [{ ...value, architectures: own, mirror: value.mirror || mirror, snapshot: value.snapshot || snapshot }]
}

/** The appliance of the classes that are offered: none or one. */
function offeredAppliance(value: Appliance, classes: readonly ImageClass[]): Appliance[] {
  const own = value.classes.filter((name) => classes.some((imageClass) => imageClass.name === name))
  return own.length === 0 ? [] : [{ ...value, classes: own }]
}

function valuesOf<T>(entries: ReadonlyMap<string, Entry<T>>): T[] {
  return [...entries.values()].map(({ value }) => value)
}

/** In the order in which they are shown. */
function byName<T extends { readonly name: string; readonly preferred?: boolean }>(
  values: readonly T[],
): ReadonlyMap<string, T> {
  const rank = ({ preferred = false, name }: T) => `${preferred ? 0 : 1} ${name}`
  return new Map(values.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1)).map((value) => [value.name, value]))
}

function wrong(path: string, message: string, field = '', cause?: unknown): HotblockError {
  const where = field === '' ? path : `${path}: ${field}`
  return new HotblockError('BAD_CONFIG', `${where}: ${message}`, { path, field }, cause)
}

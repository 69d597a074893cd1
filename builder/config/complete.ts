/** What fields mean together, and the values of those that were left out. No catalogue is needed for that. */

import type { FieldProblem } from '../../protocols/errors.ts'
import type { Family } from '../catalog/catalog.ts'
import { packageProblem } from './grammar.ts'
import type { ExtraFile, FileType, ImageConfig, PackageRepository } from './image-config.ts'
import { FILES_BYTES_MAX, SIZE_BYTES_DEFAULT, SIZE_BYTES_MIN } from './limits.ts'
import { shown } from './problems.ts'
import type { CheckedFields } from './raw.ts'

const DISK_FILE_TYPES: readonly FileType[] = ['.img', '.qcow2']
/** Of these there is firmware to boot with. */
const UEFI_ARCHITECTURES: readonly string[] = ['amd64', 'arm64']

/** A disk image has a size and may boot; an archive has neither. */
export function isDisk(fileType: FileType): boolean {
  return DISK_FILE_TYPES.includes(fileType)
}

/**
 * Fills in what was left out, and notes what does not go together.
 * @param problems what is found wrong is added to it; the result is of use only if there is none
 */
export function complete(fields: CheckedFields, problems: FieldProblem[]): ImageConfig {
  const fileType = fields.fileType ?? '.tar'
  const config: ImageConfig = {
    name: fields.name ?? '',
    class: fields.class ?? '',
    arch: fields.arch ?? '',
    fileType,
    appliance: fields.appliance ?? '',
    groups: fields.groups ?? [],
    packages: fields.packages ?? [],
    imageBytes: fields.imageBytes ?? (isDisk(fileType) ? SIZE_BYTES_DEFAULT : 0),
    boot: fields.boot ?? 'none',
    files: sortedFiles(fields.files ?? [], problems),
    script: fields.script ?? '',
    repositories: sortedRepositories(fields.repositories ?? []),
  }
  const note = (field: string, message: string) => problems.push({ field, message })
  if (isDisk(fileType) && config.imageBytes < SIZE_BYTES_MIN) {
    note('imageBytes', `a ${fileType} has at least ${SIZE_BYTES_MIN / 1024 ** 2} MiB`)
  }
  if (!isDisk(fileType) && config.imageBytes !== 0) note('imageBytes', `a ${fileType} has no size of its own`)
  if (!isDisk(fileType) && config.boot !== 'none') note('boot', `a ${fileType} cannot boot; .img and .qcow2 can`)
  if (config.boot === 'uefi' && config.arch !== '' && !UEFI_ARCHITECTURES.includes(config.arch)) {
    note('boot', `uefi boots ${UEFI_ARCHITECTURES.join(' and ')} only`)
  }
  return config
}

/** What a family's packages and repositories cannot be. */
export function familyProblems(fields: CheckedFields, family: Family, fileRepositories: boolean): FieldProblem[] {
  const problems: FieldProblem[] = []
  for (const name of fields.packages ?? []) {
    const message = packageProblem(name, family)
    if (message !== undefined) problems.push({ field: 'packages', message: `${shown(name)} ${message}` })
  }
  for (const [i, repository] of (fields.repositories ?? []).entries()) {
    const message = repositoryProblem(repository, family, fileRepositories)
    if (message !== undefined) problems.push({ field: `repositories[${i}].${message[0]}`, message: message[1] })
  }
  return problems
}

function repositoryProblem(
  { uri, suite, components }: PackageRepository,
  family: Family,
  fileRepositories: boolean,
): [field: string, message: string] | undefined {
  if (uri.startsWith('file:') && !fileRepositories) return ['uri', 'this farm takes http and https only']
  if (family === 'rpm') {
    if (suite !== '') return ['suite', 'a repository of RPM packages has no suites']
    return components.length > 0 ? ['components', 'a repository of RPM packages has no components'] : undefined
  }
  if (suite === '') return ['suite', 'is needed for a repository of Debian packages']
  // sources.list(5): a suite that ends with / is a path, and has no components.
  if (suite.endsWith('/'))
    return components.length > 0 ? ['components', 'a suite that ends with / has none'] : undefined
  return components.length === 0 ? ['components', 'at least one is needed'] : undefined
}

function sortedFiles(files: readonly ExtraFile[], problems: FieldProblem[]): ExtraFile[] {
  const byPath = new Map<string, ExtraFile>()
  let bytes = 0
  for (const [i, file] of files.entries()) {
    const other = byPath.get(file.path)
    if (other !== undefined && !(other.mode === file.mode && Buffer.compare(other.content, file.content) === 0)) {
      problems.push({ field: `files[${i}].path`, message: `${shown(file.path)} is there twice` })
    }
    if (other === undefined) bytes += file.content.length
    byPath.set(file.path, file)
  }
  for (const [i, { path }] of files.entries()) {
    const above = directoriesOf(path).find((directory) => byPath.has(directory))
    if (above === undefined) continue
    problems.push({ field: `files[${i}].path`, message: `${shown(path)} lies in ${shown(above)}, which is a file` })
  }
  if (bytes > FILES_BYTES_MAX) {
    problems.push({ field: 'files', message: `all files together have more than ${FILES_BYTES_MAX} bytes` })
  }
  return [...byPath.values()].sort((a, b) => compareText(a.path, b.path))
}

/** /a/b/c → /a, /a/b */
function directoriesOf(path: string): string[] {
  const parts = path.split('/')
  return parts.slice(2).map((_, i) => parts.slice(0, i + 2).join('/'))
}

function sortedRepositories(repositories: readonly PackageRepository[]): PackageRepository[] {
  const text = ({ uri, suite, components, key }: PackageRepository) => JSON.stringify([uri, suite, components, key])
  const byText = new Map(repositories.map((repository) => [text(repository), repository]))
  return [...byText].sort(([a], [b]) => compareText(a, b)).map(([, repository]) => repository)
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

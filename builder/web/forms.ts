/**
 * The request forms: their fields, how they become a request, and which field a problem belongs to. A form's fields are
 * those of a /create URL (name, class, arch, filetype, group, package, …), with `files-0-path` and the like for lists.
 */
import type { FieldProblem } from '../../protocols/errors.ts'

/** Extra files and repositories that the advanced form has room for. */
export const FORM_FILES = 3
export const FORM_REPOSITORIES = 2

/** Fields of a form, and under which name JSON has them. */
const NAMES: Readonly<Record<string, string>> = {
  name: 'name',
  class: 'class',
  arch: 'arch',
  filetype: 'fileType',
  appliance: 'appliance',
  size: 'imageBytes',
  boot: 'boot',
  script: 'script',
}
const FILE_FIELDS = ['path', 'mode', 'content'] as const
const REPOSITORY_FIELDS = ['uri', 'suite', 'components', 'key'] as const

/** A form as a request in the form of JSON; what was left empty is left out. */
export function rawRequest(fields: URLSearchParams): Record<string, unknown> {
  const raw: Record<string, unknown> = {}
  for (const [field, name] of Object.entries(NAMES)) {
    const value = text(fields, field)
    if (value.trim() !== '') raw[name] = field === 'script' ? value : value.trim()
  }
  const groups = fields.getAll('group').filter((group) => group.trim() !== '')
  if (groups.length > 0) raw.groups = groups
  const packages = fields.getAll('package').flatMap((value) => value.split(/[\s,]+/).filter(Boolean))
  if (packages.length > 0) raw.packages = packages
  const files = rows(fields, 'files', FORM_FILES, FILE_FIELDS)
  if (files.length > 0) raw.files = files.map(({ row: _, ...file }) => file)
  const repositories = rows(fields, 'repositories', FORM_REPOSITORIES, REPOSITORY_FIELDS)
  if (repositories.length > 0) {
    raw.repositories = repositories.map(({ row: _, components = '', ...repository }) => ({
      ...repository,
      components: components.split(/[\s,]+/).filter(Boolean),
    }))
  }
  return raw
}

/** Problems under the names of the form's own fields. @param has those that the form has; the others are told above it */
export function formProblems(
  problems: readonly FieldProblem[],
  fields: URLSearchParams,
  has: (field: string) => boolean,
): FieldProblem[] {
  return problems.map(({ field, message }) => {
    const own = formField(field, fields)
    return has(own) ? { field: own, message } : { field: '', message: field === '' ? message : `${field}: ${message}` }
  })
}

/** files[0].path → files-1-path, if the form's first row was left empty */
function formField(field: string, fields: URLSearchParams): string {
  const [, list = '', index = '', part = ''] = /^(files|repositories)\[(\d+)\](?:\.(\w+))?/.exec(field) ?? []
  if (list !== '') {
    const names = list === 'files' ? FILE_FIELDS : REPOSITORY_FIELDS
    const max = list === 'files' ? FORM_FILES : FORM_REPOSITORIES
    const row = rows(fields, list, max, names)[Number(index)]?.row ?? 0
    return `${list}-${row}-${part === '' ? names[0] : part}`
  }
  const plain = field.replace(/[[.].*$/, '')
  if (plain === 'groups') return 'group'
  if (plain === 'packages') return 'package'
  return Object.entries(NAMES).find(([, name]) => name === plain)?.[0] ?? plain
}

/** Rows of a list in which anything is written, with their numbers. */
function rows<F extends string>(
  fields: URLSearchParams,
  list: string,
  max: number,
  names: readonly F[],
): ({ row: number } & { [K in F]?: string })[] {
  const found: ({ row: number } & { [K in F]?: string })[] = []
  for (let row = 0; row < max; row++) {
    const values: Record<string, string> = {}
    for (const name of names) {
      const value = text(fields, `${list}-${row}-${name}`)
      if (value.trim() !== '') values[name] = name === 'content' || name === 'key' ? value : value.trim()
    }
    // A mode alone is what the form itself proposes.
    if (Object.keys(values).some((name) => name !== 'mode')) {
      found.push({ row, ...values } as { row: number } & { [K in F]?: string })
    }
  }
  return found
}

/** Browsers send line ends as CR LF. */
function text(fields: URLSearchParams, name: string): string {
  return (fields.get(name) ?? '').replaceAll('\r\n', '\n')
}

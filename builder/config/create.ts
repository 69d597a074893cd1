/**
 * The /create URL of 2007, and forms, which have the same fields:
 *
 *     /create?name=&download=on&class=debian12&arch=i386&filetype=.tar&group=core&group=base&package=vim
 *
 * What is empty is left out. Lists are repeated parameters, or words separated by white space or commas. Line ends of
 * a file's text become LF, as forms send CR LF; fileencoding=base64 is exact.
 */
import type { FieldProblem } from '../../protocols/errors.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { requestText } from './from-text.ts'
import type { ImageConfig } from './image-config.ts'
import { PARAMETERS_MAX } from './limits.ts'
import { type NormaliseOptions, normalise } from './normalise.ts'
import { FILE_PARAMETERS, FLAG_PARAMETERS, PARAMETERS, REPOSITORY_PARAMETERS } from './parameters.ts'
import { badRequest, listed, problemsOf, shown, throwIfAny } from './problems.ts'

export interface CreateRequest {
  readonly config: ImageConfig
  /** The answer is the image's file. */
  readonly download: boolean
  /** The answer comes when the image is ready. */
  readonly synchronous: boolean
}

export interface CreateOptions extends NormaliseOptions {
  /** Parameters that are somebody else's, such as a form's token. */
  readonly ignored?: readonly string[]
}

const TRUE = ['on', 'true', 'yes', '1']
const FALSE = ['', 'off', 'false', 'no', '0']
const MANY = new Map(PARAMETERS.map(({ name, many }) => [name, many]))
const GROUPED: readonly string[] = [FILE_PARAMETERS, REPOSITORY_PARAMETERS].flatMap((parts) => Object.values(parts))
const KNOWN = [...MANY.keys(), ...FLAG_PARAMETERS, ...GROUPED]

/**
 * @param text the URL's query without its question mark, or a form's body (application/x-www-form-urlencoded)
 * @throws BAD_REQUEST with all problems; their fields are ImageConfig's, parameterOf gives the form's
 */
export function parseCreate(text: Uint8Array | string, catalog: Catalog, options: CreateOptions = {}): CreateRequest {
  return createOf(parseParameters(text), catalog, options)
}

/** The same from parameters that were taken apart elsewhere. @throws BAD_REQUEST */
export function createOf(
  parameters: readonly (readonly [name: string, value: string])[],
  catalog: Catalog,
  options: CreateOptions = {},
): CreateRequest {
  const { raw, flags, problems } = gather(parameters, options.ignored ?? [])
  try {
    const config = normalise(raw, catalog, options)
    throwIfAny(problems)
    return { config, download: flags.get('download') ?? false, synchronous: flags.get('synchronous') ?? false }
  } catch (error) {
    const others = problemsOf(error)
    throw others.length === 0 ? error : badRequest([...new Set([...problems, ...others])])
  }
}

/** The query of a /create URL that means this configuration. */
export function toQuery(config: ImageConfig, flags: Partial<Omit<CreateRequest, 'config'>> = {}): string {
  const query = new URLSearchParams()
  for (const { field, name } of PARAMETERS) {
    const value = config[field]
    for (const one of Array.isArray(value) ? value : [value])
      if (one !== '' && one !== 0) query.append(name, String(one))
  }
  for (const { path, mode, content } of config.files) {
    query.append(FILE_PARAMETERS.path, path)
    query.append(FILE_PARAMETERS.mode, mode.toString(8).padStart(4, '0'))
    query.append(FILE_PARAMETERS.content, Buffer.from(content).toString('base64'))
    query.append(FILE_PARAMETERS.encoding, 'base64')
  }
  for (const { uri, suite, components, key } of config.repositories) {
    query.append(REPOSITORY_PARAMETERS.uri, uri)
    query.append(REPOSITORY_PARAMETERS.suite, suite)
    query.append(REPOSITORY_PARAMETERS.components, components.join(' '))
    query.append(REPOSITORY_PARAMETERS.key, key)
  }
  for (const flag of FLAG_PARAMETERS) if (flags[flag] === true) query.append(flag, 'on')
  return query.toString()
}

/** Stricter than URLSearchParams, which takes bytes that are no UTF-8 for others. @throws BAD_REQUEST */
export function parseParameters(input: Uint8Array | string): [name: string, value: string][] {
  const text = requestText(input, 'the form')
  if (text === '') return []
  const pairs = text.split('&', PARAMETERS_MAX + 1)
  if (pairs.length > PARAMETERS_MAX)
    throw badRequest([{ field: '', message: `more than ${PARAMETERS_MAX} parameters` }])
  return pairs
    .filter((pair) => pair !== '')
    .map((pair) => {
      const at = pair.indexOf('=')
      return at === -1 ? [decoded(pair), ''] : [decoded(pair.slice(0, at)), decoded(pair.slice(at + 1))]
    })
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch (cause) {
    throw badRequest([{ field: '', message: `${shown(text)} is not percent-encoded UTF-8` }], cause)
  }
}

function gather(parameters: readonly (readonly [string, string])[], ignored: readonly string[]) {
  const problems: FieldProblem[] = []
  const values = new Map<string, string[]>()
  for (const [name, value] of parameters) {
    if (ignored.includes(name)) continue
    const known = values.get(name)
    if (known !== undefined) known.push(value)
    else if (KNOWN.includes(name)) values.set(name, [value])
    else problems.push({ field: name.slice(0, 64), message: `there is no such parameter; ${listed(KNOWN)}` })
  }
  const raw: Record<string, unknown> = {}
  for (const { field, name, many } of PARAMETERS) {
    const given = values.get(name) ?? []
    if (!many && given.length > 1) problems.push({ field, message: 'is there more than once' })
    const [first = ''] = given
    raw[field] = many ? given.join(' ') : name === 'script' ? first : first.trim()
  }
  raw.files = rows(values, FILE_PARAMETERS, 'files', problems).map(textual)
  raw.repositories = rows(values, REPOSITORY_PARAMETERS, 'repositories', problems)
  const flags = new Map(FLAG_PARAMETERS.map((name) => [name, flagOf(name, values.get(name) ?? [], problems)]))
  return { raw, flags, problems }
}

/** Parallel lists of parameters as objects; rows in which all but mode and encoding is empty are none. */
function rows(
  values: ReadonlyMap<string, readonly string[]>,
  parts: Readonly<Record<string, string>>,
  field: string,
  problems: FieldProblem[],
): Record<string, string>[] {
  const lists = Object.entries(parts).map(([part, name]) => [part, values.get(name) ?? []] as const)
  const count = Math.max(...lists.map(([, list]) => list.length))
  for (const [part, list] of lists) {
    if (list.length === 0 || list.length === count) continue
    problems.push({ field: `${field}[0].${part}`, message: `${parts[part]} is there ${list.length} of ${count} times` })
  }
  const all = Array.from({ length: count }, (_, i) => {
    const given = lists.map(([part, list]) => [part, list[i] ?? ''] as const).filter(([, value]) => value !== '')
    return Object.fromEntries(given) as Record<string, string>
  })
  return all.filter((row) => Object.keys(row).some((part) => part !== 'mode' && part !== 'encoding'))
}

function textual(row: Record<string, string>): Record<string, string> {
  const { content = '', encoding = 'text' } = row
  return encoding === 'text' ? { ...row, content: content.replaceAll(/\r\n?/g, '\n') } : row
}

function flagOf(name: string, values: readonly string[], problems: FieldProblem[]): boolean {
  const [value = '', ...others] = values
  const word = value.trim().toLowerCase()
  if (others.length > 0) problems.push({ field: name, message: 'is there more than once' })
  if (!TRUE.includes(word) && !FALSE.includes(word))
    problems.push({ field: name, message: `${shown(value)} is neither on nor off` })
  return TRUE.includes(word)
}

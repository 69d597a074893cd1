/**
 * The raw form of a request: what JSON says directly, and what XML, URLs, forms and SOAP messages are read into. Each
 * field is checked and brought into its one form here, without a catalogue; what may be left out stays out.
 *
 * Lists may come as one text, separated by white space or commas; numbers as text.
 */
import { z } from 'zod'
import type { FieldProblem } from '../../protocols/errors.ts'
import { parseSize } from '../../protocols/quantities.ts'
import { NAME_LENGTH_MAX } from '../../protocols/records/constants.ts'
import { isName } from '../../protocols/records/name.ts'
import {
  archName,
  componentProblem,
  keyProblem,
  keyText,
  packageProblem,
  pathProblem,
  scriptText,
  suiteProblem,
  uriProblem,
} from './grammar.ts'
import { BOOTS, type ExtraFile, FILE_TYPES, type ImageConfig, type PackageRepository } from './image-config.ts'
import * as limits from './limits.ts'
import { listed, pathText, shown } from './problems.ts'

const WORDS = /[\s,]+/
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const OCTAL = /^0?[0-7]{1,4}$/

const text = z.string('must be text').refine((value) => value.isWellFormed(), 'is not well-formed Unicode')

/** Text for which `problem` has nothing to say. */
function checkedText(problem: (value: string) => string | undefined, max: number) {
  const bounded = z.string('must be text').max(max, { error: `is longer than ${max} characters`, abort: true })
  return bounded.check((ctx) => {
    const message = problem(ctx.value)
    if (message === undefined) return
    ctx.issues.push({ code: 'custom', message: `${shown(ctx.value)} ${message}`, input: ctx.value })
  })
}

/** Bytes of UTF-8, without NUL. */
function bounded(max: number) {
  return text
    .max(max, { error: `is longer than ${max} bytes`, abort: true })
    .refine((value) => Buffer.byteLength(value) <= max, `is longer than ${max} bytes`)
    .refine((value) => !value.includes('\0'), 'has a NUL')
}

function list<T extends z.ZodType>(item: T, max: number, split = words) {
  const tooMany = `has more than ${max} entries`
  // Counted before the entries are looked at: a problem for each of half a million would take long to write.
  return z.preprocess(
    (value, ctx) => {
      const values = split(value)
      if (!Array.isArray(values) || values.length <= max) return values
      ctx.addIssue({ code: 'custom', message: tooMany, input: '' })
      return z.NEVER
    },
    z.array(item, 'must be a list').max(max, tooMany),
  )
}

const catalogName = checkedText(
  (value) => (isName(value) ? undefined : 'is not a name'),
  limits.CATALOG_NAME_LENGTH_MAX,
)

const file = z
  .strictObject({
    path: checkedText(pathProblem, limits.FILE_PATH_BYTES_MAX).meta({ description: 'Absolute path in the image' }),
    mode: z
      .preprocess(
        (value) => (typeof value === 'string' && OCTAL.test(value) ? Number.parseInt(value, 8) : value),
        z.int('must be octal digits, such as 0644').min(0).max(limits.FILE_MODE_MAX, 'has more than the bits 7777'),
      )
      .default(limits.FILE_MODE_DEFAULT)
      .meta({ description: 'Permission bits: a number, or text of octal digits' }),
    content: text.max(limits.FILES_BYTES_MAX * 2, 'is too long').default(''),
    encoding: z.enum(['text', 'base64'], 'must be text or base64').default('text'),
  })
  .transform(({ path, mode, content, encoding }, ctx): ExtraFile => {
    if (encoding === 'text') return { path, mode, content: new Uint8Array(Buffer.from(content)) }
    const digits = content.replaceAll(/\s+/g, '')
    if (!BASE64.test(digits)) ctx.addIssue({ code: 'custom', path: ['content'], message: 'is not base64' })
    return { path, mode, content: new Uint8Array(Buffer.from(digits, 'base64')) }
  })

const repository = z
  .strictObject({
    uri: checkedText(uriProblem, limits.URI_LENGTH_MAX),
    suite: checkedText((value) => (value === '' ? undefined : suiteProblem(value)), limits.SUITE_LENGTH_MAX).default(
      '',
    ),
    components: list(checkedText(componentProblem, limits.COMPONENT_LENGTH_MAX), limits.COMPONENTS_MAX).default([]),
    key: z
      .preprocess((value) => (typeof value === 'string' ? keyText(value) : value), checkedKey())
      .meta({ description: 'Armoured OpenPGP public key that signs the repository' }),
  })
  .transform(({ uri, suite, components, key }): PackageRepository => {
    return { uri: URL.parse(uri)?.href ?? uri, suite, components: [...new Set(components)], key }
  })

function checkedKey() {
  const bounded = z.string('must be text').max(limits.KEY_BYTES_MAX, { error: 'is too long', abort: true })
  return bounded.check((ctx) => {
    const message = keyProblem(ctx.value)
    if (message !== undefined) ctx.issues.push({ code: 'custom', message, input: ctx.value })
  })
}

/** Of each field by itself. The keys are those of ImageConfig. */
const FIELDS = {
  name: checkedText((value) => (isName(value) ? undefined : 'is not a name of an image'), NAME_LENGTH_MAX).meta({
    description: 'Name in the mesh; left out: the farm makes one',
  }),
  class: catalogName,
  arch: checkedText(
    (value) => (/^[A-Za-z0-9_-]+$/.test(value) ? undefined : 'is not an architecture'),
    limits.ARCH_LENGTH_MAX,
  )
    .transform(archName)
    .meta({ description: "Debian's name; x86_64 and i686 are understood" }),
  fileType: z.enum(FILE_TYPES, {
    error: ({ input }) => `there is no file type ${shown(input)}; ${listed(FILE_TYPES)}`,
  }),
  appliance: catalogName,
  groups: list(catalogName, limits.GROUPS_MAX).transform(sortedSet),
  packages: list(
    checkedText((value) => packageProblem(value, 'rpm'), limits.PACKAGE_LENGTH_MAX),
    limits.PACKAGES_MAX,
  ).transform(sortedSet),
  imageBytes: z
    .preprocess(
      (value) => (typeof value === 'string' ? (parseSize(value) ?? value) : value),
      z
        .int({ error: ({ input }) => `${shown(input)} is no size; write one like 2G, 512MiB or 2147483648` })
        .min(0, 'is below 0')
        .max(limits.SIZE_BYTES_MAX, 'is larger than 1 TiB'),
    )
    .transform((bytes) => Math.ceil(bytes / limits.SIZE_UNIT_BYTES) * limits.SIZE_UNIT_BYTES)
    .meta({ description: 'Size of .img and .qcow2: bytes, or text like 2G; rounded up to whole MiB' }),
  boot: z.enum(BOOTS, { error: ({ input }) => `there is no way to boot ${shown(input)}; ${listed(BOOTS)}` }),
  files: list(file, limits.FILES_MAX, single),
  script: z
    .preprocess((value) => (typeof value === 'string' ? scriptText(value) : value), bounded(limits.SCRIPT_BYTES_MAX))
    .meta({ description: "Customisation script, run by /bin/sh inside the image's tree" }),
  repositories: list(repository, limits.REPOSITORIES_MAX, single),
} as const satisfies Record<keyof ImageConfig, z.ZodType>

/** A request's fields as checkFields gives them. */
export type CheckedFields = { -readonly [K in keyof ImageConfig]?: ImageConfig[K] }

export interface Checked {
  readonly fields: CheckedFields
  readonly problems: readonly FieldProblem[]
}

/** Checks each field; those that are wrong are left out, and what is wrong is said of all of them. */
export function checkFields(raw: unknown): Checked {
  const problems: FieldProblem[] = []
  const fields: Record<string, unknown> = {}
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    return { fields, problems: [{ field: '', message: 'a request is an object with fields' }] }
  }
  for (const [field, value] of Object.entries(raw)) {
    if (problems.length >= limits.PROBLEMS_MAX) break
    if (!Object.hasOwn(FIELDS, field)) {
      problems.push({ field: field.slice(0, 64), message: `there is no such field; ${listed(Object.keys(FIELDS))}` })
      continue
    }
    // What a form or a SOAP message leaves empty is left out.
    if (value === undefined || value === null || value === '') continue
    const result = FIELDS[field as keyof ImageConfig].safeParse(value)
    if (result.success) fields[field] = result.data
    else problems.push(...result.error.issues.map((issue) => problemOf(field, issue)))
  }
  return { fields, problems }
}

/** JSON Schema (draft 2020-12) of a request; for OpenAPI and the pages' limits. */
export function requestJsonSchema(): Record<string, unknown> {
  const optional = Object.fromEntries(Object.entries(FIELDS).map(([key, schema]) => [key, schema.optional()]))
  return z.toJSONSchema(z.strictObject(optional), { io: 'input', unrepresentable: 'any' }) as Record<string, unknown>
}

function problemOf(field: string, issue: z.core.$ZodIssue): FieldProblem {
  const [key] = issue.code === 'unrecognized_keys' ? issue.keys : []
  if (key !== undefined)
    return { field: pathText([field, ...issue.path, key.slice(0, 64)]), message: 'there is no such field' }
  return { field: pathText([field, ...issue.path]), message: issue.message }
}

function words(value: unknown): unknown {
  return typeof value === 'string' ? value.split(WORDS).filter(Boolean) : value
}

function single(value: unknown): unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? [value] : value
}

function sortedSet(values: readonly string[]): readonly string[] {
  return [...new Set(values)].sort()
}

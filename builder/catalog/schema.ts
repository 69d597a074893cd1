/** The files of a catalogue: what each kind of them may say. */
import { z } from 'zod'
import { isName } from '../../protocols/records/name.ts'
import * as grammar from '../config/grammar.ts'
import * as limits from '../config/limits.ts'
import { shown } from '../config/problems.ts'
import { type Appliance, FAMILIES, type ImageClass, type PackageGroup, VARIANTS } from './catalog.ts'

const TITLE_LENGTH_MAX = 200
const CLASSES_MAX = 256
/** Letters, digits and dashes; `*` only as a key of a group's packages. */
const RELEASE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const ARCH = /^[a-z0-9][a-z0-9_-]*$/

function text(problem: (value: string) => string | undefined) {
  return z.string('must be text').check((ctx) => {
    const message = problem(ctx.value)
    if (message !== undefined)
      ctx.issues.push({ code: 'custom', message: `${shown(ctx.value)} ${message}`, input: ctx.value })
  })
}

function matching(pattern: RegExp, message: string, max = 64) {
  return text((value) => (pattern.test(value) && value.length <= max ? undefined : message))
}

export function catalogNameProblem(name: string): string | undefined {
  return isName(name) && name.length <= limits.CATALOG_NAME_LENGTH_MAX ? undefined : 'is not a name'
}

const title = z.string('must be text').trim().min(1, 'is empty').max(TITLE_LENGTH_MAX, 'is too long')
const name = text(catalogNameProblem)
const arch = matching(ARCH, 'is not an architecture', limits.ARCH_LENGTH_MAX)
const packageName = text((value) => grammar.packageProblem(value, 'rpm'))
const packages = z.array(packageName, 'must be a list of packages').max(limits.PACKAGES_MAX)
const script = z
  .string('must be text')
  .refine((value) => Buffer.byteLength(value) <= limits.SCRIPT_BYTES_MAX, 'is too long')
  .refine((value) => value.isWellFormed() && !value.includes('\0'), 'is not text')
  .transform(grammar.scriptText)

/** dnf's own variables may stand in it. */
const repositoryUri = text((value) => grammar.uriProblem(value.replaceAll(/\$(?:basearch|releasever)\b/g, 'x')))
const key = z
  .string('must be text')
  .transform(grammar.keyText)
  .check((ctx) => {
    const message = ctx.value === '' ? undefined : grammar.keyProblem(ctx.value)
    if (message !== undefined) ctx.issues.push({ code: 'custom', message, input: ctx.value })
  })

/** A class file; its name is the file's. */
export const classFile = z
  .strictObject({
    title,
    family: z.enum(FAMILIES, `must be one of ${FAMILIES.join(', ')}`),
    release: matching(RELEASE, 'is not a release'),
    architectures: z.array(arch, 'must be a list').min(1, 'is empty').max(16),
    mirror: text((value) => (value === '' ? undefined : grammar.uriProblem(value))).default(''),
    snapshot: text((value) => (value === '' ? undefined : grammar.snapshotProblem(value))).default(''),
    preferred: z.exactOptional(z.boolean()),
    updates: z.exactOptional(z.boolean()),
    variant: z.exactOptional(z.enum(VARIANTS, `must be one of ${VARIANTS.join(', ')}`)),
    components: z.array(text(grammar.componentProblem)).max(limits.COMPONENTS_MAX).default([]),
    repositories: z
      .array(z.strictObject({ id: name, uri: repositoryUri, key: key.default('') }), 'must be a list')
      .max(limits.REPOSITORIES_MAX)
      .default([]),
    packages: packages.default([]),
    bootPackages: packages.default([]),
    kernels: z.record(arch, packageName).default({}),
  })
  .check((ctx) => {
    const { family, components, repositories, architectures, kernels, mirror, snapshot, updates, variant } = ctx.value
    const wrong = (path: string, message: string) =>
      ctx.issues.push({ code: 'custom', path: [path], message, input: '' })
    if (family === 'debian' && components.length === 0) wrong('components', 'is empty')
    if (family === 'debian' && repositories.length > 0) wrong('repositories', 'are for RPM classes; give a mirror')
    if (family === 'rpm' && repositories.length === 0) wrong('repositories', 'is empty')
    if (family === 'rpm' && mirror !== '') wrong('mirror', 'is for Debian classes; give repositories')
    if (family === 'rpm' && snapshot !== '') wrong('snapshot', 'is for Debian classes')
    if (family === 'rpm' && variant !== undefined) wrong('variant', 'is for Debian classes')
    if (family === 'rpm' && updates !== undefined) wrong('updates', 'is for Debian classes')
    if (family === 'rpm' && components.length > 0) wrong('components', 'are for Debian classes')
    const stray = Object.keys(kernels).find((name) => !architectures.includes(name))
    if (stray !== undefined) wrong('kernels', `${stray} is none of the architectures`)
    if (new Set(repositories.map(({ id }) => id)).size < repositories.length)
      wrong('repositories', 'an id is there twice')
  }) satisfies z.ZodType<Omit<ImageClass, 'name'>>

export const groupFile = z.strictObject({
  title,
  packages: z
    .record(
      text((value) => (value === '*' ? undefined : catalogNameProblem(value))),
      packages,
    )
    .refine((byClass) => Object.keys(byClass).length > 0, 'names no class and no *'),
}) satisfies z.ZodType<Omit<PackageGroup, 'name'>>

const file = z.strictObject({
  path: text(grammar.pathProblem),
  // YAML reads 0644 as decimal and 0o644 as octal: text means the same to everybody.
  mode: z
    .string('must be text of octal digits, such as "0644"')
    .regex(/^0?[0-7]{1,4}$/, 'must be octal digits, such as "0644"')
    .transform((digits) => Number.parseInt(digits, 8))
    .default(limits.FILE_MODE_DEFAULT),
  content: z
    .string('must be text')
    .refine((value) => value.isWellFormed(), 'is not text')
    .default(''),
})

export const applianceFile = z
  .strictObject({
    title,
    classes: z.array(name, 'must be a list of classes').min(1, 'is empty').max(CLASSES_MAX),
    groups: z.array(name, 'must be a list of groups').max(limits.GROUPS_MAX).default([]),
    packages: packages.default([]),
    files: z.array(file, 'must be a list').max(limits.FILES_MAX).default([]),
    script: script.default(''),
  })
  .check((ctx) => {
    const { files } = ctx.value
    const twice = files.findIndex(({ path }, i) => files.findIndex((other) => other.path === path) < i)
    if (twice !== -1)
      ctx.issues.push({ code: 'custom', path: ['files', twice, 'path'], message: 'is there twice', input: '' })
    if (files.reduce((bytes, { content }) => bytes + Buffer.byteLength(content), 0) > limits.FILES_BYTES_MAX) {
      ctx.issues.push({ code: 'custom', path: ['files'], message: 'are too large together', input: '' })
    }
  }) satisfies z.ZodType<Omit<Appliance, 'name'>>

/** A small reader of requests for tests of queue and pages: a few classes, and XML that holds JSON. */
import { createHash } from 'node:crypto'
import type { Appliance, Catalog, ImageClass, PackageGroup } from '../../../builder/catalog/catalog.ts'
import { BOOTS, FILE_TYPES, type ImageConfig } from '../../../builder/config/image-config.ts'
import type { Requests } from '../../../builder/requests.ts'
import { type FieldProblem, HotblockError } from '../../../protocols/errors.ts'

function imageClass(name: string, title: string, architectures: readonly string[]): ImageClass {
  return {
    name,
    title,
    family: 'debian',
    release: 'bookworm',
    architectures,
    mirror: '',
    snapshot: '',
    components: ['main'],
    repositories: [],
    packages: [],
    bootPackages: [],
    kernels: {},
  }
}
const group = (name: string, title: string): PackageGroup => ({ name, title, packages: { '*': [] } })
const appliance = (name: string, title: string, classes: readonly string[]): Appliance => ({
  name,
  title,
  classes,
  groups: [],
  packages: [],
  files: [],
  script: '',
})
const named = <T extends { name: string }>(...all: T[]): ReadonlyMap<string, T> => new Map(all.map((a) => [a.name, a]))

export const CATALOG: Catalog = {
  classes: named(
    imageClass('debian-12', 'Debian 12 “bookworm”', ['amd64', 'i386']),
    imageClass('debian-13', 'Debian 13 “trixie”', ['amd64', 'arm64']),
    imageClass('el9', 'Enterprise Linux 9', ['x86_64']),
  ),
  groups: named(
    group('core', 'what every machine needs'),
    group('base', 'editors and tools'),
    group('mpi', 'Open MPI'),
  ),
  appliances: named(
    appliance('batch-worker', 'Batch worker (slurmd)', ['debian-12', 'debian-13']),
    appliance('web', 'Web server', ['debian-12']),
    appliance('database', 'Database', ['debian-12', 'debian-13']),
  ),
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$/
const KNOWN = 'name class arch fileType appliance groups packages imageBytes boot files script repositories'.split(' ')

export function createRequests(): Requests {
  const requests: Requests = {
    fromJson(value) {
      const raw = { ...(value as Record<string, unknown>) }
      const problems: FieldProblem[] = []
      const wrong = (field: string, message: string): void => void problems.push({ field, message })
      for (const key of Object.keys(raw)) if (!KNOWN.includes(key)) wrong(key, 'there is no such field')
      const text = (field: string, otherwise: string): string => String(raw[field] ?? otherwise)
      const list = (field: string): string[] => [...new Set(((raw[field] as string[]) ?? []).map(String))].sort()
      const [first] = CATALOG.classes.values()
      const chosen = CATALOG.classes.get(text('class', first!.name))
      if (chosen === undefined) wrong('class', `there is no class ${JSON.stringify(raw.class)}`)
      const arch = text('arch', chosen?.architectures[0] ?? 'amd64')
      if (chosen !== undefined && !chosen.architectures.includes(arch)) {
        wrong('arch', `${chosen.name} has no ${JSON.stringify(arch)}`)
      }
      const fileType = text('fileType', '.tar') as ImageConfig['fileType']
      if (!FILE_TYPES.includes(fileType)) wrong('fileType', `there is no file type ${JSON.stringify(fileType)}`)
      const name = text('name', '')
      if (name !== '' && !NAME.test(name)) wrong('name', `${JSON.stringify(name)} is not a name of an image`)
      for (const each of list('groups')) {
        if (!CATALOG.groups.has(each)) wrong('groups', `there is no group ${JSON.stringify(each)}`)
      }
      for (const each of list('packages')) {
        if (!/^[a-z0-9][a-z0-9+.-]+$/.test(each)) wrong('packages', `${JSON.stringify(each)} is no package`)
      }
      const boot = text('boot', 'none') as ImageConfig['boot']
      if (!BOOTS.includes(boot)) wrong('boot', 'there is no such way to boot')
      const files = ((raw.files as { path: string; content?: string }[]) ?? []).map(({ path, content = '' }, i) => {
        if (!path?.startsWith('/')) wrong(`files[${i}].path`, `${JSON.stringify(path)} is no absolute path`)
        return { path, mode: 0o644, content: Buffer.from(content) }
      })
      if (problems.length > 0) {
        const message = problems.map((each) => `${each.field}: ${each.message}`).join('; ')
        throw new HotblockError('BAD_REQUEST', message, { problems })
      }
      const packages = list('packages')
      const rest = { imageBytes: 0, boot, files, script: text('script', ''), repositories: [] }
      const groups = list('groups')
      return { name, class: chosen!.name, arch, fileType, appliance: text('appliance', ''), groups, packages, ...rest }
    },
    fromQuery(parameters) {
      const raw: Record<string, unknown> = {}
      for (const [key, value] of parameters) {
        if (key === 'group' || key === 'package') raw[`${key}s`] = [...((raw[`${key}s`] as string[]) ?? []), value]
        else if (value !== '') raw[key === 'filetype' ? 'fileType' : key] = value
      }
      return requests.fromJson(raw)
    },
    fromXml(text) {
      const match = /^<image>([\s\S]*)<\/image>\s*$/.exec(text)
      if (match === null)
        throw new HotblockError('BAD_REQUEST', 'is no image', { problems: [{ field: '', message: 'is no image' }] })
      return requests.fromJson(JSON.parse(match[1]!.replaceAll('&lt;', '<').replaceAll('&amp;', '&')))
    },
    toXml(config) {
      const json = JSON.stringify({
        ...config,
        files: config.files.map((f) => ({ ...f, content: Buffer.from(f.content).toString() })),
      })
      return `<image>${json.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</image>\n`
    },
    restore: (xml) => requests.fromXml(xml),
    key: (config) => createHash('sha256').update(requests.toXml(config)).digest('hex'),
    name: (config) => config.name || `${config.class}-${config.arch}-${requests.key(config).slice(0, 8)}`,
    schema: { type: 'object', properties: { class: { type: 'string' } } },
    catalog: () => CATALOG,
  }
  return requests
}

/** Configurations for tests, and the small catalogue that they are of. */
import type { Appliance, Catalog, ImageClass, PackageGroup } from '../../builder/catalog/catalog.ts'
import { BOOTS, FILE_TYPES, type ImageConfig } from '../../builder/config/image-config.ts'
import { problemsOf } from '../../builder/config/problems.ts'
import type { Random } from '../../protocols/ports.ts'
import { throwsCode } from './failures.ts'
import { integer, randomBytes } from './seeds.ts'

export const KEY = [
  '-----BEGIN PGP PUBLIC KEY BLOCK-----',
  '',
  'mQINBGHmnykBEACuIcqcNYTmu2q58XI5NRZowdJGAxxs+6ExX7qsa4vbPp6St7lB',
  '=jk2t',
  '-----END PGP PUBLIC KEY BLOCK-----',
  '',
].join('\n')

const NOTHING = { mirror: '', snapshot: '', components: ['main'], repositories: [], packages: [], bootPackages: [] }

export const CLASSES: readonly ImageClass[] = [
  {
    ...NOTHING,
    name: 'deb',
    title: 'Deb',
    family: 'debian',
    release: 'deb',
    architectures: ['amd64', 'i386', 'arm64'],
    kernels: { amd64: 'linux-image-amd64', arm64: 'linux-image-arm64' },
  },
  {
    ...NOTHING,
    name: 'red',
    title: 'Red',
    family: 'rpm',
    release: '9',
    architectures: ['amd64'],
    components: [],
    repositories: [{ id: 'base', uri: 'https://red.example/', key: '' }],
    kernels: {},
  },
]

const GROUPS: readonly PackageGroup[] = [
  { name: 'core', title: 'Core', packages: { '*': ['iproute2'] } },
  { name: 'base', title: 'Base', packages: { deb: ['less'], red: [] } },
  { name: 'apt-only', title: 'Apt', packages: { deb: ['apt'] } },
]

const APPLIANCES: readonly Appliance[] = [
  { name: 'web', title: 'Web', classes: ['deb'], groups: ['core'], packages: ['nginx'], files: [], script: '' },
  { name: 'any', title: 'Any', classes: ['red', 'deb'], groups: [], packages: [], files: [], script: '' },
]

export const CATALOG: Catalog = { classes: byName(CLASSES), groups: byName(GROUPS), appliances: byName(APPLIANCES) }

/** With something in every field. */
export const FULL = {
  name: 'web-1',
  class: 'deb',
  arch: 'amd64',
  fileType: '.img',
  appliance: 'web',
  groups: ['core', 'base'],
  packages: ['vim', 'g++', 'libc6'],
  imageBytes: 4 * 1024 ** 3,
  boot: 'direct',
  files: [
    { path: '/etc/motd', mode: 0o644, content: 'Grüße\n', encoding: 'text' },
    {
      path: '/usr/local/bin/a',
      mode: 0o755,
      content: Buffer.from([0, 255, 13, 10]).toString('base64'),
      encoding: 'base64',
    },
  ],
  script: '#!/bin/sh\necho "a & b" > /etc/<x>\n',
  repositories: [{ uri: 'https://deb.example/debian', suite: 'stable', components: ['main', 'contrib'], key: KEY }],
} as const

/** Asserts that a call is refused as a bad request, and returns its problems as lines. */
export function refusals(call: () => unknown): string[] {
  const error = throwsCode('BAD_REQUEST', call)
  return problemsOf(error).map(({ field, message }) => `${field}: ${message}`)
}

/** A raw request of CATALOG that is right, with anything that is allowed in it. */
export function randomRaw(random: Random): Record<string, unknown> {
  const appliance = pick(random, ['', '', 'web', 'any'])
  const isRed = appliance !== 'web' && random() < 0.3
  const fileType = pick(random, FILE_TYPES)
  const isDisk = fileType === '.img' || fileType === '.qcow2'
  const arch = isRed ? 'amd64' : pick(random, ['amd64', 'i386', 'arm64'])
  return {
    name: pick(random, ['', `n${word(random)}`]),
    class: isRed ? 'red' : 'deb',
    arch,
    fileType,
    appliance,
    groups: times(random, 3, () => pick(random, isRed ? ['core', 'base'] : ['core', 'base', 'apt-only'])),
    packages: times(random, 5, () => `p${word(random)}`),
    imageBytes: isDisk ? integer(random, 16, 4096) * 1024 ** 2 : 0,
    boot: isDisk && !isRed && arch !== 'i386' ? pick(random, BOOTS) : 'none',
    files: times(random, 4, (i) => {
      const mode = integer(random, 0, 0o7777)
      const path = `/d${i}/${text(random).replaceAll(/[\p{Cc}/\ufffe]/gu, '_')}x`
      if (random() < 0.5) return { path, mode, content: text(random), encoding: 'text' }
      const content = Buffer.from(randomBytes(random, integer(random, 0, 64))).toString('base64')
      return { path, mode, content, encoding: 'base64' }
    }),
    script: random() < 0.5 ? '' : `${text(random).replaceAll('\0', '')}\n`,
    repositories: times(random, 3, () => {
      const uri = `${pick(random, ['http', 'https'])}://${word(random)}.example/${word(random)}`
      if (isRed) return { uri, key: KEY }
      if (random() < 0.2) return { uri, suite: './', key: KEY }
      return { uri, suite: word(random), components: [`c${word(random)}`, 'main'], key: KEY }
    }),
  }
}

/** Characters that some form of a request has to take care of. */
export function text(random: Random): string {
  const odd = [
    '\0',
    '\u0001',
    '\t',
    '\n',
    '\r',
    '\r\n',
    ' ',
    '<',
    '>',
    '&',
    '"',
    "'",
    ']]>',
    '&amp;',
    '%',
    '+',
    '=',
    ';',
  ]
  const unicode = ['\u007f', '\u0085', '\u2028', '\ufeff', '\ufffe', '\ufffd', 'ü', '日', '😀', ',', '$(x)', '`', '\\']
  return times(random, 24, () => pick(random, [...odd, ...unicode, word(random)])).join('')
}

export function shuffled<T>(random: Random, values: readonly T[]): T[] {
  return values
    .map((value) => ({ value, key: random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ value }) => value)
}

export function pick<T>(random: Random, values: readonly T[]): T {
  return values[integer(random, 0, values.length - 1)]!
}

/** As they are compared: bytes as hex, so that a failure can be read. */
export function plain(config: ImageConfig): unknown {
  return {
    ...config,
    files: config.files.map((file) => ({ ...file, content: Buffer.from(file.content).toString('hex') })),
  }
}

function times<T>(random: Random, most: number, make: (i: number) => T): T[] {
  return Array.from({ length: integer(random, 0, most) }, (_, i) => make(i))
}

function word(random: Random): string {
  return Array.from({ length: integer(random, 2, 9) }, () =>
    pick(random, [...'abcdefghijklmnopqrstuvwxyz0123456789']),
  ).join('')
}

function byName<T extends { readonly name: string }>(values: readonly T[]): ReadonlyMap<string, T> {
  return new Map(values.map((value) => [value.name, value]))
}

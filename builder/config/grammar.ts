/**
 * What single values of a configuration may look like. Each function says what is wrong, or undefined.
 *
 * These values end up as arguments of tools and in their configuration files, so what would mean more there than the
 * value itself (options, lists, patterns, paths, white space) is refused here.
 */
import type { Family } from '../catalog/catalog.ts'
import {
  COMPONENT_LENGTH_MAX,
  FILE_NAME_BYTES_MAX,
  FILE_PATH_BYTES_MAX,
  KEY_BYTES_MAX,
  PACKAGE_LENGTH_MAX,
  SUITE_LENGTH_MAX,
  URI_LENGTH_MAX,
} from './limits.ts'

/** Debian policy 5.6.1; the end is narrower: apt removes what ends with a dash. */
const DEBIAN_PACKAGE = /^[a-z0-9][a-z0-9+.-]*[a-z0-9+.]$/
/** Names of RPM, perhaps with .ARCH; no paths, provides or patterns. Debian's names are among them. */
const RPM_PACKAGE = /^[A-Za-z0-9_](?:[A-Za-z0-9._+-]*[A-Za-z0-9._+])?$/
const SUITE = /^(?:\.\/|[A-Za-z0-9][A-Za-z0-9._+~-]*(?:\/[A-Za-z0-9][A-Za-z0-9._+~-]*)*\/?)$/
const COMPONENT = /^[A-Za-z0-9][A-Za-z0-9._+-]*(?:\/[A-Za-z0-9][A-Za-z0-9._+-]*)*$/
const URI = /^(?:https?|file):\/\/[A-Za-z0-9._~:/%+,=&?@-]*$/
const SNAPSHOT = /^\d{8}T\d{6}Z$/
const ARMOUR = /^-----BEGIN PGP PUBLIC KEY BLOCK-----\n[\n\x20-\x7e]+\n-----END PGP PUBLIC KEY BLOCK-----\n$/
/** Mounted over while an image is made: a file there would be the machine's own. */
const OUTSIDE = /^\/(?:dev|proc|run|sys)(?:\/|$)/

export function packageProblem(name: string, family: Family): string | undefined {
  const good = (family === 'debian' ? DEBIAN_PACKAGE : RPM_PACKAGE).test(name)
  if (good && name.length <= PACKAGE_LENGTH_MAX) return undefined
  return family === 'debian' ? 'is not a name of a Debian package' : 'is not a name of a package'
}

/** An absolute path of a file in an image, already normalised. */
export function pathProblem(path: string): string | undefined {
  if (!path.startsWith('/')) return 'must begin with /'
  if (!path.isWellFormed()) return 'is not well-formed Unicode'
  // U+FFFE and U+FFFF are no characters, and XML cannot hold them.
  if (/[\p{Cc}\ufffe\uffff]/u.test(path)) return 'has a control character'
  if (Buffer.byteLength(path) > FILE_PATH_BYTES_MAX) return `is longer than ${FILE_PATH_BYTES_MAX} bytes`
  for (const part of path.slice(1).split('/')) {
    if (part === '') return 'has an empty part, or ends with /'
    if (part === '.' || part === '..') return `has a part ${part}`
    if (Buffer.byteLength(part) > FILE_NAME_BYTES_MAX) return `has a part longer than ${FILE_NAME_BYTES_MAX} bytes`
  }
  return OUTSIDE.test(path) ? 'lies in /dev, /proc, /run or /sys, which no image holds' : undefined
}

export function uriProblem(uri: string): string | undefined {
  if (!URI.test(uri) || !URL.canParse(uri)) return 'is not an http, https or file URI'
  const { protocol, host, username, password, href } = new URL(uri)
  if (href.length > URI_LENGTH_MAX) return `is longer than ${URI_LENGTH_MAX} characters`
  // Configurations are shown to everybody who sees the repository.
  if (username !== '' || password !== '') return 'has a user name or a password in it'
  if (protocol === 'file:') return host === '' ? undefined : 'names a host'
  return host === '' ? 'names no host' : undefined
}

export function suiteProblem(suite: string): string | undefined {
  return SUITE.test(suite) && suite.length <= SUITE_LENGTH_MAX ? undefined : 'is not a name of a suite'
}

export function componentProblem(component: string): string | undefined {
  return COMPONENT.test(component) && component.length <= COMPONENT_LENGTH_MAX ? undefined : 'is not a component'
}

/** Of a key as keyText gives it. */
export function keyProblem(key: string): string | undefined {
  if (Buffer.byteLength(key) > KEY_BYTES_MAX) return `is longer than ${KEY_BYTES_MAX} bytes`
  return ARMOUR.test(key) ? undefined : 'is not an armoured OpenPGP public key'
}

export function snapshotProblem(snapshot: string): string | undefined {
  return SNAPSHOT.test(snapshot) ? undefined : 'is not a time like 20260301T000000Z'
}

/** A key's one form: lines without blanks at their ends, each ended by one LF, and none around them. */
export function keyText(key: string): string {
  const lines = linesOf(key).map((line) => line.trimEnd())
  return joined(lines)
}

/** A script's one form: LF as line ends, no empty lines around it, one LF at its end. Forms send CR LF. */
export function scriptText(script: string): string {
  return script.trim() === '' ? '' : joined(linesOf(script))
}

function linesOf(text: string): string[] {
  return text.split(/\r\n|\r|\n/)
}

/** Not by a pattern for the end of the text: on long runs of what it is about, that takes quadratic time. */
function joined(lines: readonly string[]): string {
  const first = lines.findIndex((line) => line !== '')
  if (first === -1) return ''
  const last = lines.findLastIndex((line) => line !== '')
  return `${lines.slice(first, last + 1).join('\n')}\n`
}

/** Debian's name of an architecture that goes by other names too: old URLs say x86_64. */
export function archName(arch: string): string {
  return ARCH_ALIASES.get(arch.toLowerCase()) ?? arch
}

export const ARCH_ALIASES: ReadonlyMap<string, string> = new Map([
  ['x86_64', 'amd64'],
  ['x64', 'amd64'],
  ['i486', 'i386'],
  ['i586', 'i386'],
  ['i686', 'i386'],
  ['x86', 'i386'],
  ['aarch64', 'arm64'],
  ['armv7hl', 'armhf'],
  ['armv7l', 'armhf'],
  ['ppc64le', 'ppc64el'],
])

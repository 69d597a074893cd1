/** Entries of a Debian Packages file, as `apt-cache show` prints them. Pure. */
import { HotblockError } from '../../protocols/errors.ts'
import type { PackageVersion } from './maker.ts'

const FIELD = /^([A-Za-z0-9-]+):[ \t]*(.*)$/
const SAFE_NAME = /^[a-z0-9][a-z0-9+.-]*$/
const SAFE_VERSION = /^[A-Za-z0-9.+~:-]+$/

export function splitStanzas(text: string): string[] {
  return text
    .split(/\n\n+/)
    .map((stanza) => stanza.trim())
    .filter((stanza) => stanza !== '')
}

/** A field's first line; empty where there is none. */
export function fieldOf(stanza: string, name: string): string {
  for (const line of stanza.split('\n')) {
    const match = FIELD.exec(line)
    if (match?.[1]?.toLowerCase() === name.toLowerCase()) return match[2] ?? ''
  }
  return ''
}

/** @throws MIRROR_FAILED where it names no package that a file could be named after */
export function packageOf(stanza: string): PackageVersion {
  const [name, version, arch] = [
    fieldOf(stanza, 'Package'),
    fieldOf(stanza, 'Version'),
    fieldOf(stanza, 'Architecture'),
  ]
  const sha256 = fieldOf(stanza, 'SHA256').toLowerCase()
  if (!SAFE_NAME.test(name) || !SAFE_VERSION.test(version) || !SAFE_NAME.test(arch) || !/^[0-9a-f]{64}$/.test(sha256)) {
    throw new HotblockError('MIRROR_FAILED', `the mirror lists a package without a sound name and SHA-256: ${name}`)
  }
  return { name, version, arch, sha256, family: 'debian' }
}

/** The name that apt gives a package's file. */
export function debName({ name, version, arch }: PackageVersion): string {
  return `${name}_${version.replaceAll(':', '%3a')}_${arch}.deb`
}

/** The entry for a repository that is one directory of files. */
export function flatStanza(stanza: string): string {
  return withField(stanza, 'Filename', `./${debName(packageOf(stanza))}`)
}

/** The entry that dpkg's status file would have once it is installed. */
export function installedStanza(stanza: string): string {
  return withField(stanza, 'Status', 'install ok installed')
}

/** Is it the same package, whatever its version? `all` and an architecture take each other's place. */
export function samePackage(a: string, b: string): boolean {
  const [left, right] = [fieldOf(a, 'Architecture'), fieldOf(b, 'Architecture')]
  return fieldOf(a, 'Package') === fieldOf(b, 'Package') && (left === right || left === 'all' || right === 'all')
}

function withField(stanza: string, name: string, value: string): string {
  const lines = stanza.split('\n').filter((line) => FIELD.exec(line)?.[1]?.toLowerCase() !== name.toLowerCase())
  return [lines[0], `${name}: ${value}`, ...lines.slice(1)].join('\n')
}

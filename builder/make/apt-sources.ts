import { createHash } from 'node:crypto'
import { HotblockError } from '../../protocols/errors.ts'
import type { ImageClass } from '../catalog/catalog.ts'
import type { PackageRepository } from '../config/image-config.ts'
import { runTool } from './run.ts'

/** Where Debian's own packages come from. */
export interface DebianSettings {
  /** URI of a mirror for classes that name none; empty: what this machine itself uses. */
  readonly mirror: string
  /** The same for security updates; empty: beside the mirror, as debian-security; `none`: there are none. */
  readonly securityMirror: string
  /** What snapshots lie below, as snapshot.debian.org has them. */
  readonly snapshots: string
  /** Keys that the class's own repositories are signed with. */
  readonly keyring: string
}

export const DEBIAN_DEFAULTS: DebianSettings = {
  mirror: '',
  securityMirror: '',
  snapshots: 'https://snapshot.debian.org/archive',
  keyring: '/usr/share/keyrings/debian-archive-keyring.gpg',
}

/** A line of sources.list, without its options. */
export interface AptSource {
  readonly uri: string
  readonly suite: string
  readonly components: readonly string[]
}

/** Releases that have neither updates nor security updates of their own. */
const ROLLING = new Set(['sid', 'unstable', 'experimental'])
const RELEASE = /^((old){0,2}stable|testing|sid|unstable|[a-z]+)$/
const URI = /^(https?|file|copy):\/{1,3}[^\s[\]"'\\]+$/
const WORD = /^[A-Za-z0-9][A-Za-z0-9.+_/-]*$/

/** Sources of a class, in the order of sources.list. @throws BAD_CONFIG where no mirror is known */
export async function classSources(of: ImageClass, settings: DebianSettings): Promise<AptSource[]> {
  const { main, security } = await mirrorsOf(of, settings)
  const { release, components } = of
  const sources = [{ uri: main, suite: release, components }]
  if (!ROLLING.has(release)) {
    sources.push({ uri: main, suite: `${release}-updates`, components })
    if (security !== '' && security !== 'none')
      sources.push({ uri: security, suite: `${release}-security`, components })
  }
  for (const source of sources) checkSource(source)
  return sources
}

/** Lines for sources.list. @param keyring path, or none: what the system trusts */
export function sourceLines(sources: readonly AptSource[], keyring?: string, more = ''): string {
  const options = [keyring === undefined ? '' : `signed-by=${keyring}`, more].filter((option) => option !== '')
  const bracket = options.length === 0 ? '' : `[${options.join(' ')}] `
  return sources
    .map(({ uri, suite, components }) => `deb ${bracket}${uri} ${suite} ${components.join(' ')}`.trimEnd())
    .map((line) => `${line}\n`)
    .join('')
}

/** The file that a repository's key gets, in the builder and in images: named after what it holds. */
export function keyName(repository: PackageRepository): string {
  return `repository-${createHash('sha256').update(repository.key).digest('hex').slice(0, 16)}.asc`
}

export function checkSource({ uri, suite, components }: AptSource): void {
  if (!URI.test(uri)) throw new HotblockError('BAD_CONFIG', `no URI of a repository: ${uri}`, { uri })
  for (const word of [suite.replace(/\/$/, '') || '.', ...components]) {
    if (word !== '.' && !WORD.test(word)) throw new HotblockError('BAD_CONFIG', `no suite or component: ${word}`)
  }
}

async function mirrorsOf(of: ImageClass, settings: DebianSettings): Promise<{ main: string; security: string }> {
  if (of.snapshot !== '') {
    const below = settings.snapshots.replace(/\/+$/, '')
    return { main: `${below}/debian/${of.snapshot}`, security: `${below}/debian-security/${of.snapshot}` }
  }
  const own = of.mirror || settings.mirror
  if (own !== '') return { main: own, security: settings.securityMirror || besides(own) }
  const machine = await machineMirrors()
  if (machine.main === '') {
    throw new HotblockError('BAD_CONFIG', `class ${of.name} names no mirror, and this machine uses none of Debian`)
  }
  return { main: machine.main, security: settings.securityMirror || machine.security || besides(machine.main) }
}

/** Mirrors by custom have both archives side by side. */
function besides(main: string): string {
  return /\/debian\/?$/.test(main) ? main.replace(/\/debian\/?$/, '/debian-security') : ''
}

async function machineMirrors(): Promise<{ main: string; security: string }> {
  const format = '$(REPO_URI)|$(RELEASE)|$(COMPONENT)'
  const { stdout } = await runTool('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'])
  const rows = stdout.split('\n').map((line) => line.split('|'))
  const of = (wanted: (suite: string, uri: string) => boolean) => {
    const row = rows.find(([uri = '', suite = '', component]) => component === 'main' && wanted(suite, uri))
    return (row?.[0] ?? '').replace(/\/+$/, '')
  }
  return {
    main: of((suite, uri) => RELEASE.test(suite) && /\/debian\/?$/.test(uri)),
    security: of((suite) => suite.endsWith('-security')),
  }
}

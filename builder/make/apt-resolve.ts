import { writeFile } from 'node:fs/promises'
import { HotblockError } from '../../protocols/errors.ts'
import type { Variant } from '../catalog/catalog.ts'
import type { AptRoot } from './apt-root.ts'
import { installedStanza, packageOf, samePackage, splitStanzas } from './packages-index.ts'
import { type Ran, type RunOptions, toolFailed } from './run.ts'

/** What is installed so far, as entries of a Packages file. */
export type Installed = readonly string[]

export interface AptPlan {
  /** Entries of what has to be installed. */
  readonly stanzas: readonly string[]
  readonly removed: readonly string[]
  readonly after: Installed
}

const NAME = /^[a-z0-9][a-z0-9+.-]+$/
const INST = /^Inst (\S+) (?:\[[^\]]*\] )?\((\S+) .*?\[([a-z0-9-]+)\]\)/
const REMV = /^Remv (\S+) /
const PATTERNS: Readonly<Record<Variant, readonly string[]>> = {
  essential: ['?essential'],
  minbase: ['?essential', '?priority(required)', 'apt'],
  important: ['?essential', '?priority(required)', '?priority(important)', 'apt'],
}

/**
 * Finds what apt would install for these names on top of what there is, without installing.
 * @param statusPath a file to write, for apt to read
 * @throws NO_SUCH_PACKAGE, which names those that no repository has, or says why they cannot be there together
 */
export async function planInstall(
  root: AptRoot,
  statusPath: string,
  before: Installed,
  names: readonly string[],
  variant: Variant | undefined,
  options: Pick<RunOptions, 'signal'>,
): Promise<AptPlan> {
  await checkNames(root, names, options)
  const wanted = [...(variant === undefined ? [] : PATTERNS[variant]), ...names]
  if (wanted.length === 0) return { stanzas: [], removed: [], after: before }
  await writeFile(statusPath, before.map((stanza) => `${installedStanza(stanza)}\n\n`).join(''))
  const state = ['-o', `Dir::State::status=${statusPath}`]
  const said: string[] = []
  const lines: string[] = []
  const ran = await root.run('apt-get', [...state, '--simulate', 'install', '--', ...wanted], {
    ...options,
    log: (line) => (/^(Inst|Remv|Conf) /.test(line) ? lines : said).push(line),
  })
  if (ran.status !== 0) throw unsolvable(ran, said, names)
  const specs = lines.flatMap((line) => {
    const [, name = '', version = '', arch = ''] = INST.exec(line) ?? []
    return name === '' ? [] : [`${name.replace(/:.*/, '')}:${arch}=${version}`]
  })
  const removed = lines.flatMap((line) => REMV.exec(line)?.[1] ?? [])
  const stanzas = await show(root, specs, options)
  const stay = before.filter((old) => {
    const { name, arch } = packageOf(old)
    if (removed.includes(name) || removed.includes(`${name}:${arch}`)) return false
    return !stanzas.some((stanza) => samePackage(stanza, old))
  })
  return { stanzas, removed, after: [...stay, ...stanzas] }
}

/**
 * apt would take a name that it does not know for a pattern, and one with a minus at its end for an order to remove: so
 * each name has to be that of a package first.
 */
async function checkNames(root: AptRoot, names: readonly string[], options: Pick<RunOptions, 'signal'>) {
  const odd = names.filter((name) => !NAME.test(name))
  if (odd.length > 0) throw noSuchPackage(odd)
  if (names.length === 0) return
  const ran = await root.run('apt-cache', ['policy', '--', ...names], options)
  if (ran.status !== 0) throw toolFailed('apt-cache', ran)
  const known = new Set<string>()
  let name = ''
  for (const line of ran.stdout.split('\n')) {
    if (/^\S+:$/.test(line)) name = line.slice(0, -1)
    if (/^ {2}Candidate: (?!\(none\))/.test(line)) known.add(name)
  }
  const missing = names.filter((wanted) => !known.has(wanted))
  if (missing.length > 0) throw noSuchPackage(missing)
}

async function show(root: AptRoot, specs: readonly string[], options: Pick<RunOptions, 'signal'>): Promise<string[]> {
  if (specs.length === 0) return []
  const ran = await root.run('apt-cache', ['show', '--no-all-versions', '--', ...specs], options)
  if (ran.status !== 0) throw toolFailed('apt-cache', ran)
  const stanzas = splitStanzas(ran.stdout)
  // What is installed is shown too, from the status that apt read.
  const wanted = new Set(specs)
  const found = new Map<string, string>()
  for (const stanza of stanzas) {
    const { name, version, arch } = packageOf(stanza)
    const spec = `${name}:${arch}=${version}`
    if (wanted.has(spec) && !found.has(spec)) found.set(spec, stanza)
  }
  const lost = specs.find((spec) => !found.has(spec))
  if (lost !== undefined) throw new HotblockError('MIRROR_FAILED', `the mirror's index does not say what ${lost} is`)
  return [...found.values()]
}

function noSuchPackage(names: readonly string[]): HotblockError {
  const text = names.length === 1 ? `no such package: ${names[0]}` : `no such packages: ${names.join(', ')}`
  return new HotblockError('NO_SUCH_PACKAGE', text, { packages: names.join(' ') })
}

function unsolvable(ran: Ran, said: readonly string[], names: readonly string[]): HotblockError {
  const missing = said.flatMap((line) => /^E: Unable to locate package (\S+)/.exec(line)?.[1] ?? [])
  if (missing.length > 0) return noSuchPackage(missing)
  const reasons = said.map((line) => line.trim()).filter((line) => /Depends:|Conflicts:|Breaks:|PreDepends:/.test(line))
  if (reasons.length === 0) return toolFailed('apt-get', ran)
  const text = `these packages cannot be installed together: ${reasons.slice(0, 3).join('; ')}`
  return new HotblockError('NO_SUCH_PACKAGE', text, { packages: names.join(' '), lines: reasons.join('\n') })
}

import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { HotblockError } from '../../protocols/errors.ts'
import { lastWords, type Ran, type RunOptions, runTool, runToolOk } from './run.ts'

/** Packages are found and fetched with an apt of its own: nothing of the machine's own package state is used. */
export interface AptRoot {
  /** Runs apt-get or apt-cache in it. */
  run(tool: 'apt-get' | 'apt-cache', args: readonly string[], options: RunOptions): Promise<Ran>
  /** Brings its indexes up to date, if that was not done a moment ago. @throws MIRROR_FAILED */
  update(options: Pick<RunOptions, 'log' | 'signal'>): Promise<void>
}

export interface AptLimits {
  /** Seconds of silence after which a mirror is given up. */
  readonly silenceSeconds: number
  /** Seconds that indexes are taken as they are. */
  readonly freshSeconds: number
  /** Seconds that fetching indexes may take in all. */
  readonly updateSeconds: number
}

/** What an administrator may have set for this machine's way to mirrors, and that holds for ours too. */
const MACHINE_SETTINGS = /^(Acquire::(https?|ftp)(::|\b)|Acquire::(Check-Valid-Until|Check-Date|ForceIPv4|ForceIPv6)\b)/

/** An apt.conf. Values are quoted as apt wants it: it has no escapes, so a quote may not be in one. */
export function aptConf(settings: Readonly<Record<string, string | readonly string[]>>): string {
  const quoted = (value: string) => {
    if (/["\n]/.test(value)) throw new HotblockError('BAD_CONFIG', `apt takes no such value: ${value}`)
    return `"${value}"`
  }
  return Object.entries(settings)
    .map(([name, value]) => {
      if (typeof value === 'string') return `${name} ${quoted(value)};\n`
      return `${name} { ${value.map((one) => `${quoted(one)}; `).join('')}};\n`
    })
    .join('')
}

/** Settings that leave nothing of the machine's configuration: `empty` is an empty directory. */
export function isolated(arch: string, empty: string): Record<string, string | readonly string[]> {
  return {
    'Dir::Etc::main': '/dev/null',
    'Dir::Etc::parts': empty,
    'Dir::Etc::sourceparts': empty,
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': empty,
    'Dir::Etc::trusted': '/dev/null',
    'Dir::Etc::trustedparts': empty,
    'Dir::Log': '/dev/null',
    'Dir::Log::Terminal': '',
    'Dir::Log::History': '',
    'APT::Architecture': arch,
    'APT::Architectures': [arch],
    'APT::Install-Recommends': 'false',
    // apt counts itself among the essential packages; whether it is there is the class's decision.
    'pkgCacheGen::ForceEssential': ',',
    'APT::Sandbox::User': 'root',
    'APT::Get::Assume-Yes': 'true',
    'Acquire::Languages': 'none',
  }
}

/**
 * @param directory roots of all classes are below it
 * @param sources content of sources.list
 * @param now milliseconds
 */
export async function openAptRoot(
  directory: string,
  arch: string,
  sources: string,
  limits: AptLimits,
  now: () => number,
): Promise<AptRoot> {
  const name = createHash('sha256').update(`${arch}\n${sources}`).digest('hex').slice(0, 24)
  const root = join(directory, name)
  const empty = join(root, 'empty')
  for (const part of ['state/lists/partial', 'cache/archives/partial', 'empty']) {
    await mkdir(join(root, part), { recursive: true })
  }
  const conf = aptConf({
    ...isolated(arch, empty),
    'Dir::Etc::sourcelist': join(root, 'sources.list'),
    'Dir::State': join(root, 'state'),
    'Dir::State::status': join(root, 'status'),
    'Dir::Cache': join(root, 'cache'),
    'APT::Get::List-Cleanup': 'true',
    'APT::Update::Error-Mode': 'any',
    'Acquire::Retries': '1',
    'Acquire::http::Timeout': String(limits.silenceSeconds),
    'Acquire::https::Timeout': String(limits.silenceSeconds),
    'Acquire::http::ConnectionAttemptDelayMsec': '250',
  })
  await writeFile(join(root, 'apt.conf'), conf + (await machineSettings()))
  await writeFile(join(root, 'sources.list'), sources)
  await writeFile(join(root, 'status'), '')
  const env = { APT_CONFIG: join(root, 'apt.conf') }
  let updatedAt = Number.NEGATIVE_INFINITY
  const run: AptRoot['run'] = (tool, args, options) => runTool(tool, args, { ...options, env })
  return {
    run,
    async update(options) {
      if (now() - updatedAt < limits.freshSeconds * 1000) return
      const late = (error: unknown) => {
        if (!(error instanceof HotblockError && error.code === 'TIMEOUT')) throw error
        throw new HotblockError('MIRROR_FAILED', `the mirror gave no indexes within ${limits.updateSeconds} s`)
      }
      const timeoutMs = limits.updateSeconds * 1000
      const ran = await run('apt-get', ['update', '-q'], { ...options, timeoutMs }).catch(late)
      if (ran.status !== 0) throw mirrorFailed(ran)
      updatedAt = now()
    },
  }
}

export function mirrorFailed({ tail }: Pick<Ran, 'tail'>): HotblockError {
  // apt ends with a summary; the lines before say which mirror, and why.
  const why = tail.find(
    (line) => /^(E|Err|W):? ?/.test(line) && /Failed to fetch|GPG error|not signed|404|resolve/.test(line),
  )
  return new HotblockError('MIRROR_FAILED', `a mirror failed: ${why ?? lastWords(tail)}`, { lines: tail.join('\n') })
}

async function machineSettings(): Promise<string> {
  const dump = await runToolOk('apt-config', ['dump'])
  const lines = dump.split('\n').filter((line) => MACHINE_SETTINGS.test(line) && !/::Timeout /.test(line))
  return lines.map((line) => `${line}\n`).join('')
}

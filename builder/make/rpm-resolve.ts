import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { HotblockError } from '../../protocols/errors.ts'
import type { AptLimits } from './apt-root.ts'
import { DNF_PROGRAM } from './dnf-program.ts'
import { type RunOptions, runTool, toolFailed } from './run.ts'

const packageSchema = z.object({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._+-]*$/),
  version: z.string().regex(/^[A-Za-z0-9._+~^:-]+$/),
  arch: z.string().regex(/^[a-z0-9_]+$/),
  sha256: z.string(),
  built: z.number(),
  path: z.string(),
  nevra: z.string(),
})
const answerSchema = z.union([
  z.object({ packages: z.array(packageSchema) }),
  z.object({
    error: z.enum(['mirror', 'missing', 'depsolve']),
    message: z.string(),
    names: z.array(z.string()).optional(),
  }),
])
export type RpmPackage = z.infer<typeof packageSchema>

const PROGRAM = ['-I', '-c', DNF_PROGRAM] as const
/** What a name may be: dnf would take others for patterns, paths or addresses. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._+-]*$/
const ARCHITECTURES: Readonly<Record<string, { readonly arch: string; readonly basearch: string }>> = {
  amd64: { arch: 'x86_64', basearch: 'x86_64' },
  arm64: { arch: 'aarch64', basearch: 'aarch64' },
  i386: { arch: 'i686', basearch: 'i386' },
}

export interface RpmQuestion {
  readonly directory: string
  readonly release: string
  /** Debian's name. */
  readonly arch: string
  readonly repositories: readonly { readonly id: string; readonly uri: string }[]
  /** Exact packages (nevra) of the stages below. */
  readonly fixed: readonly string[]
  readonly names: readonly string[]
  /** Whether the packages' files have to be there afterwards. */
  readonly fetch: boolean
}

/** @throws NO_SUCH_PACKAGE, MIRROR_FAILED */
export async function askDnf(
  question: RpmQuestion,
  limits: AptLimits,
  options: Pick<RunOptions, 'signal'>,
): Promise<RpmPackage[]> {
  const { directory, release, repositories, fixed, names, fetch } = question
  const odd = names.filter((name) => !NAME.test(name))
  if (odd.length > 0) throw noSuchPackage(odd)
  const [root, cache] = [join(directory, 'root'), join(directory, 'cache')]
  for (const path of [root, cache]) await mkdir(path, { recursive: true })
  const architecture = ARCHITECTURES[question.arch]
  if (architecture === undefined) throw new HotblockError('BAD_CONFIG', `no architecture of RPM: ${question.arch}`)
  const { silenceSeconds, freshSeconds } = limits
  const specs = [...fixed, ...names]
  const input = { root, cache, release, ...architecture, repositories, specs, fetch, silenceSeconds, freshSeconds }
  const late = (error: unknown) => {
    if (!(error instanceof HotblockError && error.code === 'TIMEOUT')) throw error
    throw new HotblockError('MIRROR_FAILED', `the repositories did not answer within ${limits.updateSeconds} s`)
  }
  const ran = await runTool('python3', PROGRAM, {
    ...options,
    input: JSON.stringify(input),
    label: 'dnf',
    timeoutMs: limits.updateSeconds * 1000,
    env: { HOME: directory },
  }).catch(late)
  if (ran.status !== 0) throw toolFailed('dnf', ran)
  const answer = answerSchema.parse(JSON.parse(ran.stdout.trim().split('\n').at(-1) ?? ''))
  if ('packages' in answer) return answer.packages
  const message = answer.message
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  switch (answer.error) {
    case 'mirror':
      throw new HotblockError('MIRROR_FAILED', `a repository failed: ${message[0] ?? ''}`, { lines: answer.message })
    case 'missing':
      throw noSuchPackage(answer.names ?? [])
    case 'depsolve': {
      const text = `these packages cannot be installed together: ${message.slice(0, 4).join(' ')}`
      throw new HotblockError('NO_SUCH_PACKAGE', text, { packages: names.join(' '), lines: answer.message })
    }
  }
}

function noSuchPackage(names: readonly string[]): HotblockError {
  const text = names.length === 1 ? `no such package: ${names[0]}` : `no such packages: ${names.join(', ')}`
  return new HotblockError('NO_SUCH_PACKAGE', text, { packages: names.join(' ') })
}

/** The settings of a farm: defaults < the section `farm` of the configuration file < flags. */
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { size } from '../node/config.ts'
import { HotblockError } from '../protocols/errors.ts'

export const LISTEN_HTTP_DEFAULT = '127.0.0.1:8473'
export const FARM_FLOOR_BYTES_DEFAULT = 4 * 1024 ** 3

/** What a farm is started with; all checked, all present. Paths are absolute. */
export interface FarmSettings {
  readonly listenHttp: { readonly host: string; readonly port: number }
  /** Where users reach the pages, if that is not where the farm listens. */
  readonly publicUrl: URL | undefined
  /** undefined: the farm makes a token of its own at its first start. */
  readonly tokenFile: string | undefined
  /** Builds and their caches. */
  readonly work: string
  /** Builds that run at the same time. */
  readonly parallel: number
  /** Builds that wait. */
  readonly queueMax: number
  /** How often a build that was interrupted is begun. */
  readonly attempts: number
  /** Free space without which no build is begun, bytes. */
  readonly floorBytes: number
  /** The section as a whole, for the settings of the other parts. */
  readonly section: Readonly<Record<string, unknown>>
}

const listenHttp = z.string().transform((text, ctx) => {
  const match = /^(?:(\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):)?(\d{1,5})$/.exec(text)
  const port = Number(match?.[2])
  const host = (match?.[1] ?? '127.0.0.1').replace(/^\[|\]$/g, '')
  if (match !== null && port <= 65_535 && (host === 'localhost' || isIP(host) !== 0)) return { host, port }
  ctx.addIssue({ code: 'custom', message: `${JSON.stringify(text.slice(0, 80))} is no address like 127.0.0.1:8473` })
  return z.NEVER
})

const publicUrl = z.string().transform((text, ctx) => {
  const url = URL.parse(text)
  const good = url !== null && /^https?:$/.test(url.protocol) && url.pathname === '/' && !url.search && !url.hash
  if (good && url.username === '' && url.password === '') return url
  ctx.addIssue({ code: 'custom', message: 'must be like https://farm.example.org, without a path' })
  return z.NEVER
})

const path = z.string().min(1).max(4096)

/** Settings of the other parts (catalogue, mirror, …) are checked by them. */
const schema = z.looseObject({
  listenHttp: listenHttp.optional(),
  publicUrl: publicUrl.optional(),
  tokenFile: path.optional(),
  work: path.optional(),
  parallel: z.coerce.number().int().min(1).max(64).optional(),
  queueMax: z.coerce.number().int().min(1).max(10_000).optional(),
  attempts: z.coerce.number().int().min(1).max(100).optional(),
  floor: size.optional(),
})
export type FarmFlags = z.input<typeof schema>

/**
 * @param section `farm` of the configuration file
 * @param flags those that were given
 * @throws BAD_CONFIG naming the setting
 */
export function readSettings(section: unknown, flags: object, home: string, cwd: string): FarmSettings {
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined))
  const fromFile = checked(section ?? {}, (name) => `farm.${name}`)
  const fromFlags = checked(given, (name) => `--${name.replaceAll(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`)
  const merged = { ...fromFile, ...fromFlags }
  return {
    listenHttp: merged.listenHttp ?? { host: '127.0.0.1', port: 8473 },
    publicUrl: merged.publicUrl,
    tokenFile: merged.tokenFile === undefined ? undefined : resolve(cwd, merged.tokenFile),
    work: merged.work === undefined ? join(home, 'farm', 'work') : resolve(cwd, merged.work),
    parallel: merged.parallel ?? 1,
    queueMax: merged.queueMax ?? 64,
    attempts: merged.attempts ?? 3,
    floorBytes: merged.floor ?? FARM_FLOOR_BYTES_DEFAULT,
    section: fromFile,
  }
}

function checked(value: unknown, label: (name: string) => string): z.output<typeof schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const name = issue?.path.join('.') ?? ''
  throw new HotblockError('BAD_CONFIG', `${label(name)}: ${issue?.message ?? 'is wrong'}`, { setting: name })
}

/** Reads a file that settings name, of at most `bytesMax` bytes. @throws NO_SUCH_FILE, BAD_CONFIG */
export async function readSmallFile(file: string, bytesMax: number): Promise<string> {
  const bytes = await readFile(file)
  if (bytes.length > bytesMax) throw new HotblockError('BAD_CONFIG', `${file}: larger than ${bytesMax} bytes`, { file })
  return bytes.toString()
}

/**
 * The settings of a daemon: defaults < configuration file < HOTBLOCK_HOME < flags. A file and the flags go through the
 * same schema, so that a setting means the same wherever it is written, and nothing that is unknown is passed over.
 */
import { open } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { z } from 'zod'
import { RACK_CHARS_MAX } from '../protocols/blocks/constants.ts'
import { rackLabel } from '../protocols/blocks/messages.ts'
import { HotblockError } from '../protocols/errors.ts'
import { parseRate, parseSize } from '../protocols/quantities.ts'
import { HOOK_BITS } from '../protocols/table/constants.ts'
import { spoolOf } from './hooks/core/spool.ts'

export const LISTEN_DEFAULT = '/ip4/0.0.0.0/tcp/7411'
export const FLOOR_BYTES_DEFAULT = 1024 ** 3
export const FRAME_CACHE_BYTES_DEFAULT = 512 * 1024 ** 2
export const HOOK_BITS_MAX = 24
export const CONFIG_FILE_BYTES_MAX = 1024 * 1024
export const LISTEN_MAX = 16
export const BOOTSTRAP_MAX = 1024
export const TRUST_MAX = 1024
export const SCHEDULERS_MAX = 64
/** The port that nodes listen on where nothing else is said. */
export const ORDER_PORT_DEFAULT = 7411
/** No rate below it is accepted: one frame has to pass within the time that a peer waits for it. */
export const RATE_BYTES_MIN = 64 * 1024

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** What a daemon is started with; all checked, all present. Rates are bytes a second. */
export interface Config {
  /** Absolute path. */
  readonly home: string
  /** Multiaddrs with a TCP port. */
  readonly listen: readonly string[]
  /** Multiaddrs of peers that are dialled first. */
  readonly bootstrap: readonly string[]
  /** Peer ids of the builders whose records are accepted. */
  readonly trust: readonly string[]
  /** Most bytes that images may take on disk; undefined: only the floor limits them. */
  readonly quotaBytes: number | undefined
  /** Bytes of the file system that are left free. */
  readonly floorBytes: number
  /** Most bytes of packed frames that are kept on disk; 0: none. */
  readonly frameCacheBytes: number
  readonly rateUpBytes: number | undefined
  readonly rateDownBytes: number | undefined
  /** Of these, what may be used for images that no job waits for. */
  readonly prefetchRateUpBytes: number | undefined
  readonly prefetchRateDownBytes: number | undefined
  /** Peer ids of schedulers' nodes, whose orders are obeyed. */
  readonly schedulerPeers: readonly string[]
  /** Port of the nodes that hosts are told at. */
  readonly orderPort: number
  /** File that says where the nodes of hosts are, if not at their names and that port; absolute. */
  readonly nodesFile: string | undefined
  /** Directory where hooks note what went wrong; absolute. */
  readonly hookSpool: string
  /** Sockets beside the control socket, absolute; undefined: none. */
  readonly hookSocket: string | undefined
  readonly jobSocket: string | undefined
  /** A block hash whose first so many bits are zero is advertised; nodes find each other's blocks by an equal value. */
  readonly hookBits: number
  /** Label of the rack in which the node stands; nodes with the same one prefer each other. undefined: it does not know. */
  readonly rack: string | undefined
  /** Connections are encrypted by TLS with peers that know it; false: always by Noise. */
  readonly tls: boolean
  readonly logLevel: LogLevel
  /** Settings of the farm as they are in the file, for whoever runs one to check. */
  readonly farm?: unknown
}

/** Bytes, as a number or as text like 20G. */
export const size = z.union([z.string(), z.number()]).transform((value, ctx) => {
  const bytes = typeof value === 'number' ? value : parseSize(value)
  if (bytes !== undefined && Number.isSafeInteger(bytes) && bytes >= 0) return bytes
  ctx.addIssue({ code: 'custom', message: `${shown(value)} is no size; write one like 20G, 512MiB or 1.5TB` })
  return z.NEVER
})

const quota = size.refine((bytes) => bytes > 0, 'a quota of 0 leaves no room for any image')

const rate = z.union([z.string(), z.number()]).transform((value, ctx) => {
  const bytes = typeof value === 'number' ? value : parseRate(value)
  if (bytes === undefined || !Number.isSafeInteger(bytes) || bytes < 0) {
    ctx.addIssue({ code: 'custom', message: `${shown(value)} is no rate; write one like 100M (bytes) or 1Gbit` })
    return z.NEVER
  }
  if (bytes < RATE_BYTES_MIN) {
    ctx.addIssue({ code: 'custom', message: `${shown(value)} is too slow; the least is 64K a second` })
    return z.NEVER
  }
  return bytes
})

const address = z
  .string()
  .max(512)
  .transform((text, ctx) => {
    const problem = addressProblem(text)
    if (problem === undefined) return text
    ctx.addIssue({ code: 'custom', message: `${shown(text)} is no address: ${problem}` })
    return z.NEVER
  })

const peer = z
  .string()
  .max(128)
  .transform((text, ctx) => {
    try {
      const id = peerIdFromString(text)
      if (id.type === 'Ed25519') return id.toString()
    } catch {
      // Falls through to the one message that helps: what the library says speaks of decoders.
    }
    ctx.addIssue({ code: 'custom', message: `${shown(text)} is no Ed25519 peer id; hotblock id prints a node's` })
    return z.NEVER
  })

const rack = z.string().refine((text) => rackLabel.safeParse(text).success, {
  error: ({ input }) =>
    `${shown(String(input))} is no label of a rack: at most ${RACK_CHARS_MAX} printable ASCII characters, no spaces`,
})

const port = z.union([z.string(), z.number()]).transform((value, ctx) => {
  const number = /^\d{1,5}$/.test(String(value)) ? Number(value) : 0
  if (number >= 1 && number <= 65_535) return number
  ctx.addIssue({ code: 'custom', message: `${shown(value)} is no port` })
  return z.NEVER
})

const path = z.string().min(1).max(4096)

const settings = z.strictObject({
  home: z.string().min(1).max(4096).optional(),
  listen: z.array(address).min(1).max(LISTEN_MAX).optional(),
  bootstrap: z.array(address).max(BOOTSTRAP_MAX).optional(),
  trust: z.array(peer).max(TRUST_MAX).optional(),
  quota: quota.optional(),
  floor: size.optional(),
  frameCache: size.optional(),
  rateUp: rate.optional(),
  rateDown: rate.optional(),
  prefetchRateUp: rate.optional(),
  prefetchRateDown: rate.optional(),
  schedulerPeer: z.array(peer).max(SCHEDULERS_MAX).optional(),
  orderPort: port.optional(),
  nodesFile: path.optional(),
  hookSpool: path.optional(),
  hookSocket: path.optional(),
  jobSocket: path.optional(),
  hookBits: z.number().int().min(0).max(HOOK_BITS_MAX).optional(),
  rack: rack.optional(),
  tls: z.boolean().optional(),
  logLevel: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`).optional(),
  farm: z.unknown().optional(),
})

/** Settings that are paths. */
const PATHS: ReadonlySet<string> = new Set(['home', 'nodesFile', 'hookSpool', 'hookSocket', 'jobSocket'])

/** Settings as they are written in a file or given by flags. */
export type RawSettings = z.input<typeof settings>
type Settings = z.output<typeof settings>

/** Where settings come from, least important first after the defaults. */
export interface ConfigSources {
  /** Path of a YAML or JSON file. */
  readonly file?: string | undefined
  /** Home of the environment, or the user's default one; a file's home goes before the latter. */
  readonly environmentHome?: string | undefined
  readonly defaultHome: string
  readonly flags: { readonly [K in keyof RawSettings]?: RawSettings[K] | undefined }
  readonly cwd: string
}

/**
 * Reads, checks and merges all sources.
 *
 * @throws NO_SUCH_FILE or BAD_FILE where the file cannot be read, BAD_CONFIG naming the setting that is wrong
 */
export async function loadConfig(sources: ConfigSources): Promise<Config> {
  const { cwd, defaultHome, environmentHome } = sources
  const file: Settings = sources.file === undefined ? {} : await readSettings(resolve(cwd, sources.file))
  const flags = checkSettings(withoutUndefined(sources.flags), (path) => flagName(path))
  const merged: Settings = { ...file, ...flags }
  const home = flags.home ?? environmentHome ?? file.home ?? defaultHome
  return {
    home: resolve(cwd, home),
    listen: merged.listen ?? [LISTEN_DEFAULT],
    bootstrap: unique(merged.bootstrap ?? []),
    trust: unique(merged.trust ?? []),
    quotaBytes: merged.quota,
    floorBytes: merged.floor ?? FLOOR_BYTES_DEFAULT,
    frameCacheBytes: merged.frameCache ?? FRAME_CACHE_BYTES_DEFAULT,
    rateUpBytes: merged.rateUp,
    rateDownBytes: merged.rateDown,
    prefetchRateUpBytes: merged.prefetchRateUp,
    prefetchRateDownBytes: merged.prefetchRateDown,
    schedulerPeers: unique(merged.schedulerPeer ?? []),
    orderPort: merged.orderPort ?? ORDER_PORT_DEFAULT,
    nodesFile: merged.nodesFile === undefined ? undefined : resolve(cwd, merged.nodesFile),
    hookSocket: merged.hookSocket === undefined ? undefined : resolve(cwd, merged.hookSocket),
    jobSocket: merged.jobSocket === undefined ? undefined : resolve(cwd, merged.jobSocket),
    hookSpool: merged.hookSpool === undefined ? spoolOf(resolve(cwd, home)) : resolve(cwd, merged.hookSpool),
    hookBits: merged.hookBits ?? HOOK_BITS,
    rack: merged.rack,
    tls: merged.tls ?? true,
    logLevel: merged.logLevel ?? 'info',
    ...(merged.farm === undefined ? {} : { farm: merged.farm }),
  }
}

async function readSettings(path: string): Promise<Settings> {
  const text = await readBounded(path)
  // Loaded late: a daemon without such a file needs none of it.
  const { parse: parseYaml } = await import('yaml')
  let value: unknown
  try {
    // JSON is YAML. Aliases could make a small file large; settings have no use for them.
    value = parseYaml(text, { maxAliasCount: 0, prettyErrors: true }) ?? {}
  } catch (error) {
    const line = error instanceof Error ? error.message.split('\n')[0] : String(error)
    throw new HotblockError('BAD_CONFIG', `${path}: ${line}`, { path }, error)
  }
  const checked = checkSettings(value, (at) => (at === '' ? path : `${path}: ${at}`))
  // A relative path in a file means the same from wherever the daemon is started.
  const paths = Object.entries(checked).filter(([name]) => PATHS.has(name))
  return { ...checked, ...Object.fromEntries(paths.map(([name, to]) => [name, resolve(dirname(path), String(to))])) }
}

async function readBounded(path: string): Promise<string> {
  await using handle = await open(path, 'r')
  const stat = await handle.stat()
  if (!stat.isFile()) throw new HotblockError('BAD_FILE', `not a regular file: ${path}`, { path })
  const buffer = Buffer.alloc(CONFIG_FILE_BYTES_MAX + 1)
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0)
  if (bytesRead > CONFIG_FILE_BYTES_MAX) {
    throw new HotblockError('BAD_CONFIG', `${path}: larger than ${CONFIG_FILE_BYTES_MAX} bytes`, { path })
  }
  return buffer.toString('utf8', 0, bytesRead)
}

function checkSettings(value: unknown, label: (path: string) => string): Settings {
  const result = settings.safeParse(value)
  if (result.success) return result.data
  const issues = result.error.issues
  const [first] = issues
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : ''
  const unknown = first?.code === 'unrecognized_keys' ? first.keys[0] : undefined
  const path = pathText(unknown === undefined ? (first?.path ?? []) : [...(first?.path ?? []), unknown])
  const what = unknown === undefined ? (first?.message ?? 'is wrong') : 'there is no such setting'
  throw new HotblockError('BAD_CONFIG', `${label(path)}: ${what}${more}`, { setting: path })
}

/** ['trust', 1] → trust[1] */
function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`
    return text === '' ? String(key) : `${text}.${String(key)}`
  }, '')
}

/** trust[1] → --trust: the flags' order is the user's own. */
function flagName(path: string): string {
  const name = path.replace(/\[\d+\].*$/, '').replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  return `--${name}`
}

function addressProblem(text: string): string | undefined {
  if (text === '') return 'it is empty'
  try {
    const parts = multiaddr(text).getComponents()
    if (!parts.some((part) => part.name === 'tcp')) return 'it has no /tcp port'
    const peerPart = parts.find((part) => part.name === 'p2p')
    if (peerPart?.value !== undefined) peerIdFromString(peerPart.value)
    return undefined
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return message.includes('multibase') ? 'its /p2p part is no peer id' : message
  }
}

function shown(value: string | number): string {
  return JSON.stringify(typeof value === 'string' && value.length > 80 ? `${value.slice(0, 80)}…` : value)
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)]
}

function withoutUndefined(values: object): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}

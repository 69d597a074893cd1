/** Puts together what a farm is made of beside queue and pages: who reads requests, and who makes images. */
import { isAbsolute, join } from 'node:path'
import { z } from 'zod'
import { size } from '../node/config.ts'
import type { Logger } from '../node/logging.ts'
import { HotblockError } from '../protocols/errors.ts'
import { loadCatalog, nativeArchitectures } from './catalog/load.ts'
import { uriProblem } from './config/grammar.ts'
import { createMaker } from './make/create-maker.ts'
import type { ImageMaker } from './make/maker.ts'
import { createRequests, type Requests } from './requests.ts'
import type { FarmSettings } from './settings.ts'
import { STAGING_KINDS } from './staging/staging.ts'

export interface FarmParts {
  readonly requests: Requests
  readonly maker: ImageMaker
}

export type LoadParts = (settings: FarmSettings, log: Logger) => Promise<FarmParts>

const uri = z.string().refine((value) => uriProblem(value) === undefined, 'is not the URI of a repository')

/** Settings of the section `farm` that are these parts' own. */
const schema = z.object({
  /** Directories with classes, groups and appliances of the site's own. */
  catalog: z.array(z.string().refine(isAbsolute, 'must be an absolute path')).max(16).default([]),
  /** Mirror and snapshot of the Debian classes that name none. */
  mirror: z.string().optional(),
  snapshot: z.string().optional(),
  /** Mirror of Debian's security updates, or `none`; and what snapshots lie below. */
  securityMirror: z.union([z.literal('none'), uri]).optional(),
  snapshots: uri.optional(),
  /** Whether requests may name package repositories on the farm's own disk. */
  fileRepositories: z.boolean().default(false),
  /** Whether customisation scripts may use the network. */
  scriptNetwork: z.boolean().default(false),
  /** How stages are kept, and what they may take. */
  staging: z.enum(STAGING_KINDS).optional(),
  cache: size.optional(),
})

/** @throws BAD_CONFIG for a catalogue or a setting that is wrong */
export async function loadParts(settings: FarmSettings, _log: Logger): Promise<FarmParts> {
  const { section, work } = settings
  const { securityMirror, snapshots, scriptNetwork, staging, cache } = read(section)
  const requests = await loadRequests(settings)
  const maker = createMaker({
    catalog: requests.catalog,
    directory: join(work, 'cache'),
    debian: {
      ...(securityMirror === undefined ? {} : { securityMirror }),
      ...(snapshots === undefined ? {} : { snapshots }),
    },
    scriptNetwork,
    ...(staging === undefined ? {} : { staging }),
    ...(cache === undefined ? {} : { cacheBytesMax: cache }),
  })
  return { requests, maker }
}

function read(section: unknown): z.output<typeof schema> {
  const result = schema.safeParse(section)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const setting = `farm.${issue?.path.join('.')}`
  throw new HotblockError('BAD_CONFIG', `${setting}: ${issue?.message}`, { setting })
}

/** @throws BAD_CONFIG */
export async function loadRequests(settings: Pick<FarmSettings, 'section'>): Promise<Requests> {
  const { catalog: directories, mirror, snapshot, fileRepositories } = read(settings.section)
  const catalog = await loadCatalog(directories, {
    architectures: nativeArchitectures(process.arch),
    ...(mirror === undefined ? {} : { mirror }),
    ...(snapshot === undefined ? {} : { snapshot }),
  })
  return createRequests(() => catalog, { fileRepositories })
}

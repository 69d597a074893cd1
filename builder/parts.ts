/** Puts together what a farm is made of beside queue and pages: who reads requests, and who makes images. */
import { isAbsolute } from 'node:path'
import { z } from 'zod'
import type { Logger } from '../node/logging.ts'
import { HotblockError } from '../protocols/errors.ts'
import { loadCatalog, nativeArchitectures } from './catalog/load.ts'
import type { ImageMaker } from './make/maker.ts'
import { createRequests, type Requests } from './requests.ts'
import type { FarmSettings } from './settings.ts'

export interface FarmParts {
  readonly requests: Requests
  readonly maker: ImageMaker
}

export type LoadParts = (settings: FarmSettings, log: Logger) => Promise<FarmParts>

/** Settings of the section `farm` that are these parts' own. */
const schema = z.object({
  /** Directories with classes, groups and appliances of the site's own. */
  catalog: z.array(z.string().refine(isAbsolute, 'must be an absolute path')).max(16).default([]),
  /** Mirror and snapshot of the Debian classes that name none. */
  mirror: z.string().optional(),
  snapshot: z.string().optional(),
  /** Whether requests may name package repositories on the farm's own disk. */
  fileRepositories: z.boolean().default(false),
})

/** @throws BAD_CONFIG for a catalogue or a setting that is wrong */
export async function loadParts(settings: FarmSettings, _log: Logger): Promise<FarmParts> {
  const requests = await loadRequests(settings)
  const maker: ImageMaker = {
    async make() {
      throw new HotblockError('INTERNAL', 'this version has no maker of images')
    },
  }
  return { requests, maker }
}

/** @throws BAD_CONFIG */
export async function loadRequests(settings: Pick<FarmSettings, 'section'>): Promise<Requests> {
  const result = schema.safeParse(settings.section)
  if (!result.success) {
    const [issue] = result.error.issues
    const setting = `farm.${issue?.path.join('.')}`
    throw new HotblockError('BAD_CONFIG', `${setting}: ${issue?.message}`, { setting })
  }
  const { catalog: directories, mirror, snapshot, fileRepositories } = result.data
  const catalog = await loadCatalog(directories, {
    architectures: nativeArchitectures(process.arch),
    ...(mirror === undefined ? {} : { mirror }),
    ...(snapshot === undefined ? {} : { snapshot }),
  })
  return createRequests(() => catalog, { fileRepositories })
}

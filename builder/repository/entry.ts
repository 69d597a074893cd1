/** A finished image as the repository keeps it: what its meta.json says. */
import { z } from 'zod'
import { requesterSchema, stageSchema, summarySchema } from '../queue/build.ts'

export const ENTRY_VERSION = 1

export const entrySchema = z.object({
  version: z.literal(ENTRY_VERSION),
  key: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .meta({ description: 'SHA-256 of the configuration' }),
  name: z.string().meta({ description: 'name in the mesh' }),
  root: z.string().meta({ description: "CID of the table's root: the image's identity in the mesh" }),
  sequence: z.int().positive().meta({ description: "of the name's record that was signed for it" }),
  bytes: z.int().positive().meta({ description: 'size of the image file' }),
  sha256: z.string().meta({ description: 'of the image file' }),
  config: summarySchema,
  by: requesterSchema,
  build: z.int().positive(),
  packages: z.int().nonnegative().meta({ description: 'packages in the image' }),
  stages: z.array(stageSchema),
  queuedAt: z.number(),
  madeAt: z.number(),
  seconds: z.number().meta({ description: 'from the start of the build to its end' }),
  files: z.array(z.string()).meta({ description: 'files beside the image: config.xml, sbom.cdx.json, kernel, …' }),
})
export type Entry = Readonly<z.infer<typeof entrySchema>>

/** Files that may stand beside an image, and what they are. */
export const BESIDE = {
  'config.xml': 'application/xml',
  'sbom.cdx.json': 'application/vnd.cyclonedx+json',
  'build.log': 'text/plain; charset=utf-8',
  'console.log': 'text/plain; charset=utf-8',
  kernel: 'application/octet-stream',
  initrd: 'application/octet-stream',
} as const
export type Beside = keyof typeof BESIDE

const IMAGE_TYPES: Readonly<Record<string, string>> = {
  '.tar': 'application/x-tar',
  '.tar.gz': 'application/gzip',
}

export function isBeside(name: string): name is Beside {
  return Object.hasOwn(BESIDE, name)
}

export function imageType(entry: Pick<Entry, 'config'>): string {
  return IMAGE_TYPES[entry.config.fileType] ?? 'application/octet-stream'
}

/** What a browser calls the downloaded image. */
export function imageFileName({ name, config }: Pick<Entry, 'name' | 'config'>): string {
  return name.endsWith(config.fileType) ? name : `${name}${config.fileType}`
}

/** What the REST API answers, as schemas: the OpenAPI document is made of them. */
import { z } from 'zod'
import { buildSchema } from '../../queue/build.ts'
import { eventSchema } from '../../queue/events.ts'
import { entrySchema } from '../../repository/entry.ts'

export const image = entrySchema.extend({
  here: z.boolean().meta({ description: 'its bytes are on the node: it can be downloaded' }),
  fileName: z.string(),
})

export const build = buildSchema.extend({
  ended: z.boolean(),
  percent: z.int().min(0).max(100),
  progressText: z.string(),
  waitsFor: z.enum(['turn', 'disk']).optional(),
})

export const submitted = z.object({
  image: image.optional().meta({ description: 'the image that was there already' }),
  build: build.optional().meta({ description: 'the build, new or shared with an equal request' }),
})

export const catalogue = z.object({
  classes: z.array(
    z.object({ name: z.string(), title: z.string(), family: z.string(), architectures: z.array(z.string()) }),
  ),
  groups: z.array(z.object({ name: z.string(), title: z.string() })),
  appliances: z.array(z.object({ name: z.string(), title: z.string(), classes: z.array(z.string()) })),
  fileTypes: z.array(z.string()),
  boots: z.array(z.string()),
})

export const status = z.object({
  version: z.string(),
  peer: z.string(),
  addresses: z.array(z.string()),
  connections: z.int(),
  queue: z.object({ running: z.int(), waiting: z.int(), parallel: z.int(), queueMax: z.int() }),
  images: z.int(),
  disk: z.object({ freeBytes: z.number(), floorBytes: z.number(), storeBytes: z.number() }),
})

export const failure = z.object({
  error: z.object({
    code: z.string().meta({ description: 'stable; see the table of failures' }),
    message: z.string(),
    hint: z.string(),
    fields: z.array(z.object({ field: z.string(), message: z.string() })),
  }),
})

export const images = z.object({ images: z.array(image) })
export const builds = z.object({ builds: z.array(build) })
export const events = z.object({ events: z.array(eventSchema) })

/**
 * The farm's part of the control API, below /farm. Bodies and answers are JSON, as in the node's own part.
 *
 *     POST /farm/list {builds?}            POST /farm/stages {image?}      POST /farm/cancel {build}
 *     POST /farm/remove {image}            POST /farm/place {image, output}
 *     POST /farm/build {xml, wait?}        POST /farm/log {build?, image?, follow?}      streams of progress
 */
import { isAbsolute } from 'node:path'
import { z } from 'zod'
import type { Handler } from '../../node/control/app.ts'
import { checked } from '../../node/control/checked.ts'
import type { ControlRoutes } from '../../node/control/server.ts'
import { HotblockError } from '../../protocols/errors.ts'
import type { Farm } from '../farm.ts'
import { hasEnded } from '../queue/build.ts'
import { failureOfBuild } from '../web/problems.ts'
import { shownBuild, shownImage } from '../web/shown.ts'
import { XML_BYTES_MAX } from './limits.ts'

/** JSON may write a character in six. */
const BODY_BYTES_MAX = 6 * XML_BYTES_MAX + 4096
const LINES_MAX = 500

const image = z.string().min(1).max(200)
const bodies = {
  list: z.strictObject({}),
  stages: z.strictObject({ image: image.optional() }),
  cancel: z.strictObject({ build: z.int().positive() }),
  remove: z.strictObject({ image }),
  place: z.strictObject({ image, output: z.string().max(4096).refine(isAbsolute, 'must be an absolute path') }),
  build: z.strictObject({ xml: z.string().max(XML_BYTES_MAX), wait: z.boolean().default(false) }),
  log: z.strictObject({
    build: z.int().positive().optional(),
    image: image.optional(),
    follow: z.boolean().default(false),
  }),
}

/** What the command line prints with --json. */
export type ShownImage = ReturnType<typeof shownImage> & { readonly path?: string | undefined }
export type ShownBuild = ReturnType<typeof shownBuild>
export interface FarmList {
  readonly images: readonly ShownImage[]
  readonly builds: readonly ShownBuild[]
}
export interface BuildReport {
  readonly image?: ShownImage
  readonly build?: ShownBuild
}
/** Streamed while a command waits for a build or follows its log. */
export interface FollowProgress {
  readonly build: ShownBuild
}
export interface LogReport {
  readonly build: ShownBuild
  /** Lines after `after`; the newest where there are many. */
  readonly lines: readonly { readonly number: number; readonly text: string }[]
}

/** @param farm throws while the farm is not there yet */
export function farmRoutes(farm: () => Farm): ControlRoutes {
  return (app, stream) => {
    const shown = (key: string): ShownImage => {
      const entry = farm().repository.need(key)
      return { ...shownImage(farm(), entry), path: farm().node.imagePath(entry.root) }
    }
    app.post('/farm/list', (request): FarmList => {
      checked(bodies.list, request)
      const { repository, queue } = farm()
      return { images: repository.list().map(({ key }) => shown(key)), builds: queue.list().map(shownBuild) }
    })
    app.post('/farm/stages', async (request) => {
      const asked = checked(bodies.stages, request).image
      const { repository, queue } = farm()
      const entries = asked === undefined ? repository.list() : [repository.find(asked)]
      const failed = asked === undefined ? queue.list().filter(({ state }) => state === 'failed') : []
      return {
        images: entries.map(({ key, name, build, madeAt, stages }) => ({ key, name, build, madeAt, stages })),
        failed: failed.map(({ id, key, name, stages }) => ({ build: id, key, name, stages })),
        cache: asked === undefined ? await farm().stages() : [],
      }
    })
    app.post('/farm/cancel', async (request) => {
      return shownBuild(await farm().queue.cancel(checked(bodies.cancel, request).build, 'local'))
    })
    app.post('/farm/remove', async (request) => {
      const entry = farm().repository.find(checked(bodies.remove, request).image)
      const { key, name, bytes } = await farm().remove(entry.key, 'local')
      return { key, name, bytes }
    })
    app.post('/farm/place', async (request) => {
      const { image: asked, output } = checked(bodies.place, request)
      const entry = farm().repository.find(asked)
      await farm().node.place(entry.root, output)
      return { key: entry.key, name: entry.name, output }
    })
    const build: Handler = (request, reply) => {
      const { xml, wait } = checked(bodies.build, request)
      const { queue, requests } = farm()
      return stream<FollowProgress, BuildReport>(reply, async (progress, signal) => {
        const submitted = await farm().submit(requests.fromXml(xml), { who: 'local', via: 'command' })
        if (submitted.kind === 'image') return { image: shown(submitted.entry.key) }
        const { id, key } = submitted.build
        progress({ build: shownBuild(submitted.build) })
        if (!wait) return { build: shownBuild(submitted.build) }
        const off = queue.onChange((build) => {
          if (build.id === id) progress({ build: shownBuild(build) })
        })
        try {
          const ended = await queue.wait(id, signal)
          if (ended.state !== 'ready') throw failureOfBuild(id, ended.error)
          return { build: shownBuild(queue.get(id)), image: shown(key) }
        } finally {
          off()
        }
      })
    }
    app.post('/farm/build', build, { bodyLimit: BODY_BYTES_MAX })
    // Progress is only the newest of a kind, so the log is asked for line by line: each call tells what came after one.
    app.post('/farm/log', async (request): Promise<LogReport> => {
      const asked = checked(bodies.log.extend({ after: z.int().nonnegative().default(0) }), request)
      const { queue } = farm()
      const build = findBuild(farm(), asked)
      const lines = (await queue.tail(build.id, asked.after)).slice(-LINES_MAX)
      if (lines.length === 0 && asked.follow && !hasEnded(build)) await news(farm(), build.id)
      return { build: shownBuild(queue.get(build.id)), lines }
    })
  }
}

/** The build of a number; the newest build of a key, of a name, or of all. @throws NO_BUILD */
function findBuild(farm: Farm, asked: { build?: number | undefined; image?: string | undefined }) {
  const { queue } = farm
  if (asked.build !== undefined) return queue.get(asked.build)
  const { image: text } = asked
  const found = queue
    .list()
    .find(({ key, name }) => text === undefined || name === text || (text.length >= 8 && key.startsWith(text)))
  if (found !== undefined) return found
  throw new HotblockError('NO_BUILD', text === undefined ? 'nothing was built yet' : `there is no build of ${text}`)
}

const NEWS_MS = 1000

/** Waits a moment, or until the build changes. */
async function news(farm: Farm, id: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, NEWS_MS)
  const off = farm.queue.onChange((build) => {
    if (build.id === id) resolve()
  })
  await promise
  clearTimeout(timer)
  off()
}

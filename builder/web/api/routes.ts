/** The REST API. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { HotblockError } from '../../../protocols/errors.ts'
import { BOOTS, FILE_TYPES } from '../../config/image-config.ts'
import { isRunning, isWaiting, type LiveBuild } from '../../queue/build.ts'
import type { Entry } from '../../repository/entry.ts'
import type { WebContext } from '../context.ts'
import { sendEvents, sendLog } from '../follow.ts'
import { buildId, downloadImage, sendBeside } from '../pages.ts'
import { shownBuild, shownImage } from '../shown.ts'
import { openApi } from './openapi.ts'
import { OPERATIONS, type OperationId } from './operations.ts'
import * as schemas from './schemas.ts'

type Asked = FastifyRequest<{ Params: Record<string, string>; Querystring: Record<string, unknown> }>
type Handler = (request: Asked, reply: FastifyReply) => unknown

export function addApi(app: FastifyInstance, context: WebContext): void {
  const { farm, guard } = context
  const { repository, queue } = farm
  const build = (each: LiveBuild) => schemas.build.parse(shownBuild(each))
  const image = (entry: Entry) => schemas.image.parse(shownImage(farm, entry))
  const key = ({ params }: Asked): string => params.key ?? ''
  const id = ({ params }: Asked): number => buildId(params.id ?? '')

  const handlers: Readonly<Record<OperationId, Handler>> = {
    listImages: () => ({ images: repository.list().map(image) }),
    getImage: (request) => image(repository.need(key(request))),
    async deleteImage(request) {
      const who = guard.needBearer(request)
      const before = image(repository.need(key(request)))
      await farm.remove(key(request), who)
      return before
    },
    downloadImage: (request, reply) => downloadImage(context, request, reply, key(request)),
    downloadBeside: (request, reply) => sendBeside(context, request, reply, key(request), request.params.file ?? ''),
    async createImage(request, reply) {
      const who = guard.needBearer(request)
      const { body } = request
      if (body === undefined || body === null || body instanceof URLSearchParams) {
        throw new HotblockError('USAGE', 'the body is no configuration: send JSON or XML')
      }
      const config =
        typeof body === 'string' && !isJson(request) ? farm.requests.fromXml(body) : farm.requests.fromJson(body)
      const submitted = await farm.submit(config, { who, via: 'api' })
      if (submitted.kind === 'image') return { image: image(submitted.entry) }
      reply.code(202).header('location', `/api/builds/${submitted.build.id}`)
      return { build: build(submitted.build) }
    },
    listBuilds: () => ({ builds: queue.list().map(build) }),
    getBuild: (request) => build(queue.get(id(request))),
    async cancelBuild(request) {
      const who = guard.needBearer(request)
      return build(await queue.cancel(id(request), who))
    },
    readLog: (request, reply) => sendLog(context, reply, id(request), request.query.follow === '1'),
    followBuild: (request, reply) => sendEvents(context, request, reply, id(request), build),
    readCatalogue: () => catalogueOf(context),
    listEvents: () => ({ events: farm.events.list() }),
    readStatus: () => statusOf(context),
    readOpenApi: (request) => openApi(context.base(request.headers.host), farm.requests.schema),
  }
  for (const { method, path, id: operation } of OPERATIONS) {
    app.route({
      method: method === 'get' && operation === 'downloadImage' ? ['GET', 'HEAD'] : method.toUpperCase(),
      url: path.replaceAll(/\{(\w+)\}/g, ':$1'),
      handler: (request, reply) => handlers[operation](request as Asked, reply),
    })
  }
}

export function catalogueOf({ farm }: WebContext) {
  const { classes, groups, appliances } = farm.requests.catalog()
  return schemas.catalogue.parse({
    classes: [...classes.values()],
    groups: [...groups.values()],
    appliances: [...appliances.values()],
    fileTypes: FILE_TYPES,
    boots: BOOTS,
  })
}

async function statusOf({ farm }: WebContext) {
  const { version, peer, addresses, connections, store } = await farm.node.api.status()
  const builds = farm.queue.list()
  const { parallel, queueMax, floorBytes } = farm.settings
  return schemas.status.parse({
    version,
    peer,
    addresses,
    connections,
    queue: { running: builds.filter(isRunning).length, waiting: builds.filter(isWaiting).length, parallel, queueMax },
    images: farm.repository.list().length,
    disk: { freeBytes: store.freeBytes, floorBytes, storeBytes: store.imageBytes },
  })
}

function isJson(request: FastifyRequest): boolean {
  return /^application\/json\b/i.test(request.headers['content-type'] ?? '')
}

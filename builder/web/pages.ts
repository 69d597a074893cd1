/** The pages, as on the slides of 2007: Repository, About, Log, Status and the request forms; and builds and images. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { HotblockError } from '../../protocols/errors.ts'
import { hasEnded, isRunning, isWaiting } from '../queue/build.ts'
import { BESIDE, imageFileName, imageType, isBeside } from '../repository/entry.ts'
import type { WebContext } from './context.ts'
import { sendFile } from './download.ts'
import { sendEvents, sendLog } from './follow.ts'
import { ownPath } from './hosts.ts'
import { FORMS, type FormName, requestForm } from './request-pages.ts'
import { shownBuild, shownImage } from './shown.ts'
import type { View } from './view.ts'

const BUILDS_SHOWN = 50
const EVENTS_SHOWN = 200
const LINES_SHOWN = 400
const LOGIN_BYTES_MAX = 16 * 1024

type Keyed = { Params: { key: string } }
type Numbered = { Params: { id: string } }

export function addPages(app: FastifyInstance, context: WebContext, view: View): void {
  const { farm, guard } = context
  const { repository, queue } = farm
  const page = (request: FastifyRequest, reply: FastifyReply, template: string, title: string, data: object) => {
    const [path = '/'] = request.url.split('?')
    return reply
      .type('text/html; charset=utf-8')
      .send(view(template, { title, path, session: guard.session(request) }, data))
  }

  app.get<{ Querystring: { q?: string | string[] } }>('/', (request, reply) => {
    const q = String(request.query.q ?? '').slice(0, 200)
    const words = q.toLowerCase().split(/\s+/).filter(Boolean)
    const images = repository
      .list()
      .map((entry) => shownImage(farm, entry))
      .filter(({ name, config, key }) => {
        const text = [name, key, ...Object.values(config).flat()].join(' ').toLowerCase()
        return words.every((word) => text.includes(word))
      })
    const builds = queue
      .list()
      .filter((build) => !hasEnded(build))
      .map(shownBuild)
    return page(request, reply, 'repository', 'Repository', { q, images, builds, notice: '' })
  })

  app.get('/about', (request, reply) => {
    const { classes, groups, appliances } = farm.requests.catalog()
    const [first] = classes.values()
    const [group] = groups.keys()
    const example = { class: first?.name ?? '', arch: first?.architectures[0] ?? '', group }
    return page(request, reply, 'about', 'About', {
      base: context.base(request.headers.host),
      example,
      classes: [...classes.values()],
      groups: [...groups.values()],
      appliances: [...appliances.values()],
    })
  })

  app.get<{ Querystring: { all?: string } }>('/log', (request, reply) => {
    const all = farm.events.list()
    const events = request.query.all === '1' ? all : all.slice(0, EVENTS_SHOWN)
    return page(request, reply, 'log', 'Log', { events, more: events.length < all.length })
  })

  app.get('/status', async (request, reply) => {
    const builds = queue.list()
    const entries = repository.list()
    const { classes, groups, appliances } = farm.requests.catalog()
    return page(request, reply, 'status', 'Status', {
      node: await farm.node.api.status(),
      settings: farm.settings,
      running: builds.filter(isRunning),
      waiting: builds.filter(isWaiting),
      builds: builds.slice(0, BUILDS_SHOWN).map(shownBuild),
      images: entries.length,
      imageBytes: entries.reduce((sum, { bytes }) => sum + bytes, 0),
      catalogue: { classes: classes.size, groups: groups.size, appliances: appliances.size },
    })
  })

  for (const name of Object.keys(FORMS) as FormName[]) {
    const { path, title } = FORMS[name]
    app.get(path, (request, reply) => {
      const given = new URLSearchParams(request.url.split('?', 2)[1] ?? '')
      return page(request, reply, 'request', title, requestForm(name, farm.requests.catalog(), given, []))
    })
  }

  app.get<Numbered>('/builds/:id', async (request, reply) => {
    const build = queue.get(buildId(request.params.id))
    const lines = (await queue.tail(build.id, 0)).slice(-LINES_SHOWN)
    const image = build.state === 'ready' ? repository.ready(build.key) : undefined
    return page(request, reply, 'build', `Build ${build.id}`, {
      build: shownBuild(build),
      lines,
      last: lines.at(-1)?.number ?? 0,
      image,
      fileName: image === undefined ? '' : imageFileName(image),
    })
  })
  app.get<Numbered>('/builds/:id/log', (request, reply) => sendLog(context, reply, buildId(request.params.id), false))
  app.get<Numbered>('/builds/:id/events', (request, reply) =>
    sendEvents(context, request, reply, buildId(request.params.id), shownBuild),
  )
  app.post<Numbered>('/builds/:id/cancel', async (request, reply) => {
    const id = buildId(request.params.id)
    await queue.cancel(id, guard.needForm(request, fieldsOf(request)))
    return reply.redirect(`/builds/${id}`, 303)
  })

  app.get<Keyed>('/images/:key', (request, reply) => {
    const image = shownImage(farm, repository.need(request.params.key))
    return page(request, reply, 'image', image.name, { image, here: image.here, fileName: image.fileName })
  })
  app.route<Keyed>({
    method: ['GET', 'HEAD'],
    url: '/images/:key/download',
    handler: (request, reply) => downloadImage(context, request, reply, request.params.key),
  })
  app.get<{ Params: { key: string; file: string } }>('/images/:key/files/:file', (request, reply) => {
    const { key, file } = request.params
    return sendBeside(context, request, reply, key, file)
  })
  app.get<Keyed>('/images/:key/delete', (request, reply) => {
    const image = repository.need(request.params.key)
    if (guard.session(request) === undefined) return toLogin(request, reply)
    return page(request, reply, 'delete', `Delete ${image.name}?`, { image })
  })
  app.post<Keyed>('/images/:key/delete', async (request, reply) => {
    await farm.remove(request.params.key, guard.needForm(request, fieldsOf(request)))
    return reply.redirect('/', 303)
  })

  app.get<{ Querystring: { next?: string | string[] } }>('/login', (request, reply) => {
    const next = ownPath(typeof request.query.next === 'string' ? request.query.next : undefined)
    return page(request, reply, 'login', 'Log in', { next, problems: [] })
  })
  app.post('/login', { bodyLimit: LOGIN_BYTES_MAX }, (request, reply) => {
    const fields = fieldsOf(request)
    const next = ownPath(fields.get('next') ?? undefined)
    try {
      const who = guard.login(request, reply, fields.get('token')?.trim() ?? '')
      farm.events.add({ kind: 'login', text: request.ip, who })
      return reply.redirect(next, 303)
    } catch (error) {
      if (!(error instanceof HotblockError) || error.code === 'FORBIDDEN') throw error
      const message = error.code === 'TOO_MANY' ? error.hint : 'The token is wrong'
      reply.code(error.http)
      return page(request, reply, 'login', 'Log in', { next, problems: [{ field: 'token', message }] })
    }
  })
  app.post('/logout', { bodyLimit: LOGIN_BYTES_MAX }, (request, reply) => {
    guard.needForm(request, fieldsOf(request))
    guard.logout(request, reply)
    return reply.redirect('/', 303)
  })
}

/** A number as it stands in a path. @throws NO_BUILD */
export function buildId(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw new HotblockError('NO_BUILD', 'there is no such build')
}

export function downloadImage(context: WebContext, request: FastifyRequest, reply: FastifyReply, key: string) {
  const { repository } = context.farm
  const entry = repository.need(key)
  return sendFile(request, reply, {
    path: repository.image(entry),
    type: imageType(entry),
    fileName: imageFileName(entry),
    etag: entry.sha256,
  })
}

export function sendBeside(
  context: WebContext,
  request: FastifyRequest,
  reply: FastifyReply,
  key: string,
  file: string,
) {
  const { repository } = context.farm
  const entry = repository.need(key)
  if (!isBeside(file)) throw new HotblockError('NO_BUILD', 'there is no such file', { key })
  return sendFile(request, reply, {
    path: repository.path(entry, file),
    type: BESIDE[file],
    fileName: `${entry.name}-${file}`,
    etag: `${entry.sha256.slice(0, 32)}-${entry.madeAt}-${file}`,
    // Types that a browser shows as text and runs nothing of.
    inline: file.endsWith('.log') || file.endsWith('.json'),
  })
}

/** The fields of a form. @throws USAGE where a request is none */
export function fieldsOf(request: FastifyRequest): URLSearchParams {
  if (request.body instanceof URLSearchParams) return request.body
  if (request.body === undefined || request.body === null) return new URLSearchParams()
  throw new HotblockError('USAGE', 'the body is no form')
}

export function toLogin(request: FastifyRequest, reply: FastifyReply) {
  return reply.redirect(`/login?next=${encodeURIComponent(request.url)}`, 303)
}

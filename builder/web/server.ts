/** The farm's web server: who may ask, what every answer carries, and where failures are said. */
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import { HotblockError } from '../../protocols/errors.ts'
import type { Log } from '../../protocols/ports.ts'
import type { Farm } from '../farm.ts'
import type { FarmSettings } from '../settings.ts'
import { addApi } from './api/routes.ts'
import { createAttempts } from './auth/attempts.ts'
import { createGuard } from './auth/guard.ts'
import { createSessions } from './auth/sessions.ts'
import type { Tokens } from './auth/tokens.ts'
import { WAITERS_MAX, type WebContext } from './context.ts'
import { addCreate } from './create.ts'
import { isOwnHost } from './hosts.ts'
import { addPages } from './pages.ts'
import { answerOf, failureOf } from './problems.ts'
import { createSlots } from './slots.ts'
import { faultOf } from './soap/fault.ts'
import { addSoap } from './soap/routes.ts'
import { loadStatic } from './static.ts'
import { createView, type View } from './view.ts'

/** Of a request: a configuration of 2 MiB, percent-encoded. */
export const BODY_BYTES_MAX = 6 * 1024 * 1024
export const URL_CHARACTERS_MAX = 16 * 1024
const CONNECTIONS_MAX = 512

/** Pages load nothing from elsewhere, run no script but their own, and stand in nobody's frame. */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
} as const

export interface WebInit {
  readonly farm: Farm
  readonly tokens: Tokens
  readonly settings: Pick<FarmSettings, 'listenHttp' | 'publicUrl'>
  readonly log: Log
}

export interface Web {
  readonly url: string
  close(): Promise<void>
}

/** @throws LISTEN where the address is taken or is not this machine's */
export async function startWeb(init: WebInit): Promise<Web> {
  const { host, port } = init.settings.listenHttp
  const { app, close } = await createWeb(init)
  try {
    await app.listen({ host, port })
  } catch (error) {
    await close()
    const { code } = error as NodeJS.ErrnoException
    const message = `the pages cannot be served at ${host}:${port} (${code}); see --listen-http`
    throw new HotblockError('LISTEN', message, { host, port }, error)
  }
  const address = app.server.address() as AddressInfo
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return { url: init.settings.publicUrl?.origin ?? `http://${name}:${address.port}`, close }
}

/** The server without an address, as tests ask it. */
export async function createWeb({ farm, tokens, settings, log }: WebInit): Promise<{
  app: FastifyInstance
  close(): Promise<void>
}> {
  const { publicUrl, listenHttp } = settings
  const now = (): number => performance.now()
  const closing = new AbortController()
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 256 },
    // Header time-outs are Node's own; an answer may take as long as a build does.
    requestTimeout: 120_000,
    http: { maxHeaderSize: 32 * 1024 },
  })
  app.server.maxConnections = CONNECTIONS_MAX
  const secure = publicUrl?.protocol === 'https:'
  const guard = createGuard({ tokens, sessions: createSessions(now), attempts: createAttempts(now), secure })
  const context: WebContext = {
    farm,
    guard,
    base: (asked) => publicUrl?.origin ?? `http://${asked ?? `${listenHttp.host}:${listenHttp.port}`}`,
    closing: closing.signal,
    waiters: createSlots(WAITERS_MAX),
  }
  const view = createView()
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(HEADERS)
    if (secure) reply.header('strict-transport-security', 'max-age=31536000')
    if (!isOwnHost(request.headers.host, publicUrl)) {
      const message = 'the farm is not asked under this name; --public-url says under which it may be'
      throw Object.assign(new Error(message), { statusCode: 421 })
    }
    if (request.url.length > URL_CHARACTERS_MAX)
      throw Object.assign(new Error('the URL is too long'), { statusCode: 414 })
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
    done(null, new URLSearchParams(String(body)))
  })
  app.addContentTypeParser('application/json', { parseAs: 'string' }, app.getDefaultJsonParser('error', 'error'))
  for (const type of ['application/xml', 'text/xml', 'application/soap+xml']) {
    app.addContentTypeParser(type, { parseAs: 'string' }, (_request, body, done) => done(null, String(body)))
  }
  answerFailures(app, context, view, log)
  const files = await loadStatic()
  app.get<{ Params: { file: string } }>('/static/:file', async (request, reply) => {
    const file = files.get(request.params.file)
    if (file === undefined) throw new HotblockError('NO_BUILD', 'there is no such file')
    reply.header('cache-control', 'no-cache').header('etag', file.etag)
    if (request.headers['if-none-match'] === file.etag) return reply.code(304).send()
    return reply.type(file.type).send(file.bytes)
  })
  addPages(app, context, view)
  addCreate(app, context, view)
  addApi(app, context)
  addSoap(app, context)
  await app.ready()
  return {
    app,
    async close() {
      closing.abort(new HotblockError('CANCELLED', 'the farm is stopping'))
      await app.close()
    },
  }
}

/** Each in the language of whoever asked: a page, JSON, or a SOAP fault. */
function answerFailures(app: FastifyInstance, context: WebContext, view: View, log: Log): void {
  app.setNotFoundHandler(() => {
    throw Object.assign(new HotblockError('NO_BUILD', 'there is no such page'), { page: true })
  })
  app.setErrorHandler((thrown, request, reply) => {
    const { error, status } = failureOf(thrown)
    if (error.code === 'INTERNAL') log.error({ err: thrown, url: request.url.slice(0, 200) }, 'a request failed')
    if (error.code === 'UNAUTHORIZED') reply.header('www-authenticate', 'Bearer realm="hotblock farm"')
    reply.code(status).removeHeader('content-disposition').removeHeader('etag')
    const [path = '/'] = request.url.split('?')
    if (path === '/soap')
      return reply
        .code(500)
        .type('text/xml; charset=utf-8')
        .send(faultOf(error, status < 500))
    const wantsPage = /\btext\/html\b/.test(request.headers.accept ?? '') && !path.startsWith('/api/')
    if (!wantsPage) return reply.send({ error: answerOf(error) })
    const title = status === 404 ? 'Not found' : status >= 500 ? 'Something went wrong' : 'That did not work'
    const session = context.guard.session(request)
    return reply
      .type('text/html; charset=utf-8')
      .send(view('error', { title, path, session }, { error: answerOf(error) }))
  })
}

/**
 * /create, as on the slides of 2007: by URL with a token, or by one of the forms.
 *
 *     GET /create?name=&download=on&class=…&arch=…&filetype=.tar&group=core&group=base&package=…
 *
 * `synchronous=on` waits for the image, `download=on` waits too and sends the file; without either the answer leads to
 * the build's page (303). A browser's cookie never creates by GET: such a URL leads to a page that asks, since it may
 * stand in a mail or on a page of a stranger's.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { HotblockError } from '../../protocols/errors.ts'
import type { ImageConfig } from '../config/image-config.ts'
import type { Requester } from '../queue/build.ts'
import type { Submitted } from '../queue/queue.ts'
import { WAIT_MS_MAX, type WebContext } from './context.ts'
import { formProblems, rawRequest } from './forms.ts'
import { downloadImage, fieldsOf, toLogin } from './pages.ts'
import { failureOfBuild, fieldsOf as problemsOf } from './problems.ts'
import { FORMS, type FormName, formHas, requestForm } from './request-pages.ts'
import { shownImage } from './shown.ts'
import type { View } from './view.ts'

/** Parameters that say how, not what. */
const HOW = ['synchronous', 'sync', 'download', 'csrf', 'form']

interface How {
  readonly wait: boolean
  readonly download: boolean
}

export function addCreate(app: FastifyInstance, context: WebContext, view: View): void {
  const { farm, guard } = context

  app.get('/create', async (request, reply) => {
    const parameters = new URLSearchParams(request.url.split('?', 2)[1] ?? '')
    const who = guard.bearer(request)
    if (who === undefined) {
      if (!/\btext\/html\b/.test(request.headers.accept ?? '')) guard.needBearer(request)
      const session = guard.session(request)
      if (session === undefined) return toLogin(request, reply)
      const fields = [...parameters].filter(([name]) => name !== 'csrf' && name !== 'form')
      const head = { title: 'Create this image?', path: '/create', session }
      return reply.type('text/html; charset=utf-8').send(view('confirm', head, { fields }))
    }
    // The URL's own text: taking it apart is stricter than URLSearchParams are.
    const config = farm.requests.fromQuery(request.url.split('?', 2)[1] ?? '', HOW)
    return create(context, request, reply, config, howOf(parameters), { who, via: 'create' })
  })

  app.post('/create', async (request, reply) => {
    const fields = fieldsOf(request)
    const who = guard.needForm(request, fields)
    const form = fields.get('form') ?? 'url'
    if (form === 'url') {
      const config = farm.requests.fromQuery(fields.toString(), HOW)
      return create(context, request, reply, config, howOf(fields), { who, via: 'create' })
    }
    if (!Object.hasOwn(FORMS, form)) throw new HotblockError('USAGE', 'there is no such form')
    try {
      const config = farm.requests.fromJson(rawRequest(fields))
      return await create(context, request, reply, config, howOf(fields), { who, via: 'page' })
    } catch (error) {
      if (!(error instanceof HotblockError) || error.code !== 'BAD_REQUEST') throw error
      return again(form as FormName, error)
    }

    /** The form once more, with what is wrong beside the fields. */
    function again(name: FormName, error: HotblockError) {
      const catalog = farm.requests.catalog()
      const found = problemsOf(error)
      const all = found.length > 0 ? found : [{ field: '', message: error.message }]
      const problems = formProblems(all, fields, formHas(name, catalog))
      const head = { title: `Problem: ${FORMS[name].title}`, path: FORMS[name].path, session: guard.session(request) }
      return reply
        .code(error.http)
        .type('text/html; charset=utf-8')
        .send(view('request', { ...head }, { ...requestForm(name, catalog, fields, problems), ...head }))
    }
  })
}

function howOf(parameters: URLSearchParams): How {
  const on = (name: string): boolean => /^(on|1|true|yes)$/i.test(parameters.get(name) ?? '')
  return { wait: on('synchronous') || on('sync') || on('download'), download: on('download') }
}

async function create(
  context: WebContext,
  request: FastifyRequest,
  reply: FastifyReply,
  config: ImageConfig,
  how: How,
  by: Requester,
): Promise<FastifyReply> {
  const { farm } = context
  // The place first: who cannot wait has not asked for anything yet.
  const free = how.wait ? context.waiters.take() : () => {}
  try {
    const submitted = await farm.submit(config, by)
    if (submitted.kind === 'build' && !how.wait) return reply.redirect(`/builds/${submitted.build.id}`, 303)
    const key = await keyWhenReady(context, request, reply, submitted)
    if (key === undefined) return reply.redirect(`/builds/${buildOf(submitted)}`, 303)
    if (how.download) return await downloadImage(context, request, reply, key)
    const wantsPage = /\btext\/html\b/.test(request.headers.accept ?? '')
    if (wantsPage || !how.wait) return reply.redirect(`/images/${key}`, 303)
    return reply.send({ image: shownImage(farm, farm.repository.need(key)) })
  } finally {
    free()
  }
}

/** Waits for the image. @returns its key, or undefined where it takes longer than a request may. @throws the build's failure */
async function keyWhenReady(
  context: WebContext,
  request: FastifyRequest,
  reply: FastifyReply,
  submitted: Submitted,
): Promise<string | undefined> {
  if (submitted.kind === 'image') return submitted.entry.key
  const { id, key } = submitted.build
  const gone = new AbortController()
  const onClose = (): void => gone.abort()
  reply.raw.once('close', onClose)
  const late = AbortSignal.timeout(WAIT_MS_MAX)
  try {
    const build = await context.farm.queue.wait(id, AbortSignal.any([gone.signal, late, context.closing]))
    if (build.state !== 'ready') throw failureOfBuild(id, build.error)
    return key
  } catch (error) {
    if (late.aborted && !request.raw.destroyed) return undefined
    throw error
  } finally {
    reply.raw.off('close', onClose)
  }
}

function buildOf(submitted: Submitted): number {
  return submitted.kind === 'build' ? submitted.build.id : 0
}

/** The SOAP service at /soap; its WSDL at /soap?wsdl. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { HotblockError } from '../../../protocols/errors.ts'
import type { LiveBuild } from '../../queue/build.ts'
import type { Entry } from '../../repository/entry.ts'
import type { WebContext } from '../context.ts'
import { shownBuild } from '../shown.ts'
import { ENVELOPE, envelope, plainFault } from './fault.ts'
import { NAMESPACE, SOAP_OPERATIONS, type SoapOperationName } from './types.ts'
import { wsdl } from './wsdl.ts'
import { type Element, parseXml, readFields, writeFields } from './xml.ts'

const SOAP_BYTES_MAX = 4 * 1024 * 1024
const XML = 'text/xml; charset=utf-8'

type Values = Readonly<Record<string, unknown>>

export function addSoap(app: FastifyInstance, context: WebContext): void {
  const { farm, guard } = context

  const operations: Readonly<
    Record<SoapOperationName, (input: Values, request: FastifyRequest) => Promise<Values> | Values>
  > = {
    async create({ configuration }, request) {
      const who = guard.needBearer(request)
      const config = farm.requests.fromJson(rawRequest(configuration as Values))
      const submitted = await farm.submit(config, { who, via: 'soap' })
      const base = context.base(request.headers.host)
      if (submitted.kind === 'image') return { image: imageValues(submitted.entry, base) }
      return { build: buildValues(submitted.build, base) }
    },
    status: ({ build }, request) => ({
      build: buildValues(farm.queue.get(Number(build)), context.base(request.headers.host)),
    }),
    list: (_input, request) => ({
      image: farm.repository.list().map((entry) => imageValues(entry, context.base(request.headers.host))),
    }),
    get: ({ key }, request) => ({
      image: imageValues(farm.repository.need(String(key).trim()), context.base(request.headers.host)),
    }),
    async delete({ key }, request) {
      const who = guard.needBearer(request)
      return { key: (await farm.remove(String(key).trim(), who)).key }
    },
  }

  app.get('/soap', (request, reply) => {
    if (!/[?&]wsdl\b/i.test(request.url)) return reply.redirect('/soap?wsdl', 303)
    return reply.type(XML).send(wsdl(context.base(request.headers.host)))
  })

  app.post('/soap', { bodyLimit: SOAP_BYTES_MAX }, async (request, reply) => {
    if (typeof request.body !== 'string') throw new HotblockError('USAGE', 'the body is no XML')
    const root = parseXml(request.body)
    if (root.name !== 'Envelope' || root.namespace !== ENVELOPE) {
      return send(reply, 500, plainFault('VersionMismatch', 'the message is no envelope of SOAP 1.1'))
    }
    const header = child(root, 'Header')
    if (header?.children.some(mustUnderstand) === true) {
      return send(reply, 500, plainFault('MustUnderstand', 'a header that has to be understood is not known'))
    }
    const body = child(root, 'Body')
    const [called, ...others] = body?.children ?? []
    if (called === undefined || others.length > 0 || called.namespace !== NAMESPACE || !isOperation(called.name)) {
      throw new HotblockError('USAGE', `the body calls no operation of ${NAMESPACE}`)
    }
    const { input, output } = SOAP_OPERATIONS[called.name]
    const answer = await operations[called.name](readFields(called, input), request)
    const name = `f:${called.name}Response`
    return send(reply, 200, envelope(`<${name}>${writeFields(answer, output)}</${name}>`))
  })

  function imageValues(entry: Entry, base: string): Values {
    const { config, key } = entry
    return {
      ...entry,
      ...config,
      group: config.groups,
      package: config.packages,
      madeAt: new Date(entry.madeAt),
      here: farm.repository.ready(key) !== undefined,
      url: `${base}/images/${key}/download`,
    }
  }
}

function buildValues(build: LiveBuild, base: string): Values {
  const { percent, progressText } = shownBuild(build)
  const date = (at: number | undefined): Date | undefined => (at === undefined ? undefined : new Date(at))
  return {
    ...build,
    percent,
    progress: progressText,
    queuedAt: date(build.queuedAt),
    startedAt: date(build.startedAt),
    endedAt: date(build.endedAt),
    errorCode: build.error?.code,
    errorMessage: build.error?.message,
    url: `${base}/builds/${build.id}`,
  }
}

/** A Configuration of the schema as a request in the form of JSON; elements without text are as if left out. */
function rawRequest(configuration: Values): Record<string, unknown> {
  const { group, package: packages, file, repository, ...rest } = configuration
  const raw: Record<string, unknown> = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== ''))
  if (group !== undefined) raw.groups = group
  if (packages !== undefined) raw.packages = packages
  if (file !== undefined) raw.files = (file as Values[]).map((each) => ({ ...each, encoding: 'base64' }))
  if (repository !== undefined) {
    raw.repositories = (repository as Values[]).map(({ component, ...each }) => ({
      ...each,
      ...(component === undefined ? {} : { components: component }),
    }))
  }
  return raw
}

function child(element: Element, name: string): Element | undefined {
  return element.children.find((each) => each.name === name && each.namespace === ENVELOPE)
}

function mustUnderstand(header: Element): boolean {
  return header.attributes.some(
    ({ name, namespace, value }) => name === 'mustUnderstand' && namespace === ENVELOPE && /^(1|true)$/.test(value),
  )
}

function isOperation(name: string): name is SoapOperationName {
  return Object.hasOwn(SOAP_OPERATIONS, name)
}

function send(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply.code(status).type(XML).send(text)
}

/**
 * HTTP+JSON on a socket: routes by method and path, bodies that are JSON and bounded, failures as JSON. What a web framework
 * does beyond that a control socket has no use for, and a daemon that is idle most of its life would be 6 MB larger.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { asHotblockError, HotblockError } from '../../protocols/errors.ts'
import type { Log } from '../../protocols/ports.ts'

/** Between calls of a client that keeps its connection. */
const KEEP_ALIVE_MS = 72_000
const URL_SHOWN_MAX = 100
const NOT_FOUND = 404

export interface ControlRequest {
  /** What the body says as JSON; undefined where there is none. */
  readonly body: unknown
}

/** What a handler returns is the answer, as JSON, unless it sends one itself or takes the response over. */
export type Handler = (request: ControlRequest, reply: ControlReply) => unknown

export interface RouteOptions {
  readonly bodyLimit: number
}

export interface ControlAppInit {
  /** Most that a body has, bytes, unless a route says something else. */
  readonly bodyLimit: number
  /** Called first for each request; what it throws is the answer. */
  readonly before?: (path: string) => void
  readonly log?: Log | undefined
}

interface Route extends RouteOptions {
  readonly handler: Handler
}

export class ControlReply {
  readonly raw: ServerResponse
  #taken = false

  constructor(raw: ServerResponse) {
    this.raw = raw
  }

  /** Whether an answer was sent, or is another's business. */
  get isTaken(): boolean {
    return this.#taken
  }

  header(name: string, value: string): this {
    this.raw.setHeader(name, value)
    return this
  }

  send(body: unknown, status = 200): void {
    this.#taken = true
    const isText = typeof body === 'string'
    const text = isText ? body : JSON.stringify(body ?? null)
    if (!isText) this.raw.setHeader('content-type', 'application/json; charset=utf-8')
    this.raw.writeHead(status, { 'content-length': Buffer.byteLength(text) }).end(text)
  }

  /** From now on the caller writes the response by itself. */
  hijack(): void {
    this.#taken = true
  }
}

export class ControlApp {
  readonly server: Server
  readonly #init: ControlAppInit
  readonly #routes = new Map<string, Route>()

  constructor(init: ControlAppInit) {
    this.#init = init
    this.server = createServer((request, response) => void this.#answer(request, response))
    this.server.keepAliveTimeout = KEEP_ALIVE_MS
  }

  get(path: string, handler: Handler): void {
    this.#routes.set(`GET ${path}`, { handler, bodyLimit: 0 })
  }

  post(path: string, handler: Handler, { bodyLimit }: RouteOptions = this.#init): void {
    this.#routes.set(`POST ${path}`, { handler, bodyLimit })
  }

  /** Closes the socket and all connections, whatever goes on there. */
  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.server.close(() => resolve())
    this.server.closeAllConnections()
    await promise
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const reply = new ControlReply(response)
    // Who goes away while it is answered is nobody's failure.
    response.on('error', () => {})
    try {
      const { method = '', url = '' } = request
      const [path = ''] = url.split('?')
      this.#init.before?.(path)
      const route = this.#routes.get(`${method} ${path}`)
      if (route === undefined) {
        const text = `the control API has no ${method} ${url.slice(0, URL_SHOWN_MAX)}`
        this.#refuse(request, reply, new HotblockError('USAGE', text), NOT_FOUND)
        return
      }
      const result = await route.handler({ body: await bodyOf(request, route.bodyLimit) }, reply)
      if (!reply.isTaken) reply.send(result)
    } catch (thrown) {
      const error = asHotblockError(thrown)
      if (error.code === 'INTERNAL') this.#init.log?.error({ err: thrown }, 'a control call failed')
      if (reply.isTaken || response.headersSent) {
        response.destroy()
        return
      }
      this.#refuse(request, reply, error, error.http)
    }
  }

  #refuse(request: IncomingMessage, reply: ControlReply, error: HotblockError, status: number): void {
    // What is left of a body that was refused is not read.
    if (!request.complete) reply.header('connection', 'close')
    reply.send({ error }, status)
  }
}

/** @throws USAGE for a body that is too long or no JSON */
async function bodyOf(request: IncomingMessage, bytesMax: number): Promise<unknown> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > bytesMax) throw refused(`its body has more than ${bytesMax} bytes`)
    parts.push(part)
  }
  if (bytes === 0) return undefined
  const type = request.headers['content-type'] ?? ''
  if (!/^application\/json\s*(;|$)/i.test(type)) throw refused('its body is not application/json')
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'))
  } catch (error) {
    throw refused((error as Error).message)
  }
}

function refused(why: string): HotblockError {
  return new HotblockError('USAGE', `the control API refused the call: ${why}`)
}

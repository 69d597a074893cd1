/** Builds as they go on: server-sent events for pages and programs, plain lines for people with curl. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { hasEnded, type LiveBuild } from '../queue/build.ts'
import type { WebContext } from './context.ts'

const KEEP_ALIVE_MS = 15_000
/** The newest state is sent no more often. */
const STATE_MS = 250

/**
 * Events: `state` (a build as JSON) and `log` (one line each; the event's id is the line's number), then `end`. Who comes
 * again with Last-Event-ID goes on behind that line.
 * @throws NO_BUILD, BUSY
 */
export async function sendEvents(
  context: WebContext,
  request: FastifyRequest,
  reply: FastifyReply,
  id: number,
  shown: (build: LiveBuild) => unknown,
): Promise<void> {
  const { queue } = context.farm
  queue.get(id)
  const { raw, signal, end } = beginStream(context, reply, 'text/event-stream')
  let dirty = true
  let sentAt = 0
  const state = (): void => {
    if (!dirty || raw.destroyed || raw.writableNeedDrain) return
    dirty = false
    sentAt = performance.now()
    raw.write(`event: state\ndata: ${JSON.stringify(shown(queue.get(id)))}\n\n`)
  }
  const off = queue.onChange((build) => {
    if (build.id !== id) return
    dirty = true
    if (performance.now() - sentAt >= STATE_MS || hasEnded(build)) state()
  })
  const timer = setInterval(() => state(), STATE_MS)
  const alive = setInterval(() => {
    if (!raw.writableNeedDrain) raw.write(': still here\n\n')
  }, KEEP_ALIVE_MS)
  try {
    state()
    for await (const lines of queue.follow(id, lastEvent(request), signal)) {
      const text = lines.map((line) => `event: log\nid: ${line.number}\ndata: ${line.text}\n\n`).join('')
      if (!raw.write(text)) await once(raw, 'drain', { signal })
    }
    if (!signal.aborted) {
      dirty = true
      state()
      raw.write('event: end\ndata: {}\n\n')
    }
  } catch {
    // The build was forgotten, or whoever followed has gone.
  } finally {
    off()
    clearInterval(timer)
    clearInterval(alive)
    end()
  }
}

/** The log as text; with `follow` until the build has ended. @throws NO_BUILD, BUSY */
export async function sendLog(
  context: WebContext,
  reply: FastifyReply,
  id: number,
  follow: boolean,
): Promise<FastifyReply | undefined> {
  const { queue } = context.farm
  queue.get(id)
  if (!follow) {
    const lines = await queue.tail(id, 0)
    return reply.type('text/plain; charset=utf-8').send(lines.map(({ text }) => `${text}\n`).join(''))
  }
  const { raw, signal, end } = beginStream(context, reply, 'text/plain; charset=utf-8')
  try {
    for await (const lines of queue.follow(id, 0, signal)) {
      if (!raw.write(lines.map(({ text }) => `${text}\n`).join(''))) await once(raw, 'drain', { signal })
    }
  } catch {
    // The same.
  } finally {
    end()
  }
  return undefined
}

interface OpenStream {
  readonly raw: ServerResponse
  /** Aborted when the client has gone, or the farm ends. */
  readonly signal: AbortSignal
  end(): void
}

/** Takes an answer over that goes on for long. @throws BUSY where too many do */
function beginStream(context: WebContext, reply: FastifyReply, type: string): OpenStream {
  const free = context.waiters.take()
  reply.hijack()
  const { raw } = reply
  const gone = new AbortController()
  raw.on('error', () => {})
  raw.once('close', () => gone.abort())
  raw.writeHead(200, { ...headersOf(reply), 'content-type': type, 'cache-control': 'no-store' })
  const end = (): void => {
    free()
    raw.end()
  }
  return { raw, signal: AbortSignal.any([gone.signal, context.closing]), end }
}

/** Those that hooks have set: a hijacked answer does not get them by itself. */
function headersOf(reply: FastifyReply): Record<string, string> {
  return Object.fromEntries(Object.entries(reply.getHeaders()).map(([name, value]) => [name, String(value)]))
}

function lastEvent(request: FastifyRequest): number {
  const header = request.headers['last-event-id']
  const query = (request.query as { after?: unknown }).after
  const text = typeof header === 'string' ? header : String(query ?? '')
  return /^\d{1,12}$/.test(text) ? Number(text) : 0
}

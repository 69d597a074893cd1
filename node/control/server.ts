/** The control API's server: HTTP+JSON on HOME/control.sock. Who may open the socket may do everything. */
import { chmod, mkdir } from 'node:fs/promises'
import { HotblockError } from '../../protocols/errors.ts'
import type { Log } from '../../protocols/ports.ts'
import { checkName } from '../../protocols/records/name.ts'
import type { NodeApi } from '../api.ts'
import { ControlApp, type ControlReply, type Handler } from './app.ts'
import { checked, wanted } from './checked.ts'
import { addHookRoutes, addWaiting } from './job-routes.ts'
import { BODY_BYTES_MAX, bodies, HOSTS_BODY_BYTES_MAX } from './routes.ts'
import { claimSocket, daemonRunning, listenPrivately } from './socket.ts'
import { streamCall } from './stream.ts'

/** Runs a long call and streams its progress and its end; see streamCall. */
export type Streamed = <P, R>(
  reply: ControlReply,
  call: (progress: (p: P) => void, signal: AbortSignal) => Promise<R>,
) => Promise<void>

/** Adds routes of somebody else's to the control API, below a path of their own. */
export type ControlRoutes = (app: ControlApp, stream: Streamed) => void

export interface ControlServerInit {
  readonly home: string
  readonly api: NodeApi
  /** Routes beside the node's own; what they throw is answered as the node's own failures are. */
  readonly routes?: readonly ControlRoutes[] | undefined
  readonly log?: Log | undefined
}

export interface ControlServer {
  /** Path of the socket. */
  readonly path: string
  /** Cancels the long calls that run, and every call that comes later but stop. The socket stays. */
  cancel(): void
  /** Cancels what runs, closes all connections and removes the socket. Idempotent. */
  close(): Promise<void>
}

/**
 * Starts to serve.
 *
 * @throws DAEMON_RUNNING where another daemon serves this home; BAD_HOME where the socket's path is too long or the home
 * is no directory that can be written
 */
export async function startControlServer(init: ControlServerInit): Promise<ControlServer> {
  const { home, api, log, routes = [] } = init
  await mkdir(home, { recursive: true, mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    throw new HotblockError('BAD_HOME', `cannot make the home (${error.code}): ${home}`, { home }, error)
  })
  const path = await claimSocket(home)
  const closing = new AbortController()
  const before = (called: string): void => {
    if (called !== '/stop') closing.signal.throwIfAborted()
  }
  const app = new ControlApp({ bodyLimit: BODY_BYTES_MAX, before, log })
  addRoutes(app, api, log)
  const stream = streaming(closing.signal, log)
  addStreams(app, api, stream)
  addHookRoutes(app, api)
  addWaiting(app, api, stream)
  for (const add of routes) add(app, stream)
  await listen(app, path, home)
  log?.debug({ path }, 'the control socket is open')
  const cancel = () => closing.abort(new HotblockError('CANCELLED', 'the daemon is stopping'))
  let closed: Promise<void> | undefined
  return {
    path,
    cancel,
    close() {
      cancel()
      closed ??= app.close()
      return closed
    },
  }
}

async function listen(app: ControlApp, path: string, home: string): Promise<void> {
  await listenPrivately(app.server, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EADDRINUSE') throw daemonRunning(home)
    throw new HotblockError('BAD_HOME', `no socket can be made (${error.code}): ${path}`, { path }, error)
  })
  await chmod(path, 0o600)
}

function addRoutes(app: ControlApp, api: NodeApi, log: Log | undefined): void {
  app.get('/status', () => api.status())
  app.get('/peers', () => api.peers())
  app.get('/metrics', async (_request, reply) => {
    const text = await api.metrics()
    return reply.header('content-type', 'text/plain; version=0.0.4; charset=utf-8').send(text)
  })
  app.post('/images', (request) => api.images(checked(bodies.images, request)))
  app.post('/plan', (request) => api.plan(wanted(checked(bodies.named, request).name)))
  app.post('/prefetch', (request) => {
    const { names, priority } = checked(bodies.prefetch, request)
    return api.prefetch(
      names.map((name) => wanted(name)),
      { priority },
    )
  })
  const order: Handler = (request) => {
    const { names, hosts, priority } = checked(bodies.order, request)
    return api.order(
      names.map((name) => wanted(name)),
      hosts,
      { priority },
    )
  }
  app.post('/order', order, { bodyLimit: HOSTS_BODY_BYTES_MAX })
  app.post('/pin', (request) => {
    const { name, pinned } = checked(bodies.pin, request)
    return api.pin(wanted(name), pinned)
  })
  app.post('/remove', (request) => api.remove(wanted(checked(bodies.named, request).name)))
  app.post('/gc', (request) => {
    checked(bodies.empty, request)
    return api.gc()
  })
  app.post('/stop', (request, reply) => {
    checked(bodies.empty, request)
    // Stopping closes this server: the answer goes first.
    reply.raw.once('close', () => {
      api.stop().catch((err: unknown) => log?.error({ err }, 'stopping failed'))
    })
    return reply.header('connection', 'close').send({})
  })
}

export function streaming(closing: AbortSignal, log: Log | undefined): Streamed {
  return async (reply, call) => {
    reply.hijack()
    const failure = await streamCall(reply.raw, closing, call)
    if (failure?.code === 'INTERNAL') log?.error({ err: failure.cause ?? failure }, 'a control call failed')
  }
}

function addStreams(app: ControlApp, api: NodeApi, stream: Streamed): void {
  app.post('/publish', (request, reply) => {
    const { file, name, ...options } = checked(bodies.publish, request)
    checkName(name)
    return stream(reply, (progress, signal) => api.publish(file, name, options, progress, signal))
  })
  app.post('/fetch', (request, reply) => {
    const { name, ...options } = checked(bodies.fetch, request)
    wanted(name)
    return stream(reply, (progress, signal) => api.fetch(name, options, progress, signal))
  })
  for (const method of ['verify', 'repair'] as const) {
    app.post(`/${method}`, (request, reply) => {
      const { name } = checked(bodies.maybeNamed, request)
      if (name !== undefined) wanted(name)
      return stream(reply, (progress, signal) => api[method](name, progress, signal))
    })
  }
}

/** What hooks and jobs may ask: part of the control API, and all there is on the sockets of job-server.ts. */
import type { NodeApi } from '../api.ts'
import type { ControlApp } from './app.ts'
import { checked, wanted } from './checked.ts'
import { bodies, HOSTS_BODY_BYTES_MAX } from './routes.ts'
import type { Streamed } from './server.ts'

/** What a scheduler's hooks tell and ask. */
export function addHookRoutes(app: ControlApp, api: NodeApi): void {
  app.post('/hook', (request) => api.hook(checked(bodies.hook, request)), { bodyLimit: HOSTS_BODY_BYTES_MAX })
  addHeld(app, api)
}

/** What the hooks of any user may tell: that an image will be needed here. */
export function addOwnHook(app: ControlApp, api: NodeApi): void {
  app.post('/hook', (request) => api.hook({ ...checked(bodies.ownHook, request) }))
  addHeld(app, api)
}

function addHeld(app: ControlApp, api: NodeApi): void {
  app.post('/held', (request) => {
    checked(bodies.empty, request)
    return api.held()
  })
}

export function addWaiting(app: ControlApp, api: Pick<NodeApi, 'wait' | 'hold'>, stream: Streamed): void {
  app.post('/wait', (request, reply) => {
    const { name, timeoutSeconds } = checked(bodies.wait, request)
    wanted(name)
    return stream(reply, (progress, signal) => api.wait(name, { timeoutSeconds }, progress, signal))
  })
  app.post('/hold', (request, reply) => {
    const { name, ...options } = checked(bodies.hold, request)
    wanted(name)
    return stream(reply, (progress, signal) => api.hold(name, options, progress, signal))
  })
}

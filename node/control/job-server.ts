/**
 * Two sockets beside the control socket, for those who may not do everything:
 *
 *     hook socket    a scheduler that does not run as the daemon's user tells it of jobs. Who may enter the socket's directory
 *                    is who may use it: the socket gets the directory's group, and nobody else may open it
 *     job socket     every user of the machine: waits for images, holds those that a machine of the user's runs on, asks which
 *                    are here, says that one will be needed here
 */
import { chmod, chown, mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { HotblockError } from '../../protocols/errors.ts'
import type { Log } from '../../protocols/ports.ts'
import type { NodeApi } from '../api.ts'
import { ControlApp } from './app.ts'
import { addHookRoutes, addOwnHook, addWaiting } from './job-routes.ts'
import { BODY_BYTES_MAX } from './routes.ts'
import { streaming } from './server.ts'
import { listenPrivately, makeRoom, SOCKET_PATH_BYTES_MAX } from './socket.ts'

/** Those who are connected to one of the sockets at a time, and of them those who wait, or hold an image. */
export const CONNECTIONS_MAX = 1_024
export const WAITS_MAX = 512
const MODES = { hook: 0o660, job: 0o666 } as const

export interface JobServerInit {
  readonly kind: 'hook' | 'job'
  /** Absolute path of the socket; its directory is there, but a job socket's is made. */
  readonly path: string
  readonly api: NodeApi
  readonly log?: Log | undefined
}

/**
 * @returns ends it: what waits is cancelled, and the socket is gone
 * @throws DAEMON_RUNNING where another daemon answers there; BAD_CONFIG where no socket can be made
 */
export async function startJobServer({ kind, path, api, log }: JobServerInit): Promise<() => Promise<void>> {
  await claim(kind, path)
  const closing = new AbortController()
  const app = new ControlApp({ bodyLimit: BODY_BYTES_MAX, log })
  app.server.maxConnections = CONNECTIONS_MAX
  if (kind === 'hook') addHookRoutes(app, api)
  else {
    addOwnHook(app, api)
    addWaiting(app, limited(api), streaming(closing.signal, log))
  }
  try {
    await listenPrivately(app.server, path)
    const group = kind === 'hook' ? (await stat(dirname(path))).gid : undefined
    if (group !== undefined && group !== process.getgid?.()) await chown(path, process.getuid?.() ?? 0, group)
    await chmod(path, MODES[kind])
  } catch (error) {
    await app.close()
    const { code } = error as NodeJS.ErrnoException
    throw new HotblockError('BAD_CONFIG', `${kind}Socket: no socket can be made (${code}): ${path}`, { path }, error)
  }
  log?.debug({ path, kind }, 'a socket for jobs is open')
  return () => {
    closing.abort(new HotblockError('CANCELLED', 'the daemon is stopping'))
    return app.close()
  }
}

async function claim(kind: string, path: string): Promise<void> {
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
    throw new HotblockError('BAD_CONFIG', `${kind}Socket: the path is too long for a socket: ${path}`, { path })
  }
  const room = await makeRoom(path)
  if (room === 'living') throw new HotblockError('DAEMON_RUNNING', `a daemon answers at ${path}`, { path })
  if (room === 'other') {
    throw new HotblockError('BAD_CONFIG', `${kind}Socket: something else has that name: ${path}`, { path })
  }
  if (kind === 'job') await makeDirectory(dirname(path))
}

/** For all users; /run is empty after each boot. What cannot be made is found missing in a moment. */
async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { mode: 0o755 })
    await chmod(directory, 0o755)
  } catch {}
}

/** So many may wait at the same time, that users cannot use up the daemon. */
function limited(api: NodeApi): Pick<NodeApi, 'wait' | 'hold'> {
  let waiting = 0
  const counted = async <T>(call: () => Promise<T>): Promise<T> => {
    if (waiting >= WAITS_MAX) throw new HotblockError('BUSY', `${waiting} wait for images already`)
    waiting++
    try {
      return await call()
    } finally {
      waiting--
    }
  }
  return {
    wait: (...args) => counted(() => api.wait(...args)),
    hold: (...args) => counted(() => api.hold(...args)),
  }
}

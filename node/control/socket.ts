/** Where the control socket of a home is, whether a daemon answers there, and how a dead daemon's socket is removed. */
import { rm, stat } from 'node:fs/promises'
import { connect, type Server } from 'node:net'
import { join } from 'node:path'
import { HotblockError } from '../../protocols/errors.ts'

/** sun_path of a Unix socket's address has 108 bytes, the last a zero. Beyond it Node would cut the path silently. */
export const SOCKET_PATH_BYTES_MAX = 107
const PROBE_TIMEOUT_MS = 2000

/**
 * @param home absolute path of the home
 * @throws BAD_HOME where the path is too long for a socket
 */
export function socketPath(home: string): string {
  const path = join(home, 'control.sock')
  const bytes = Buffer.byteLength(path)
  if (bytes <= SOCKET_PATH_BYTES_MAX) return path
  throw new HotblockError(
    'BAD_HOME',
    `the path of the control socket has ${bytes} bytes, the system allows ${SOCKET_PATH_BYTES_MAX}; choose a shorter home: ${home}`,
    { home, bytes, bytesMax: SOCKET_PATH_BYTES_MAX },
  )
}

/** @throws BAD_HOME where the home is there and is no directory, cannot be reached, or has too long a path for its socket */
export async function checkHome(home: string): Promise<void> {
  socketPath(home)
  try {
    if ((await stat(home)).isDirectory()) return
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return
    throw new HotblockError('BAD_HOME', `${reason(code)}: ${home}`, { home }, error)
  }
  throw new HotblockError('BAD_HOME', `the home is not a directory: ${home}`, { home })
}

function reason(code: string | undefined): string {
  if (code === 'ENOTDIR') return 'a part of the path of the home is not a directory'
  if (code === 'EACCES') return 'no permission to enter the home'
  return `the home cannot be used (${code ?? 'unknown reason'})`
}

/** living: a daemon answers; dead: a socket that nobody listens on; absent: no socket. */
export type SocketState = 'living' | 'dead' | 'absent'

/** @throws BAD_HOME where something else than a socket has the name, or the user may not connect */
export async function probeSocket(path: string): Promise<SocketState> {
  const { promise, resolve, reject } = Promise.withResolvers<SocketState>()
  const socket = connect({ path })
  socket.setTimeout(PROBE_TIMEOUT_MS)
  socket.once('connect', () => resolve('living'))
  // A backlog that is full, or a daemon that is stopped, makes connecting wait: somebody is there all the same.
  socket.once('timeout', () => resolve('living'))
  socket.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') resolve('absent')
    else if (error.code === 'ECONNREFUSED') resolve('dead')
    else if (error.code === 'EAGAIN') resolve('living')
    else reject(new HotblockError('BAD_HOME', `no way to the control socket (${error.code}): ${path}`, { path }, error))
  })
  try {
    return await promise
  } finally {
    socket.destroy()
  }
}

/**
 * Makes room for a socket of our own: what a dead daemon left is removed. The caller has the home's lock (store/lock.ts), so
 * no other daemon of this home starts here at the same time.
 *
 * @returns living: a daemon answers there; other: something else than a socket has the name
 */
export async function makeRoom(path: string): Promise<'free' | 'living' | 'other'> {
  const state = await probeSocket(path)
  if (state === 'absent') return 'free'
  if (state === 'living') return 'living'
  const found = await stat(path).catch(ignoreMissing)
  if (found !== undefined && !found.isSocket()) return 'other'
  await rm(path, { force: true })
  return 'free'
}

/** Listens for the owner alone from the start: between listening and a chmod anybody could connect. */
export async function listenPrivately(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  const umask = process.umask(0o177)
  try {
    server.listen({ path }, resolve)
  } finally {
    process.umask(umask)
  }
  await promise
  server.off('error', reject)
}

/** @returns the path of the home's control socket @throws DAEMON_RUNNING where a daemon answers; BAD_HOME */
export async function claimSocket(home: string): Promise<string> {
  const path = socketPath(home)
  const room = await makeRoom(path)
  if (room === 'living') throw daemonRunning(home)
  if (room === 'other') throw new HotblockError('BAD_HOME', `control.sock is there and is no socket: ${path}`, { path })
  return path
}

export function daemonRunning(home: string): HotblockError {
  return new HotblockError('DAEMON_RUNNING', `a daemon is running in ${home}`, { home })
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
  return undefined
}

/**
 * One call over a daemon's socket: HTTP, as small as it can be, since a hook starts anew for each job. What answers may be
 * anything: nothing is believed, everything is bounded, and the deadline holds whatever happens.
 */
import { connect } from 'node:net'
import { FAILURES, type FailureCode, HotblockError } from '../../../protocols/errors.ts'

/** Of an answer, its head included. */
export const ANSWER_BYTES_MAX = 4 * 1024 * 1024
const HEAD_END = '\r\n\r\n'

export interface Call {
  readonly path: string
  readonly body: object
}

/**
 * @param socket path of the daemon's socket
 * @param ms the whole call takes no longer
 * @returns the answer's JSON
 * @throws NO_DAEMON, TIMEOUT, BUSY where too many ask, BAD_HOME where this user may not ask, BAD_MESSAGE where the answer
 *   makes no sense; what the daemon answered with
 */
export async function ask(socket: string, call: Call, ms: number): Promise<unknown> {
  return answerOf(await exchange(socket, requestOf(call), ms))
}

function requestOf({ path, body }: Call): Buffer {
  const json = Buffer.from(JSON.stringify(body))
  const head = `POST ${path} HTTP/1.1\r\nHost: hotblock\r\nContent-Type: application/json\r\n`
  return Buffer.concat([Buffer.from(`${head}Content-Length: ${json.length}\r\nConnection: close${HEAD_END}`), json])
}

/** @returns all that came until the other side ended, or until what its head announced was there */
function exchange(path: string, request: Buffer, ms: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const socket = connect({ path })
  const timer = setTimeout(
    () => reject(new HotblockError('TIMEOUT', `the daemon did not answer in ${Math.round(ms)} ms`)),
    ms,
  )
  const chunks: Buffer[] = []
  let bytes = 0
  let awaited = Number.POSITIVE_INFINITY
  socket.on('connect', () => socket.write(request))
  socket.on('data', (chunk) => {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > ANSWER_BYTES_MAX) reject(garbled())
    else if (awaited === Number.POSITIVE_INFINITY) awaited = announcedBytes(Buffer.concat(chunks))
    if (bytes >= awaited) resolve(Buffer.concat(chunks))
  })
  socket.on('end', () => resolve(Buffer.concat(chunks)))
  socket.on('error', (error: NodeJS.ErrnoException) => reject(unreachable(path, error)))
  return promise.finally(() => {
    clearTimeout(timer)
    socket.destroy()
  })
}

/** Bytes of the whole answer, once its head is here and says so. */
function announcedBytes(answer: Buffer): number {
  const end = answer.indexOf(HEAD_END)
  if (end === -1) return Number.POSITIVE_INFINITY
  const [, length] = /\r\ncontent-length: *(\d{1,9})\r\n/i.exec(answer.toString('latin1', 0, end + 2)) ?? []
  return length === undefined ? Number.POSITIVE_INFINITY : end + HEAD_END.length + Number(length)
}

function answerOf(answer: Buffer): unknown {
  const end = answer.indexOf(HEAD_END)
  const [, status] = /^HTTP\/1\.[01] (\d{3}) /.exec(answer.toString('latin1', 0, 16)) ?? []
  if (end === -1 || status === undefined) throw garbled()
  const awaited = announcedBytes(answer)
  // An answer of the daemon's always says how long it is; one that was cut off is none.
  if (awaited !== answer.length) throw garbled()
  let value: unknown
  try {
    value = JSON.parse(answer.toString('utf8', end + HEAD_END.length))
  } catch (error) {
    throw garbled(error)
  }
  if (status === '200') return value
  throw failureOf(value)
}

function failureOf(value: unknown): HotblockError {
  const { code, message } = (value as { error?: { code?: unknown; message?: unknown } } | null)?.error ?? {}
  if (typeof code !== 'string' || !Object.hasOwn(FAILURES, code) || typeof message !== 'string') return garbled()
  return new HotblockError(code as FailureCode, message.slice(0, 500))
}

function garbled(cause?: unknown): HotblockError {
  return new HotblockError('BAD_MESSAGE', 'what the daemon answered makes no sense', {}, cause)
}

function unreachable(path: string, error: NodeJS.ErrnoException): HotblockError {
  switch (error.code) {
    case 'EACCES':
    case 'EPERM':
    case 'ENOTDIR':
      return new HotblockError('BAD_HOME', `there is no way to the daemon's socket (${error.code}): ${path}`, {}, error)
    case 'EAGAIN':
      return new HotblockError('BUSY', `too many wait for the daemon's answer: ${path}`, {}, error)
    default:
      return new HotblockError('NO_DAEMON', `no daemon answers (${error.code ?? 'unknown reason'}): ${path}`, {}, error)
  }
}

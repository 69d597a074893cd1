/** The control API's client: a NodeApi whose daemon is at the other end of a home's socket. */
import { Pool } from 'undici'
import type { FailureCode, FailureData } from '../../protocols/errors.ts'
import { FAILURES, HotblockError } from '../../protocols/errors.ts'
import type {
  FetchReport,
  HeldReport,
  HookAnswer,
  ImageRow,
  NodeApi,
  OrderReport,
  PeerRow,
  PlanReport,
  PublishReport,
  RepairReport,
  StatusReport,
  VerifyReport,
  WaitReport,
} from '../api.ts'
import { linesOf } from './lines.ts'
import { ANSWER_BYTES_MAX } from './routes.ts'
import { probeSocket, socketPath } from './socket.ts'

/** A call that does not stream is answered within this, or it fails with TIMEOUT. */
export const CALL_TIMEOUT_MS_DEFAULT = 120_000
/** A daemon that stops has closed its socket within this. */
export const STOP_TIMEOUT_MS_DEFAULT = 30_000
const STOP_POLL_MS = 50
/** What the system and undici call a daemon that ends before its answer does. */
const CUT_OFF = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH'])
const CONNECTIONS_MAX = 8

export interface ControlClientOptions {
  readonly callTimeoutMs?: number | undefined
  readonly stopTimeoutMs?: number | undefined
  /** Another socket of the daemon's than the control socket in its home. */
  readonly socket?: string | undefined
  /** Aborts every call that is under way, with CANCELLED. */
  readonly signal?: AbortSignal | undefined
}

/** Routes that are not the node's own, such as those of a farm. */
export interface OtherRoutes {
  call<R>(path: string, body: object): Promise<R>
  stream<P, R>(path: string, body: object, progress: (p: P) => void, signal?: AbortSignal): Promise<R>
}

export interface ControlClient extends NodeApi {
  readonly others: OtherRoutes
  /** Resolves when the daemon's socket is gone. */
  stop(): Promise<void>
  /** Gives up the connections. */
  close(): Promise<void>
}

/**
 * @param home absolute path of the daemon's home
 * @throws BAD_HOME where the socket's path would be too long; every method: NO_DAEMON where nobody answers, TIMEOUT,
 * INTERNAL where the answer makes no sense, and what the daemon's own method fails with
 */
export function connectControl(home: string, options: ControlClientOptions = {}): ControlClient {
  const caller = new Caller(home, options)
  return {
    publish: (file, name, { cut, blockBytes }, progress, signal) =>
      caller.stream<PublishReport>('/publish', { file, name, cut, blockBytes }, progress, signal),
    images: ({ mesh }) => caller.call<ImageRow[]>('POST', '/images', { mesh }, Array.isArray),
    plan: (name) => caller.call<PlanReport>('POST', '/plan', { name }),
    fetch: (name, { output, timeoutSeconds }, progress, signal) =>
      caller.stream<FetchReport>('/fetch', { name, output, timeoutSeconds }, progress, signal),
    hold: (name, options, progress, signal) => caller.stream<never>('/hold', { name, ...options }, progress, signal),
    prefetch: (names, { priority } = {}) => caller.call('POST', '/prefetch', { names, priority }),
    order: (names, hosts, { priority }) => caller.call<OrderReport>('POST', '/order', { names, hosts, priority }),
    hook: (call) => caller.call<HookAnswer>('POST', '/hook', call),
    held: () => caller.call<HeldReport>('POST', '/held', {}),
    wait: (name, { timeoutSeconds }, progress, signal) =>
      caller.stream<WaitReport>('/wait', { name, timeoutSeconds }, progress, signal),
    status: () => caller.call<StatusReport>('GET', '/status'),
    peers: () => caller.call<PeerRow[]>('GET', '/peers', undefined, Array.isArray),
    verify: (name, progress, signal) => caller.stream<VerifyReport>('/verify', { name }, progress, signal),
    repair: (name, progress, signal) => caller.stream<RepairReport>('/repair', { name }, progress, signal),
    pin: (name, pinned) => caller.call<ImageRow>('POST', '/pin', { name, pinned }),
    remove: (name) => caller.call('POST', '/remove', { name }),
    gc: () => caller.call('POST', '/gc', {}),
    metrics: () => caller.text('/metrics'),
    others: {
      call: (path, body) => caller.call('POST', path, body),
      stream: (path, body, progress, signal) => caller.stream(path, body, progress, signal),
    },
    stop: () => caller.stop(),
    close: () => caller.close(),
  }
}

class Caller {
  readonly #home: string
  readonly #path: string
  readonly #pool: Pool
  readonly #callTimeoutMs: number
  readonly #stopTimeoutMs: number
  readonly #signal: AbortSignal | undefined

  constructor(home: string, options: ControlClientOptions) {
    this.#home = home
    this.#path = options.socket ?? socketPath(home)
    this.#callTimeoutMs = options.callTimeoutMs ?? CALL_TIMEOUT_MS_DEFAULT
    this.#stopTimeoutMs = options.stopTimeoutMs ?? STOP_TIMEOUT_MS_DEFAULT
    this.#signal = options.signal
    // The calls' own signals are the time-outs; undici's would cut a long call that has nothing to say.
    this.#pool = new Pool('http://hotblock', {
      connect: { socketPath: this.#path },
      connections: CONNECTIONS_MAX,
      headersTimeout: 0,
      bodyTimeout: 0,
      maxResponseSize: ANSWER_BYTES_MAX,
    })
  }

  async call<R>(
    method: 'GET' | 'POST',
    path: string,
    body?: object,
    fits: (value: unknown) => boolean = isObject,
  ): Promise<R> {
    const value = parsed(await this.#short(method, path, body), path)
    if (!fits(value)) throw malformed(path)
    return value as R
  }

  text(path: string): Promise<string> {
    return this.#short('GET', path)
  }

  async stream<R>(
    path: string,
    body: object,
    progress: (p: never) => void,
    signal: AbortSignal | undefined,
  ): Promise<R> {
    const ending = any([signal, this.#signal])
    try {
      const response = await this.#request('POST', path, body, ending)
      for await (const line of linesOf(response.body, ANSWER_BYTES_MAX)) {
        const value = parsed(line, path)
        if (!isObject(value)) throw malformed(path)
        if (isObject(value.progress)) progress(value.progress as never)
        else if (isObject(value.error)) throw failureOf(value.error, path)
        else if (isObject(value.result)) return value.result as R
        else throw malformed(path)
      }
    } catch (thrown) {
      throw this.#explained(thrown, ending, undefined)
    }
    throw this.#gone()
  }

  async stop(): Promise<void> {
    await this.call('POST', '/stop', {})
    const attempts = Math.ceil(this.#stopTimeoutMs / STOP_POLL_MS)
    for (let i = 0; i < attempts; i++) {
      if ((await probeSocket(this.#path)) !== 'living') return
      await new Promise((resolve) => setTimeout(resolve, STOP_POLL_MS))
    }
    throw new HotblockError('TIMEOUT', `the daemon of ${this.#home} has not stopped yet`, { home: this.#home })
  }

  async close(): Promise<void> {
    await this.#pool.destroy()
  }

  async #short(method: 'GET' | 'POST', path: string, body?: object): Promise<string> {
    const timeout = AbortSignal.timeout(this.#callTimeoutMs)
    const ending = any([this.#signal, timeout])
    try {
      const response = await this.#request(method, path, body, ending)
      return await response.body.text()
    } catch (thrown) {
      throw this.#explained(thrown, ending, timeout)
    }
  }

  /** @returns a response of status 200; others are thrown as the failure that they carry */
  async #request(method: 'GET' | 'POST', path: string, body: object | undefined, signal: AbortSignal) {
    const response = await this.#pool.request({
      method,
      path,
      signal,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
    if (response.statusCode === 200) return response
    const value = parsed((await response.body.text()).trimEnd(), path)
    throw isObject(value) && isObject(value.error) ? failureOf(value.error, path) : malformed(path)
  }

  #explained(thrown: unknown, ending: AbortSignal, timeout: AbortSignal | undefined): HotblockError {
    if (thrown instanceof HotblockError) return thrown
    const home = this.#home
    if (timeout?.aborted) {
      return new HotblockError('TIMEOUT', `the daemon of ${home} did not answer in ${this.#callTimeoutMs} ms`, { home })
    }
    if (ending.aborted) return new HotblockError('CANCELLED', 'stopped on request', {}, thrown)
    const { code } = thrown as { code?: string }
    if (code === 'ENOENT' || code === 'ECONNREFUSED') {
      return new HotblockError('NO_DAEMON', `no daemon is running in ${home}`, { home }, thrown)
    }
    if (code === 'ENOTDIR')
      return new HotblockError('BAD_HOME', `the home is not a directory: ${home}`, { home }, thrown)
    if (code === 'EACCES' || code === 'EPERM') {
      return new HotblockError('BAD_HOME', `no permission to use the daemon of ${home}`, { home }, thrown)
    }
    if (code !== undefined && CUT_OFF.has(code)) return this.#gone(thrown)
    const message = thrown instanceof Error ? thrown.message : String(thrown)
    return new HotblockError('INTERNAL', `the call to the daemon failed: ${message}`, { home }, thrown)
  }

  #gone(cause?: unknown): HotblockError {
    const home = this.#home
    return new HotblockError('NO_DAEMON', `the daemon of ${home} went away during the call`, { home }, cause)
  }
}

function parsed(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw malformed(path, error)
  }
}

function malformed(path: string, cause?: unknown): HotblockError {
  return new HotblockError('INTERNAL', `the daemon's answer to ${path} makes no sense`, { path }, cause)
}

/** The failure that an answer carries; one whose code is unknown (another version's daemon) is malformed. */
function failureOf(error: Record<string, unknown>, path: string): HotblockError {
  const { code, message, data } = error
  if (typeof code !== 'string' || !Object.hasOwn(FAILURES, code) || typeof message !== 'string') return malformed(path)
  return new HotblockError(code as FailureCode, message, isObject(data) ? (data as FailureData) : {})
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function any(signals: (AbortSignal | undefined)[]): AbortSignal {
  return AbortSignal.any(signals.filter((signal) => signal !== undefined))
}

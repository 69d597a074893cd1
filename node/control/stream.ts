/** The server's side of a long call: lines of JSON, written no faster than the client reads them. */
import type { ServerResponse } from 'node:http'
import { asHotblockError, HotblockError } from '../../protocols/errors.ts'
import { NDJSON } from './routes.ts'

/** Progress is for people: more lines a second than this help nobody. */
export const PROGRESS_INTERVAL_MS = 100

/**
 * Runs a call and streams its progress and its end. Of progress only the newest is kept while the client is slow, so
 * nothing piles up. The call's signal aborts when the client goes away or `closing` aborts.
 *
 * @param response a hijacked response; ended when this resolves
 * @param closing aborts when the server closes
 * @returns what the call failed with, if it failed
 */
export async function streamCall<P, R>(
  response: ServerResponse,
  closing: AbortSignal,
  call: (progress: (p: P) => void, signal: AbortSignal) => Promise<R>,
): Promise<HotblockError | undefined> {
  const gone = new AbortController()
  const onClose = () => gone.abort(new HotblockError('CANCELLED', 'the client went away'))
  response.once('close', onClose)
  // A client that resets the connection makes writing fail; 'close' follows and is what counts.
  response.on('error', () => {})
  const progress = new ProgressLines<P>(response)
  let failure: HotblockError | undefined
  let last: string
  try {
    const result = await call((p) => progress.put(p), AbortSignal.any([gone.signal, closing]))
    last = line({ result })
  } catch (thrown) {
    failure = asHotblockError(thrown)
    last = line({ error: failure })
  }
  progress.stop()
  response.off('close', onClose)
  if (!response.headersSent && !response.destroyed) {
    response.writeHead(failure?.http ?? 200, { 'content-type': NDJSON })
  }
  response.end(last)
  return failure
}

class ProgressLines<P> {
  readonly #response: ServerResponse
  #newest: P | undefined
  #timer: NodeJS.Timeout | undefined
  #blocked = false
  #stopped = false

  constructor(response: ServerResponse) {
    this.#response = response
  }

  put(p: P): void {
    if (this.#stopped) return
    this.#newest = p
    if (this.#timer === undefined && !this.#blocked) this.#write()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    // The last progress says that it is done; it is not withheld for having come soon after another.
    if (!this.#blocked) this.#write()
  }

  #write(): void {
    this.#timer = undefined
    if (this.#newest === undefined || this.#response.destroyed) return
    if (!this.#response.headersSent) this.#response.writeHead(200, { 'content-type': NDJSON })
    const room = this.#response.write(line({ progress: this.#newest }))
    this.#newest = undefined
    if (this.#stopped) return
    if (room) {
      this.#timer = setTimeout(() => this.#write(), PROGRESS_INTERVAL_MS)
    } else {
      this.#blocked = true
      this.#response.once('drain', () => {
        this.#blocked = false
        if (!this.#stopped) this.#write()
      })
    }
  }
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`
}

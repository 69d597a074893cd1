/**
 * The providers protocol: who provides which keys, kept by the peers that are closest to each key.
 *
 * Participants: any node that looks for or provides keys (asker), and the nodes that are responsible for them (server).
 * Goals: many keys a message, one stream a peer; withdrawal; short-lived records; bounded, capped, random answers.
 * Non-goals: routing, which is kad-dht's; proof that a provider has what it says, which is the block exchange's.
 * Messages and limits: messages.ts, constants.ts. A peer that breaks them loses the stream and is reported.
 */
import type { Connection, Stream } from '@libp2p/interface'
import { HotblockError } from '../errors.ts'
import type { Clock, Random } from '../ports.ts'
import { IDLE_TIMEOUT_MS, MESSAGES_PER_STREAM_MAX, REQUEST_BYTES_MAX } from './constants.ts'
import { keyText } from './discovery.ts'
import { framed, framingFailure } from './framing.ts'
import { decodeRequest, encodeAdded, encodeFound, encodeRemoved, type Request } from './messages.ts'
import { addProvider, getProviders, type ProviderState, removeProvider } from './provider-store.ts'

/** What a peer may ask about: this many keys at once, and so many a second in the long run. */
const KEYS_BURST_MAX = 256 * 1024
const KEYS_PER_SECOND_MAX = 16 * 1024
const BUDGETS_MAX = 4096

export interface ServerInit {
  readonly providers: ProviderState
  readonly clock: Clock
  readonly random: Random
  readonly onOffence: (peer: string, code: 'BAD_MESSAGE') => void
  /** Told of each peer whose provider records were added, renewed or removed. */
  readonly onChange?: (peer: string) => void
}

export class ProvidersServer {
  readonly #init: ServerInit
  readonly #budgets = new Map<string, { keys: number; at: number }>()

  constructor(init: ServerInit) {
    this.#init = init
  }

  /** Serves one stream to its end. */
  async serve(stream: Stream, connection: Connection): Promise<void> {
    const peer = connection.remotePeer.toString()
    const frames = framed(stream, REQUEST_BYTES_MAX)
    try {
      for (let messages = 0; messages < MESSAGES_PER_STREAM_MAX; messages++) {
        const signal = AbortSignal.timeout(IDLE_TIMEOUT_MS)
        const bytes = await frames.read({ signal }).catch((error: Error) => {
          if (error.name === 'UnexpectedEOFError') return undefined
          throw error
        })
        if (bytes === undefined) break
        await frames.write(this.answer(peer, decodeRequest(bytes.subarray())), { signal })
      }
      await stream.close({ signal: AbortSignal.timeout(IDLE_TIMEOUT_MS) })
    } catch (error) {
      const failure = framingFailure(error)
      stream.abort(failure)
      if (failure.code === 'BAD_MESSAGE') this.#init.onOffence(peer, 'BAD_MESSAGE')
    }
  }

  /** @throws BAD_MESSAGE for a flood */
  answer(peer: string, request: Request): Uint8Array {
    const { providers, clock, random } = this.#init
    const now = clock.now()
    this.#charge(peer, request.keys.length, now)
    const keys = request.keys.map(keyText)
    switch (request.kind) {
      case 'add':
        this.#init.onChange?.(peer)
        return encodeAdded(addProvider(providers, { peer, addresses: request.addresses, keys }, now))
      case 'remove':
        this.#init.onChange?.(peer)
        removeProvider(providers, { peer, keys })
        return encodeRemoved()
      case 'get':
        return encodeFound(
          keys.map((key) => getProviders(providers, { key, limit: request.limit, except: peer }, now, random)),
        )
    }
  }

  #charge(peer: string, keys: number, now: number): void {
    const budget = this.#budgets.get(peer) ?? { keys: KEYS_BURST_MAX, at: now }
    budget.keys = Math.min(KEYS_BURST_MAX, budget.keys + ((now - budget.at) / 1000) * KEYS_PER_SECOND_MAX) - keys - 1
    budget.at = now
    this.#budgets.delete(peer)
    this.#budgets.set(peer, budget)
    if (this.#budgets.size > BUDGETS_MAX) this.#budgets.delete(this.#budgets.keys().next().value!)
    if (budget.keys < 0) throw new HotblockError('BAD_MESSAGE', 'a peer floods the providers protocol', { peer })
  }
}

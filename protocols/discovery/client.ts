/** The asking side of the providers protocol. */
import type { Libp2p, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import {
  ANSWER_BYTES_MAX,
  KEYS_PER_MESSAGE_MAX,
  MESSAGES_PER_STREAM_MAX,
  PROVIDERS_PROTOCOL,
  STREAMS_PER_PEER_MAX,
} from './constants.ts'
import { framed, framingFailure } from './framing.ts'
import { encodeRequest, type Request } from './messages.ts'

/** Streams to one peer: how many are open, and who waits for one of them to end. */
interface Gate {
  open: number
  readonly waiting: Set<{ enter(): void; fail(error: unknown): void }>
}

export class ProvidersClient {
  readonly #libp2p: Libp2p
  readonly #gates = new Map<string, Gate>()

  constructor(libp2p: Libp2p) {
    this.#libp2p = libp2p
  }

  /**
   * Sends requests to a peer, on one stream, and hands over each answer as it comes, so that what came before a time-out
   * counts and nothing piles up.
   * @param signal the caller's; it ends the attempt
   * @param timeoutMs counts from the turn at this peer
   * @param take gets the answer's bytes and the request's index; what it throws ends the stream
   * @throws BAD_MESSAGE where the peer breaks the protocol, INTERNAL for what libp2p throws: no connection, no answer
   */
  async ask(
    peer: string,
    requests: readonly Request[],
    signal: AbortSignal,
    timeoutMs: number,
    take: (answer: Uint8Array, at: number) => void,
  ): Promise<void> {
    signal.throwIfAborted()
    const gate = this.#gates.get(peer) ?? { open: 0, waiting: new Set() }
    this.#gates.set(peer, gate)
    // A peer refuses streams past its limit: many look-ups at once must not make it look dead.
    if (gate.open < STREAMS_PER_PEER_MAX) gate.open += 1
    else await turnAt(gate, signal)
    try {
      const within = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
      await ask(this.#libp2p, peer, requests.slice(0, MESSAGES_PER_STREAM_MAX), within, take)
    } catch (error) {
      // Those who wait would each find out for themselves, one time-out after the other.
      if (!signal.aborted) for (const one of [...gate.waiting]) one.fail(error)
      throw error
    } finally {
      const [next] = gate.waiting
      if (next !== undefined) next.enter()
      else gate.open -= 1
      if (gate.open === 0) this.#gates.delete(peer)
    }
  }
}

/** Resolves when an open stream has ended, whose place is then this one's. */
function turnAt(gate: Gate, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const leave = (): void => {
    gate.waiting.delete(waiter)
    signal.removeEventListener('abort', onAbort)
  }
  const waiter = {
    enter(): void {
      leave()
      resolve()
    },
    fail(error: unknown): void {
      leave()
      reject(error)
    },
  }
  const onAbort = (): void => waiter.fail(signal.reason)
  signal.addEventListener('abort', onAbort)
  gate.waiting.add(waiter)
  return promise
}

async function ask(
  libp2p: Libp2p,
  peer: string,
  requests: readonly Request[],
  signal: AbortSignal,
  take: (answer: Uint8Array, at: number) => void,
): Promise<void> {
  let stream: Stream | undefined
  try {
    signal.throwIfAborted()
    stream = await libp2p.dialProtocol(peerIdFromString(peer), PROVIDERS_PROTOCOL, { signal })
    const frames = framed(stream, ANSWER_BYTES_MAX)
    for (const [at, request] of requests.entries()) {
      await frames.write(encodeRequest(request), { signal })
      take((await frames.read({ signal })).subarray(), at)
    }
    await stream.close({ signal })
  } catch (error) {
    const failure = framingFailure(error)
    stream?.abort(failure)
    throw failure
  }
}

/** Keys in as many messages as they need. */
export function batches<T>(keys: readonly T[]): T[][] {
  const most = Math.min(keys.length, KEYS_PER_MESSAGE_MAX * MESSAGES_PER_STREAM_MAX)
  return Array.from({ length: Math.ceil(most / KEYS_PER_MESSAGE_MAX) }, (_, i) => {
    return keys.slice(i * KEYS_PER_MESSAGE_MAX, Math.min(most, (i + 1) * KEYS_PER_MESSAGE_MAX))
  })
}

/** Runs a task for each item, so many at a time. */
export async function forEachParallel<T>(items: Iterable<T>, most: number, task: (item: T) => Promise<void>) {
  const queue = items[Symbol.iterator]()
  const worker = async (): Promise<void> => {
    for (let next = queue.next(); !next.done; next = queue.next()) await task(next.value)
  }
  await Promise.all(Array.from({ length: most }, worker))
}

/** The asking side of the providers protocol. */
import type { Libp2p, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { lpStream } from '@libp2p/utils'
import { ANSWER_BYTES_MAX, KEYS_PER_MESSAGE_MAX, MESSAGES_PER_STREAM_MAX, PROVIDERS_PROTOCOL } from './constants.ts'
import { encodeRequest, type Request } from './messages.ts'

/**
 * Sends requests to a peer, on one stream, and takes the answers.
 * @param signal ends the attempt; the time-out is the caller's
 * @returns the answers' bytes, one a request
 * @throws whatever libp2p throws: no connection, no answer, another protocol
 */
export async function ask(
  libp2p: Libp2p,
  peer: string,
  requests: readonly Request[],
  signal: AbortSignal,
): Promise<Uint8Array[]> {
  const answers: Uint8Array[] = []
  let stream: Stream | undefined
  try {
    stream = await libp2p.dialProtocol(peerIdFromString(peer), PROVIDERS_PROTOCOL, { signal })
    const lp = lpStream(stream, { maxDataLength: ANSWER_BYTES_MAX, maxBufferSize: 2 * ANSWER_BYTES_MAX })
    for (const request of requests.slice(0, MESSAGES_PER_STREAM_MAX)) {
      await lp.write(encodeRequest(request), { signal })
      answers.push((await lp.read({ signal })).subarray())
    }
    await stream.close({ signal })
    return answers
  } catch (error) {
    stream?.abort(error instanceof Error ? error : new Error(String(error)))
    throw error
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

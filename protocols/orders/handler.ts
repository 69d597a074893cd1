/**
 * The orders protocol: the node beside a scheduler tells others which images they will need.
 *
 * Participants: a scheduler's node, which dials others by their host's address, and any node that has its peer id among
 * the schedulers that it obeys.
 * Goals: an order is known within a connection's time; whoever is no scheduler's can order nothing.
 * Non-goals: news of how the fetch goes; orders to nodes that are off (what a node needs, its own hook tells it again).
 * Messages and limits: messages.ts, constants.ts.
 * Offences: BAD_MESSAGE. To order without being a scheduler's is refused and logged, but none: a setting may be missing.
 */
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'
import { asHotblockError, HotblockError } from '../errors.ts'
import type { Clock, Log } from '../ports.ts'
import {
  ANSWER_BYTES_MAX,
  IDLE_TIMEOUT_MS,
  ORDER_BYTES_MAX,
  ORDERS_BURST_MAX,
  ORDERS_PER_SECOND_MAX,
  ORDERS_PROTOCOL,
  PEERS_REMEMBERED_MAX,
  REFUSAL_LOG_MS,
  STREAMS_IN_MAX,
  STREAMS_OUT_MAX,
} from './constants.ts'
import { decodeOrder, decodeResult, encodeOrder, encodeResult, type Order, type OrderResult } from './messages.ts'

export interface OrderHandlerInit {
  /** Peer ids of the schedulers' nodes that are obeyed. */
  readonly schedulers: ReadonlySet<string>
  /** Remembers what is ordered. May reject: the order is answered as failed then. */
  readonly take: (order: Order, peer: string) => Promise<void>
  readonly onOffence: (peer: string, code: 'BAD_MESSAGE') => void
  readonly clock: Clock
  readonly log: Log
}

export interface OrderCounters {
  /** Orders that were taken, and those that were not, since the start. */
  taken: number
  refused: number
}

/** Obeys orders that come. To be called before the host starts. @returns how many came, and what ends it */
export async function handleOrders(
  libp2p: Libp2p,
  init: OrderHandlerInit,
): Promise<{ counters: OrderCounters; unhandle: () => Promise<void> }> {
  const counters: OrderCounters = { taken: 0, refused: 0 }
  const gate = new OrderGate(init)
  const handler = async (stream: Stream, connection: Connection): Promise<void> => {
    const peer = connection.remotePeer.toString()
    const signal = AbortSignal.timeout(IDLE_TIMEOUT_MS)
    try {
      const frames = lpStream(stream, { maxDataLength: ORDER_BYTES_MAX, maxBufferSize: 2 * ORDER_BYTES_MAX })
      const result = await gate.answer(peer, (await frames.read({ signal })).subarray())
      counters[result === 'taken' ? 'taken' : 'refused']++
      await frames.write(encodeResult(result), { signal })
      await stream.close({ signal })
    } catch (error) {
      const failure = framingFailure(error)
      stream.abort(failure)
      if (failure.code === 'BAD_MESSAGE') init.onOffence(peer, 'BAD_MESSAGE')
    }
  }
  await libp2p.handle(ORDERS_PROTOCOL, handler, {
    maxInboundStreams: STREAMS_IN_MAX,
    maxOutboundStreams: STREAMS_OUT_MAX,
  })
  return { counters, unhandle: () => libp2p.unhandle(ORDERS_PROTOCOL) }
}

/** Who may order, and how much. */
export class OrderGate {
  readonly #init: OrderHandlerInit
  readonly #budgets = new Map<string, { orders: number; at: number }>()
  readonly #saidAt = new Map<string, number>()

  constructor(init: OrderHandlerInit) {
    this.#init = init
  }

  /** @throws BAD_MESSAGE for what is no order; who may order nothing may not even make this node read it */
  async answer(peer: string, bytes: Uint8Array): Promise<OrderResult> {
    const { schedulers, take, log } = this.#init
    if (!schedulers.has(peer)) {
      this.#refused(peer)
      return 'untrusted'
    }
    if (!this.#charge(peer)) return 'busy'
    const order = decodeOrder(bytes)
    try {
      await take(order, peer)
      return 'taken'
    } catch (thrown) {
      const { code, message } = asHotblockError(thrown)
      log.warn({ peer, job: order.job, code, error: message }, 'an order could not be taken')
      return 'failed'
    }
  }

  #charge(peer: string): boolean {
    const now = this.#init.clock.now()
    const budget = this.#budgets.get(peer) ?? { orders: ORDERS_BURST_MAX, at: now }
    budget.orders = Math.min(ORDERS_BURST_MAX, budget.orders + ((now - budget.at) / 1000) * ORDERS_PER_SECOND_MAX)
    budget.at = now
    this.#budgets.set(peer, budget)
    if (budget.orders < 1) return false
    budget.orders -= 1
    return true
  }

  #refused(peer: string): void {
    const now = this.#init.clock.now()
    if (now - (this.#saidAt.get(peer) ?? Number.NEGATIVE_INFINITY) < REFUSAL_LOG_MS) return
    this.#saidAt.delete(peer)
    this.#saidAt.set(peer, now)
    if (this.#saidAt.size > PEERS_REMEMBERED_MAX) this.#saidAt.delete(this.#saidAt.keys().next().value!)
    this.#init.log.warn(
      { peer, code: 'UNTRUSTED' },
      'a peer that is none of the schedulers gave an order; it is refused',
    )
  }
}

/**
 * Gives an order to a peer.
 *
 * @returns what the node made of it
 * @throws BAD_MESSAGE where the peer breaks the protocol; what libp2p throws where it cannot be reached
 */
export async function sendOrder(connection: Connection, order: Order, signal: AbortSignal): Promise<OrderResult> {
  const stream = await connection.newStream(ORDERS_PROTOCOL, { signal })
  try {
    const frames = lpStream(stream, { maxDataLength: ANSWER_BYTES_MAX, maxBufferSize: 2 * ANSWER_BYTES_MAX })
    await frames.write(encodeOrder(order), { signal })
    const result = decodeResult((await frames.read({ signal })).subarray())
    await stream.close({ signal })
    return result
  } catch (error) {
    const failure = framingFailure(error)
    stream.abort(failure)
    throw failure
  }
}

const BROKEN = new Set([
  'InvalidDataLengthError',
  'InvalidDataLengthLengthError',
  'InvalidMessageLengthError',
  'StreamBufferError',
])

function framingFailure(error: unknown): HotblockError {
  if (error instanceof Error && BROKEN.has(error.name)) {
    return new HotblockError('BAD_MESSAGE', `orders protocol: ${error.message}`, {}, error)
  }
  return asHotblockError(error)
}

/**
 * The push of records: within a second of its publishing a record is known on every node of a connected mesh.
 *
 * Participants: two connected peers, each pushes to the other.
 * Goals: on a new connection each side sends what it has (the newest first); afterwards each sends on what is news to it
 * to all connected peers at once, except where it came from. Only records of builders that the sender trusts are in its
 * book, so only those travel.
 * Non-goals: answers, acknowledgements, gap-free history. What a push misses, the next connection or the DHT brings.
 * Messages: a stream is a series of frames, each one record, and then its end. See messages.ts.
 * Limits: constants.ts; a stream's records, bytes and time, and each peer's records a second.
 * Offences: BAD_RECORD (forged or malformed), BAD_MESSAGE (broken frames, a flood). A stale record is none: it happens
 * when two pushes cross, and is answered with the newer record. Neither is one of a builder that is not trusted here.
 */
import type { Connection, Libp2p, PeerId, Stream } from '@libp2p/interface'
import { messageStreamToDuplex } from '@libp2p/utils'
import { pipe } from 'it-pipe'
import { asHotblockError, type FailureCode, HotblockError } from '../../errors.ts'
import { type Log, silentLog } from '../../ports.ts'
import type { HeldRecord, RecordBook } from '../book.ts'
import { peekRecord } from '../record.ts'
import {
  BUDGETS_MAX,
  PUSH_PROTOCOL,
  RECORDS_BURST_MAX,
  RECORDS_EXCHANGE_MAX,
  RECORDS_PER_SECOND_MAX,
  RECORDS_PER_STREAM_MAX,
  REFUSAL_LOG_MS,
  RETRY_MS,
  STREAM_TIMEOUT_MS,
  STREAMS_IN_MAX,
  STREAMS_OUT_MAX,
} from './constants.ts'
import { decodeFrames, encodeFrames, STREAM_BYTES_MAX } from './messages.ts'

export interface PushInit {
  readonly libp2p: Libp2p
  readonly book: RecordBook
  /** Told of each offence of a peer, with its code: BAD_RECORD or BAD_MESSAGE. */
  readonly onOffence?: (peer: string, code: 'BAD_RECORD' | 'BAD_MESSAGE') => void
  readonly log?: Log
}

/** What is still to be sent to a connected peer; one stream at a time, later versions replace earlier ones. */
interface Receiver {
  readonly id: PeerId
  readonly due: Set<string>
  sending: boolean
}

/** What a peer may still send. Kept apart from the receivers: who sends need not be one who says that it receives. */
interface Budget {
  tokens: number
  refilledAt: number
  /** When the log last said that a record of this peer was not taken, by why. */
  saidAt: Partial<Record<FailureCode, number>>
}

export class RecordPush {
  readonly #libp2p: Libp2p
  readonly #book: RecordBook
  readonly #onOffence: (peer: string, code: 'BAD_RECORD' | 'BAD_MESSAGE') => void
  readonly #log: Log
  readonly #peers = new Map<string, Receiver>()
  readonly #budgets = new Map<string, Budget>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #topology: string | undefined
  #unlisten: (() => void) | undefined
  #running = false

  constructor(init: PushInit) {
    this.#libp2p = init.libp2p
    this.#book = init.book
    this.#onOffence = init.onOffence ?? (() => {})
    this.#log = init.log ?? silentLog
  }

  /** To be called before the host starts, so that the first identify names the protocol. */
  async start(): Promise<void> {
    this.#running = true
    await this.#libp2p.handle(PUSH_PROTOCOL, (stream, connection) => this.#receive(stream, connection), {
      maxInboundStreams: STREAMS_IN_MAX,
      maxOutboundStreams: STREAMS_OUT_MAX,
    })
    this.#topology = await this.#libp2p.register(PUSH_PROTOCOL, {
      onConnect: (peer) => this.#greet(peer),
    })
    // A topology is not told of the end of a peer that has left the peer store in the meantime.
    this.#libp2p.addEventListener('peer:disconnect', this.#onDisconnect)
    this.#unlisten = this.#book.onChange((held, from) => this.#spread(held, from))
  }

  async stop(): Promise<void> {
    this.#running = false
    this.#unlisten?.()
    this.#libp2p.removeEventListener('peer:disconnect', this.#onDisconnect)
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    this.#peers.clear()
    if (this.#topology !== undefined) this.#libp2p.unregister(this.#topology)
    await this.#libp2p.unhandle(PUSH_PROTOCOL)
  }

  readonly #onDisconnect = (event: CustomEvent<PeerId>): void => {
    this.#peers.delete(event.detail.toString())
  }

  #greet(id: PeerId): void {
    // Identify may end after the connection has.
    if (!this.#running || this.#libp2p.getConnections(id).length === 0) return
    const key = id.toString()
    const receiver = this.#peers.get(key) ?? { id, due: new Set<string>(), sending: false }
    this.#peers.set(key, receiver)
    const newest = this.#book.list().sort((a, b) => b.record.time - a.record.time)
    for (const held of newest.slice(0, RECORDS_EXCHANGE_MAX)) receiver.due.add(wantedOf(held))
    this.#send(receiver)
  }

  #spread(held: HeldRecord, from: string | undefined): void {
    for (const [peer, receiver] of this.#peers) {
      if (peer === from) continue
      receiver.due.add(wantedOf(held))
      this.#send(receiver)
    }
  }

  #send(receiver: Receiver): void {
    if (receiver.sending || receiver.due.size === 0) return
    receiver.sending = true
    void this.#drain(receiver).then(
      () => {
        receiver.sending = false
        // What came between the last look and this.
        if (this.#running && this.#peers.get(receiver.id.toString()) === receiver) this.#send(receiver)
      },
      (error) => {
        receiver.sending = false
        this.#log.debug({ peer: receiver.id.toString(), error: String(error) }, 'a push failed')
      },
    )
  }

  async #drain(receiver: Receiver): Promise<void> {
    let failures = 0
    while (this.#running && receiver.due.size > 0 && this.#peers.get(receiver.id.toString()) === receiver) {
      const batch = [...receiver.due].slice(0, RECORDS_PER_STREAM_MAX)
      for (const wanted of batch) receiver.due.delete(wanted)
      try {
        await this.#push(receiver.id, batch)
      } catch (error) {
        failures += 1
        if (failures > 1) throw error
        for (const wanted of batch) receiver.due.add(wanted)
        await this.#pause(RETRY_MS)
      }
    }
  }

  async #push(id: PeerId, batch: string[]): Promise<void> {
    const connection = this.#libp2p.getConnections(id).find((open) => open.status === 'open')
    if (connection === undefined) return
    const records = batch.flatMap((wanted) => this.#book.find(wanted)?.bytes ?? [])
    if (records.length === 0) return
    const signal = AbortSignal.timeout(STREAM_TIMEOUT_MS)
    const stream = await connection.newStream(PUSH_PROTOCOL, { signal })
    try {
      await pipe(encodeFrames(records), messageStreamToDuplex(stream).sink)
      await stream.close({ signal })
    } catch (error) {
      stream.abort(asHotblockError(error))
      throw error
    }
  }

  async #receive(stream: Stream, connection: Connection): Promise<void> {
    const peer = connection.remotePeer.toString()
    const timer = setTimeout(() => stream.abort(new Error('a push took too long')), STREAM_TIMEOUT_MS)
    // Reading has no backpressure of its own, so what a peer may send is counted before it is buffered.
    let received = 0
    stream.addEventListener('message', (event) => {
      received += event.data.byteLength
      if (received > STREAM_BYTES_MAX) stream.abort(new HotblockError('BAD_MESSAGE', 'a push is too long'))
    })
    try {
      await pipe(messageStreamToDuplex(stream).source, decodeFrames, async (records) => {
        for await (const bytes of records) await this.#take(bytes, connection)
      })
      await stream.close({ signal: AbortSignal.timeout(STREAM_TIMEOUT_MS) })
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error(String(error)))
      const code = error instanceof HotblockError ? error.code : undefined
      if (code === 'BAD_MESSAGE' || code === 'BAD_RECORD') {
        this.#log.warn({ peer, code, reason: String(error) }, 'a peer broke the push of records')
        this.#onOffence(peer, code)
      }
    } finally {
      clearTimeout(timer)
    }
  }

  /** @throws BAD_RECORD, BAD_MESSAGE: what ends the stream */
  async #take(bytes: Uint8Array, connection: Connection): Promise<void> {
    const peer = connection.remotePeer.toString()
    this.#charge(peer)
    try {
      await this.#book.accept(bytes, peer)
    } catch (error) {
      const failure = asHotblockError(error)
      if (failure.code === 'UNTRUSTED') return this.#say(peer, failure)
      if (failure.code === 'BAD_NAME') throw new HotblockError('BAD_RECORD', failure.message, failure.data, failure)
      if (failure.code !== 'STALE_RECORD') throw failure
      this.#say(peer, failure)
      this.#correct(peer, bytes)
    }
  }

  /** Logs why a record was not taken, where that is no offence; not for each one, or peers would fill the log. */
  #say(peer: string, { code, message }: HotblockError): void {
    const now = performance.now()
    const saidAt = this.#budgets.get(peer)?.saidAt
    if (saidAt === undefined || now - (saidAt[code] ?? Number.NEGATIVE_INFINITY) < REFUSAL_LOG_MS) return
    saidAt[code] = now
    this.#log.info({ peer, code, reason: message }, 'a record was not taken')
  }

  /** A peer that sent an older record gets the newer one. Two records of one sequence are left alone: neither wins. */
  #correct(peer: string, bytes: Uint8Array): void {
    const receiver = this.#peers.get(peer)
    if (receiver === undefined) return
    const stale = peekRecord(bytes)
    const known = this.#book.held(stale.builder, stale.name)
    if (known === undefined || known.record.sequence <= stale.sequence) return
    receiver.due.add(wantedOf(known))
    this.#send(receiver)
  }

  #charge(peer: string): void {
    const now = performance.now()
    const budget = this.#budgets.get(peer) ?? { tokens: RECORDS_BURST_MAX, refilledAt: now, saidAt: {} }
    const { tokens, refilledAt, saidAt } = budget
    const earned = ((now - refilledAt) / 1000) * RECORDS_PER_SECOND_MAX
    const left = Math.min(RECORDS_BURST_MAX, tokens + earned) - 1
    // Taken out and put in again: the peer that sent nothing for longest is forgotten first.
    this.#budgets.delete(peer)
    this.#budgets.set(peer, { tokens: left, refilledAt: now, saidAt })
    if (this.#budgets.size > BUDGETS_MAX) this.#budgets.delete(this.#budgets.keys().next().value!)
    if (left < 0) throw new HotblockError('BAD_MESSAGE', 'a peer floods records')
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#timers.delete(timer)
        resolve()
      }, ms)
      timer.unref()
      this.#timers.add(timer)
    })
  }
}

function wantedOf(held: HeldRecord): string {
  return `${held.record.name}@${held.record.builder}`
}

/** Tells other nodes what they will need: many hosts, few at a time, each within a bound, and a report of how it went. */
import type { Multiaddr } from '@multiformats/multiaddr'
import { asHotblockError, HotblockError } from '../../protocols/errors.ts'
import { SEND_TIMEOUT_MS } from '../../protocols/orders/constants.ts'
import type { Order, OrderResult } from '../../protocols/orders/messages.ts'
import type { Clock, Log } from '../../protocols/ports.ts'
import type { OrderReport } from '../api.ts'

/**
 * Hosts that are told at the same time. Connecting takes some 15 ms of the processor on either side, so that more of them
 * do not get done sooner, but run out of their time.
 */
export const TELLING_MAX = 16
/** Hosts that are still to be told, of all orders together. */
export const PENDING_HOSTS_MAX = 50_000
/** Orders that are remembered for the status. */
export const REPORTS_MAX = 32
const FAILURES_SHOWN_MAX = 16
/** A host that took an order is not told the same again for so long. */
const SAME_MS = 5_000
/** A host that could not be reached is not tried again for so long: dead hosts must not keep the others waiting. */
export const UNREACHED_MS = 30_000
const REMEMBERED_MAX = 10_000

export interface OrderRequest extends Order {
  readonly scheduler: string
  readonly hosts: readonly string[]
}

export interface OrderSenderInit {
  /** Gives an order to whoever is at an address. */
  readonly send: (address: Multiaddr, order: Order, signal: AbortSignal) => Promise<OrderResult>
  /** Takes an order to this very node. */
  readonly own: (order: Order) => Promise<void>
  readonly places: { load(): Promise<(host: string) => Multiaddr> }
  readonly clock: Clock
  readonly log: Log
}

interface Telling {
  readonly request: OrderRequest
  readonly report: OrderReport
  readonly startedAt: number
  readonly placeOf: (host: string) => Multiaddr
  readonly left: string[]
  /** Hosts that were too slow, and are told last. */
  readonly slow: Set<string>
  readonly done: PromiseWithResolvers<OrderReport>
}

export class OrderSender {
  readonly sent = { taken: 0, refused: 0, unreachable: 0 }
  readonly #init: OrderSenderInit
  readonly #queue: Telling[] = []
  readonly #reports: Telling[] = []
  readonly #tookAt = new Map<string, number>()
  readonly #failedAt = new Map<string, number>()
  readonly #abort = new AbortController()
  #pending = 0
  #telling = 0

  constructor(init: OrderSenderInit) {
    this.#init = init
  }

  /** Hosts that are still to be told. */
  get pending(): number {
    return this.#pending
  }

  /** Newest first. */
  get reports(): OrderReport[] {
    return this.#reports.map((telling) => this.#reportOf(telling)).reverse()
  }

  /**
   * Begins to tell the hosts.
   *
   * @returns settles when each was told or given up; it never rejects
   * @throws BUSY where too many are to be told already, and what the file of nodes is wrong with
   */
  async tell(request: OrderRequest): Promise<{ done: Promise<OrderReport> }> {
    const { names, priority, scheduler, job, hosts } = request
    const placeOf = await this.#init.places.load()
    if (this.#pending + hosts.length > PENDING_HOSTS_MAX) {
      throw new HotblockError(
        'BUSY',
        `${this.#pending} hosts are to be told already; ${PENDING_HOSTS_MAX} are the most`,
      )
    }
    const report: OrderReport = {
      names: [...names],
      priority,
      scheduler,
      job,
      hosts: hosts.length,
      taken: 0,
      refused: 0,
      unreachable: 0,
      pending: hosts.length,
      failures: [],
      time: new Date().toISOString(),
      seconds: 0,
    }
    const done = Promise.withResolvers<OrderReport>()
    const telling = {
      request,
      report,
      startedAt: this.#init.clock.now(),
      placeOf,
      left: [...hosts].reverse(),
      slow: new Set<string>(),
      done,
    }
    this.#reports.push(telling)
    if (this.#reports.length > REPORTS_MAX) this.#reports.shift()
    this.#pending += hosts.length
    if (hosts.length === 0) done.resolve(report)
    else this.#queue.push(telling)
    this.#pump()
    return { done: done.promise }
  }

  async close(): Promise<void> {
    this.#abort.abort()
    for (const { done, report } of this.#queue) done.resolve(report)
    this.#queue.length = 0
  }

  #reportOf({ report, startedAt }: Telling): OrderReport {
    const seconds = report.pending === 0 ? report.seconds : (this.#init.clock.now() - startedAt) / 1000
    return { ...report, failures: [...report.failures], seconds }
  }

  /** Orders take turns, so that a large one does not hold up those that come after it. */
  #pump(): void {
    while (this.#telling < TELLING_MAX && !this.#abort.signal.aborted) {
      const telling = this.#queue.shift()
      const host = telling?.left.pop()
      if (telling === undefined || host === undefined) return
      if (telling.left.length > 0) this.#queue.push(telling)
      this.#telling++
      void this.#tellOne(telling, host).finally(() => {
        this.#telling--
        this.#pump()
      })
    }
  }

  async #tellOne(telling: Telling, host: string): Promise<void> {
    const { report, request, placeOf } = telling
    let outcome: 'taken' | 'refused' | 'unreachable' = 'taken'
    let reason = ''
    const late = AbortSignal.timeout(SEND_TIMEOUT_MS)
    const same = `${host} ${request.priority} ${request.names.join(' ')}`
    if (this.#isSince(this.#failedAt, host, UNREACHED_MS)) {
      ;[outcome, reason] = ['unreachable', 'it could not be reached a moment ago']
    } else if (!this.#isSince(this.#tookAt, same, SAME_MS)) {
      try {
        const { priority, job, names } = request
        const signal = AbortSignal.any([this.#abort.signal, late])
        const result = await this.#give(placeOf(host), { priority, job, names }, signal)
        if (result !== 'taken') [outcome, reason] = ['refused', result]
        else this.#note(this.#tookAt, same)
      } catch (error) {
        if (late.aborted && this.#tellLast(telling, host)) return
        ;[outcome, reason] = ['unreachable', asHotblockError(error).message.slice(0, 200)]
        this.#note(this.#failedAt, host)
      }
    }
    report[outcome]++
    this.sent[outcome]++
    report.pending--
    this.#pending--
    if (outcome !== 'taken' && report.failures.length < FAILURES_SHOWN_MAX) report.failures.push({ host, reason })
    if (report.pending === 0) this.#end(telling)
  }

  /** A host that was slow may have been so because all were told at the same time. @returns false at the second time */
  #tellLast(telling: Telling, host: string): boolean {
    if (telling.slow.has(host)) return false
    telling.slow.add(host)
    telling.left.unshift(host)
    if (!this.#queue.includes(telling)) this.#queue.push(telling)
    return true
  }

  async #give(address: Multiaddr, order: Order, signal: AbortSignal): Promise<OrderResult> {
    try {
      return await this.#init.send(address, order, signal)
    } catch (error) {
      if (!isSelf(error)) throw error
      await this.#init.own(order)
      return 'taken'
    }
  }

  #end(telling: Telling): void {
    const { report, startedAt, done } = telling
    report.seconds = (this.#init.clock.now() - startedAt) / 1000
    const { names, scheduler, job, hosts, taken, refused, unreachable, failures, seconds } = report
    const level = taken === hosts ? 'info' : 'warn'
    const data = { names, scheduler, job, hosts, taken, refused, unreachable, failures, seconds }
    this.#init.log[level](data, 'hosts were told what they will need')
    done.resolve(report)
  }

  #isSince(times: ReadonlyMap<string, number>, key: string, ms: number): boolean {
    const at = times.get(key)
    return at !== undefined && this.#init.clock.now() - at < ms
  }

  #note(times: Map<string, number>, key: string): void {
    times.delete(key)
    times.set(key, this.#init.clock.now())
    if (times.size > REMEMBERED_MAX) times.delete(times.keys().next().value!)
  }
}

/** What libp2p says when an address turns out to be this node's own. */
function isSelf(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (/dial self/i.test(each.message)) return true
    if (each instanceof AggregateError && each.errors.some(isSelf)) return true
  }
  return false
}

/** Where hooks come to: what a job needs is noted here or told to other nodes, and everything is counted. */
import { mkdir } from 'node:fs/promises'
import { HotblockError } from '../../protocols/errors.ts'
import { NAMES_PER_ORDER_MAX } from '../../protocols/orders/constants.ts'
import { isJob } from '../../protocols/orders/job.ts'
import type { Order, OrderPriority } from '../../protocols/orders/messages.ts'
import type { Log } from '../../protocols/ports.ts'
import { parseWantedName } from '../../protocols/records/name.ts'
import type { HookAnswer, HookCall, HooksReport, OrderReport } from '../api.ts'
import { seedsOf } from '../decisions/seeds.ts'
import { expandHosts, expandRacks } from '../hooks/core/hostlist.ts'
import { isScheduler, REFERENCES_MAX, type ToldMoment } from '../hooks/core/limits.ts'
import { type HookFailure, takeFailures } from '../hooks/core/spool.ts'
import type { OrderRequest, OrderSender } from './sender.ts'

/** How often the spool is looked at. */
const SPOOL_MS = 3_000

export interface DeskInit {
  readonly sender: OrderSender
  /** Remembers names that this node shall have. */
  readonly want: (names: readonly string[], priority: OrderPriority) => Promise<void>
  /** Whether a name is published, as far as is known without asking. */
  readonly isKnown: (name: string) => boolean
  /** Orders of other nodes that came. */
  readonly received: { readonly taken: number; readonly refused: number }
  readonly spool: string
  readonly log: Log
}

export class HookDesk {
  readonly #init: DeskInit
  readonly #calls: Record<ToldMoment, number> = { submit: 0, allocate: 0, node: 0 }
  readonly #failures: Record<string, number> = {}
  #timer: NodeJS.Timeout | undefined
  #reading: Promise<void> | undefined

  constructor(init: DeskInit) {
    this.#init = init
  }

  async start(): Promise<void> {
    const { spool, log } = this.#init
    await mkdir(spool, { recursive: true, mode: 0o755 }).catch((error) => {
      log.warn({ spool, error: String(error) }, 'hooks have nowhere to note what goes wrong')
    })
    this.#timer = setInterval(() => void this.readSpool(), SPOOL_MS)
    await this.readSpool()
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#reading
  }

  /** @throws USAGE, BAD_NAME for what no hook of ours tells; BUSY, NO_SPACE where this node cannot take more */
  async hook({ moment, scheduler, job, names, hosts, racks = '' }: HookCall): Promise<HookAnswer> {
    this.#calls[moment]++
    if (!isScheduler(scheduler)) throw new HotblockError('USAGE', 'scheduler: is no name of one')
    if (job !== '' && !isJob(job)) throw new HotblockError('USAGE', 'job: is no name of one')
    if (names.length > REFERENCES_MAX) {
      throw new HotblockError('USAGE', `names: a job may name ${REFERENCES_MAX} images`)
    }
    const accepted = checkNames(names)
    const unknown = accepted.filter((name) => !this.#init.isKnown(name))
    const to = new Set(moment === 'node' ? [] : expandHosts(hosts))
    if (moment === 'node') await this.#init.want(accepted, 'allocated')
    else {
      const of = { scheduler, job, priority: moment === 'submit' ? 'seed' : 'allocated' } as const
      if (to.size > 0) await this.#init.sender.tell({ ...of, names: accepted, hosts: [...to] })
      if (moment === 'submit') for (const host of await this.#tellRacks(accepted, expandRacks(racks), of)) to.add(host)
    }
    this.#init.log.info({ moment, scheduler, job, names: accepted, unknown, hosts: to.size }, 'a hook told of a job')
    return { accepted, unknown, hosts: to.size }
  }

  /** Each image has seeds of its own. @returns all of them */
  async #tellRacks(
    names: readonly string[],
    racks: readonly string[][],
    of: Pick<OrderRequest, 'scheduler' | 'job' | 'priority'>,
  ): Promise<string[]> {
    const told: string[] = []
    for (const wanted of names) {
      // The same image has the same seeds, whether its builder is named or not.
      const hosts = seedsOf(parseWantedName(wanted).name, racks)
      if (hosts.length > 0) await this.#init.sender.tell({ ...of, names: [wanted], hosts })
      told.push(...hosts)
    }
    return told
  }

  /** @throws USAGE, BAD_NAME, BUSY */
  async order(names: readonly string[], hosts: string, priority: OrderPriority): Promise<OrderReport> {
    if (names.length > NAMES_PER_ORDER_MAX) {
      throw new HotblockError('USAGE', `names: an order may have ${NAMES_PER_ORDER_MAX}`)
    }
    const to = expandHosts(hosts)
    if (to.length === 0) throw new HotblockError('USAGE', 'the list of hosts is empty')
    const request = { scheduler: 'hotblock', job: '', names: checkNames(names), priority, hosts: to }
    const { done } = await this.#init.sender.tell(request)
    return done
  }

  /** An order of a scheduler's node to this one. */
  async take({ priority, job, names }: Order, peer?: string): Promise<void> {
    await this.#init.want(names, priority)
    this.#init.log.info({ peer, job, names, priority }, 'ordered to have images')
  }

  report(): HooksReport {
    const { sender, received } = this.#init
    return {
      calls: { ...this.#calls },
      failures: { ...this.#failures },
      sent: { ...sender.sent, pending: sender.pending },
      received: { taken: received.taken, refused: received.refused },
      orders: sender.reports,
    }
  }

  /** Counts what hooks noted while they could not tell. Never rejects. */
  readSpool(): Promise<void> {
    this.#reading ??= takeFailures(this.#init.spool, Date.now())
      .then((failures) => this.#count(failures))
      .finally(() => {
        this.#reading = undefined
      })
    return this.#reading
  }

  #count(failures: readonly HookFailure[]): void {
    const counts: Record<string, number> = {}
    for (const { code } of failures) {
      counts[code] = (counts[code] ?? 0) + 1
      this.#failures[code] = (this.#failures[code] ?? 0) + 1
    }
    if (failures.length > 0) this.#init.log.warn({ counts }, 'hooks could not do what they should')
  }
}

/** Each once. @throws BAD_NAME */
function checkNames(names: readonly string[]): string[] {
  for (const name of names) parseWantedName(name)
  return [...new Set(names)]
}

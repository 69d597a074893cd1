/** What happened in a run, host by host and over time; and what must never happen. */
import type { Cluster } from './cluster.ts'

/** Where a block came from. */
export const ORIGINS = ['builder', 'sameRack', 'otherRack', 'localHot'] as const
export type Origin = (typeof ORIGINS)[number]
export type ByOrigin = Record<Origin, number>

/** Most violations that are kept; the first ones tell the most. */
const VIOLATIONS_MAX = 20

export interface HostLedger {
  readonly bytes: ByOrigin
  /** Bytes that came although they were here already. */
  twiceBytes: number
  sentBytes: number
  completedAtMs: number | undefined
  /** Not there any more. */
  gone: boolean
  /** Peers that it gave up, and connections that broke. */
  droppedPeers: number
  brokenPeers: number
}

export class Ledger {
  readonly hosts: readonly HostLedger[]
  readonly total: ByOrigin = noBytes()
  readonly violations: string[] = []
  readonly #cluster: Cluster
  readonly #onComplete: (host: number) => void
  readonly #onSent: (host: number, sentBytes: number) => void
  arrivedBytes = 0
  sentBytes = 0
  /** Bytes that were sent and did not arrive, or not as part of an answer that was waited for. */
  lostBytes = 0
  completed = 0

  constructor(cluster: Cluster, events: { complete(host: number): void; sent(host: number, sentBytes: number): void }) {
    this.#cluster = cluster
    this.#onComplete = events.complete
    this.#onSent = events.sent
    this.hosts = cluster.hosts.map(() => ({
      bytes: noBytes(),
      twiceBytes: 0,
      sentBytes: 0,
      completedAtMs: undefined,
      gone: false,
      droppedPeers: 0,
      brokenPeers: 0,
    }))
  }

  /** Bytes of the image that one host begins to send to another. */
  sent(from: number, bytes: number): void {
    const host = this.hosts[from]!
    host.sentBytes += bytes
    this.sentBytes += bytes
    this.#onSent(from, host.sentBytes)
  }

  /** Of what was sent, these bytes are of use to the receiver, and these came in vain. */
  arrived(from: number, to: number, freshBytes: number, twiceBytes: number): void {
    const host = this.hosts[to]!
    const origin = this.originOf(from, to)
    host.bytes[origin] += freshBytes
    this.total[origin] += freshBytes
    host.twiceBytes += twiceBytes
    this.arrivedBytes += freshBytes + twiceBytes
  }

  lost(bytes: number): void {
    this.lostBytes += bytes
  }

  /** Bytes that the host had in other images and did not have to fetch. */
  hot(host: number, bytes: number): void {
    this.hosts[host]!.bytes.localHot += bytes
    this.total.localHot += bytes
  }

  complete(host: number, now: number): void {
    const ledger = this.hosts[host]!
    if (ledger.completedAtMs !== undefined) {
      this.violation(`host ${host} completed twice`)
      return
    }
    ledger.completedAtMs = now
    this.completed++
    this.#onComplete(host)
  }

  violation(text: string): void {
    if (this.violations.length < VIOLATIONS_MAX) this.violations.push(text)
  }

  originOf(from: number, to: number): Origin {
    const { hosts } = this.#cluster
    if (hosts[from]!.builder) return 'builder'
    return hosts[from]!.rack === hosts[to]!.rack ? 'sameRack' : 'otherRack'
  }
}

export function noBytes(): ByOrigin {
  return { builder: 0, sameRack: 0, otherRack: 0, localHot: 0 }
}

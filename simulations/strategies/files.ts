/** What strategies share that move an image as one file, from its beginning to its end: how far each host has it. */
import type { Cluster } from '../cluster.ts'
import type { Run } from '../run.ts'

/** The steps of the network's time in which a file passes a node's link; rollouts last a multiple of it. */
const STEPS = 2_000
const QUANTUM_MS_MIN = 1

export interface FilesEvents {
  /** The host has the file. */
  complete(host: number): void
  /** Its checksum is wrong: what the host had is thrown away. @param from where the last of it came from */
  rejected(host: number, from: number): void
}

export class Files {
  readonly frames: number
  readonly frameBytes: number
  /** Frames that the host has, from the first on. */
  readonly have: Uint32Array
  /** There, and not gone. */
  readonly here: Uint8Array
  readonly #run: Run
  readonly #events: FilesEvents
  /** Has frames that came from somebody who sends wrong ones, or passed them on. */
  readonly #tainted: Uint8Array
  /** The most frames that the host ever had. */
  readonly #had: Uint32Array

  constructor(run: Run, frames: number, events: FilesEvents) {
    const { hosts, image } = run.cluster
    this.#run = run
    this.#events = events
    this.frames = frames
    this.frameBytes = image.fileBytes / frames
    this.have = Uint32Array.from(hosts, ({ complete }) => (complete ? frames : 0))
    this.#had = this.have.slice()
    this.here = new Uint8Array(hosts.length)
    this.#tainted = new Uint8Array(hosts.length)
  }

  isComplete(host: number): boolean {
    return this.have[host] === this.frames
  }

  /** Whether it is there and still to have the file. */
  isWaiting(host: number): boolean {
    return this.here[host] === 1 && !this.isComplete(host) && this.#run.cluster.hosts[host]!.wants
  }

  /** The next frame has come. */
  take(from: number, to: number): void {
    const { ledger, clock, cluster } = this.#run
    const fresh = this.have[to] === this.#had[to]
    ledger.arrived(from, to, fresh ? this.frameBytes : 0, fresh ? 0 : this.frameBytes)
    if (cluster.hosts[from]!.fault?.kind === 'wrong' || this.#tainted[from] === 1) this.#tainted[to] = 1
    this.have[to]!++
    if (fresh) this.#had[to] = this.have[to]!
    if (!this.isComplete(to)) return
    if (this.#tainted[to] === 1) {
      this.have[to] = 0
      this.#tainted[to] = 0
      this.#events.rejected(to, from)
      return
    }
    ledger.complete(to, clock.now())
    this.#events.complete(to)
  }
}

/** For strategies that last `times` passes of the file over a node's link. */
export function fileQuantumMs({ image, hosts }: Cluster, times: number): number {
  const rates = hosts.map(({ downBytes }) => downBytes).sort((a, b) => a - b)
  const seconds = image.fileBytes / rates[rates.length >> 1]!
  return Math.max(QUANTUM_MS_MIN, (seconds * times * 1000) / STEPS)
}

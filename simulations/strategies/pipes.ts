/** Connections of strategies that move files, with books kept: what is sent has arrived, was lost, or is on its way. */
import type { Connection } from '../network/flows.ts'
import type { Run } from '../run.ts'

/** Without a byte for so long a receiver gives a sender up, where a connection that broke does not tell it sooner. */
export const SILENT_MS = 10_000

/** One way from a host to another. */
export class Pipe {
  readonly from: number
  readonly to: number
  readonly connection: Connection
  /** Frames that were sent and have not arrived. */
  frames = 0
  /** Bytes that the ledger knows of. */
  countedBytes = 0
  /** What had passed when the watch last found that something had, and when that was. */
  seenBytes = 0
  seenAtMs = 0

  constructor(from: number, to: number, connection: Connection) {
    this.from = from
    this.to = to
    this.connection = connection
  }

  get closed(): boolean {
    return this.connection.closed
  }
}

export class Pipes {
  readonly #run: Run
  readonly #broken: (pipe: Pipe) => void
  readonly #of: Set<Pipe>[]
  /** Only where something can fall silent is there a watch. */
  readonly #watches: boolean

  /** @param broken a pipe that was not closed by its owner: its sender is gone, or silent; it is closed by then */
  constructor(run: Run, broken: (pipe: Pipe) => void) {
    const { hosts, partitions } = run.cluster
    this.#run = run
    this.#broken = broken
    this.#of = hosts.map(() => new Set())
    this.#watches =
      partitions.length > 0 || hosts.some(({ fault }) => fault?.kind === 'vanish' || fault?.kind === 'stall')
  }

  open(from: number, to: number): Pipe {
    const pipe = new Pipe(from, to, this.#run.network.connect(from, to))
    this.#of[from]!.add(pipe)
    this.#of[to]!.add(pipe)
    if (this.#watches) this.#watch(pipe)
    return pipe
  }

  /** Sends a frame after those that are on their way. */
  send(pipe: Pipe, bytes: number, arrived: () => void): void {
    if (pipe.closed || this.isSilent(pipe.from)) return
    pipe.frames++
    this.#run.network.send(pipe.connection, bytes, () => {
      pipe.frames--
      this.#count(pipe, bytes)
      arrived()
    })
  }

  /** What is on its way is lost. */
  close(pipe: Pipe): void {
    if (!this.#of[pipe.from]!.delete(pipe)) return
    this.#of[pipe.to]!.delete(pipe)
    const lost = Math.max(0, pipe.connection.sentBytes - pipe.countedBytes)
    this.#run.network.close(pipe.connection)
    if (lost === 0) return
    this.#count(pipe, lost)
    this.#run.ledger.lost(lost)
  }

  /** @param silently its connections do not break; the watch finds them silent */
  hostLeft(host: number, silently: boolean): void {
    if (silently) return
    for (const pipe of [...this.#of[host]!]) this.#run.clock.after(this.#run.cluster.latencyMs, () => this.#break(pipe))
  }

  /**
   * All that passed the links is in the ledger, or on its way.
   *
   * @param pendingBytes arrived, and not yet counted as such by the strategy
   */
  inspect(pendingBytes = 0): void {
    const { network, ledger, cluster } = this.#run
    let passed = 0
    let onWay = 0
    for (let host = 0; host < cluster.hosts.length; host++) {
      passed += network.hostUse(host).upBytes
      for (const pipe of this.#of[host]!) if (pipe.from === host) onWay += pipe.connection.sentBytes - pipe.countedBytes
    }
    const known = ledger.sentBytes + onWay
    if (Math.abs(known - passed) > 1 + passed * 1e-6)
      ledger.violation(`${passed} bytes passed the links, ${known} are known`)
    const ended = ledger.arrivedBytes + ledger.lostBytes + pendingBytes
    if (Math.abs(ledger.sentBytes - ended) > 1 + ended * 1e-6) {
      ledger.violation(`${ledger.sentBytes} bytes were sent, ${ended} arrived or were lost`)
    }
  }

  #count(pipe: Pipe, bytes: number): void {
    pipe.countedBytes += bytes
    this.#run.ledger.sent(pipe.from, bytes)
  }

  /** It sends nothing any more. */
  isSilent(host: number): boolean {
    const { fault } = this.#run.cluster.hosts[host]!
    if (this.#run.ledger.hosts[host]!.gone) return true
    return fault?.kind === 'stall' && this.#run.clock.now() >= fault.atMs
  }

  /** Looks at a pipe until it has been silent too long, is closed, or has nothing to send by right. */
  #watch(pipe: Pipe): void {
    const { clock } = this.#run
    pipe.seenBytes = pipe.connection.sentBytes
    pipe.seenAtMs = clock.now()
    const look = (): void => {
      if (!this.#of[pipe.from]!.has(pipe)) return
      const { sentBytes } = pipe.connection
      const idle = pipe.frames === 0 && !this.isSilent(pipe.from)
      if (sentBytes !== pipe.seenBytes || idle) {
        pipe.seenBytes = sentBytes
        pipe.seenAtMs = clock.now()
      } else if (clock.now() - pipe.seenAtMs >= SILENT_MS) {
        this.#break(pipe)
        return
      }
      clock.after(SILENT_MS / 4, look)
    }
    clock.after(SILENT_MS / 4, look)
  }

  #break(pipe: Pipe): void {
    if (!this.#of[pipe.from]!.has(pipe)) return
    this.close(pipe)
    this.#broken(pipe)
  }
}

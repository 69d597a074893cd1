/** Downloads of a file from one host at a time, each going on from where its receiver is: as an HTTP client does. */
import type { Run } from '../run.ts'
import { Files } from './files.ts'
import { type Pipe, Pipes } from './pipes.ts'

/** Frames that wait on a connection, so that it never runs dry. */
const AHEAD = 2
/** Frames of a file: often enough that what passes shows over time. */
const FRAMES = 128

export interface StreamsEvents {
  /** The host has the file, the last of it from `from`. */
  complete(host: number, from: number): void
  /** The host has no source any more. @param from the one that is gone, silent, or sent wrong bytes */
  lost(host: number, from: number): void
}

interface Stream {
  readonly pipe: Pipe
  /** The frame that is sent next. */
  next: number
}

export class Streams {
  readonly files: Files
  readonly #pipes: Pipes
  readonly #events: StreamsEvents
  /** The stream that each host receives, and those that it sends. */
  readonly #to: (Stream | undefined)[]
  readonly #from: Set<Stream>[]

  constructor(run: Run, events: StreamsEvents) {
    const { hosts } = run.cluster
    this.#events = events
    this.#to = hosts.map(() => undefined)
    this.#from = hosts.map(() => new Set())
    this.#pipes = new Pipes(run, (pipe) => this.#ended(pipe.to, pipe.from))
    this.files = new Files(run, FRAMES, {
      complete: (host) => {
        const from = this.source(host)!
        this.stop(host)
        events.complete(host, from)
      },
      rejected: (host, from) => this.#ended(host, from),
    })
  }

  source(host: number): number | undefined {
    return this.#to[host]?.pipe.from
  }

  /** How many it serves. */
  serves(host: number): number {
    return this.#from[host]!.size
  }

  /** From now on the host gets the file, as far as `from` has it, from there. */
  begin(from: number, to: number): void {
    this.stop(to)
    const stream = { pipe: this.#pipes.open(from, to), next: this.files.have[to]! }
    this.#to[to] = stream
    this.#from[from]!.add(stream)
    this.#pump(stream)
  }

  stop(host: number): void {
    const stream = this.#to[host]
    if (stream === undefined) return
    this.#to[host] = undefined
    this.#from[stream.pipe.from]!.delete(stream)
    this.#pipes.close(stream.pipe)
  }

  joined(host: number): void {
    this.files.here[host] = 1
  }

  left(host: number, silently: boolean): void {
    this.files.here[host] = 0
    this.#pipes.hostLeft(host, silently)
    this.stop(host)
  }

  inspect(): void {
    this.#pipes.inspect()
  }

  #pump(stream: Stream): void {
    const { pipe } = stream
    const { have, frameBytes } = this.files
    while (stream.next < have[pipe.from]! && pipe.frames < AHEAD && !pipe.closed) {
      const before = pipe.frames
      this.#pipes.send(pipe, frameBytes, () => this.#arrived(stream))
      // Its sender has stalled.
      if (pipe.frames === before) return
      stream.next++
    }
  }

  #arrived(stream: Stream): void {
    const { from, to } = stream.pipe
    this.files.take(from, to)
    if (this.#to[to] === stream) this.#pump(stream)
    // Whoever is served by a host that is itself still being served goes on with it.
    for (const next of this.#from[to]!) this.#pump(next)
  }

  #ended(to: number, from: number): void {
    this.stop(to)
    if (this.files.isWaiting(to)) this.#events.lost(to, from)
  }
}

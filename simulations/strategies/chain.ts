/**
 * Pipeline chain, as Kascade: the nodes stand in a line, by racks, so that each uplink is passed once; each forwards a
 * chunk as soon as it has it. A node that is gone is stepped over, and the next one goes on where it was. Who comes
 * later, or falls out of a line, is in the next one, which begins at the builder too.
 *
 * Chunks are small, and a line long: to play them all would be too many events. So a frame of many chunks sets out on
 * all links at once, and is counted on each no sooner than it is at the one before and a chunk's time has passed.
 */
import type { Process, Run, Strategy } from '../run.ts'
import { Files, fileQuantumMs } from './files.ts'
import { type Pipe, Pipes } from './pipes.ts'

const CHUNK_BYTES = 1024 * 1024
const FRAMES = 256
/** Frames that wait on a connection, so that it never runs dry. */
const AHEAD = 2
/** Nodes that come within so long are in one line. */
const GATHER_MS = 1_000
const REST_MS = 15_000

export const chain: Strategy = {
  name: 'chain',
  wholeFiles: true,
  quantumMs: (cluster) => fileQuantumMs(cluster, 1.5),
  begin: (run) => new Chain(run),
}

/** A host in a line, and how far what it is sent has come; frames, from the first on. */
interface Place {
  readonly host: number
  before: Place | undefined
  next: Place | undefined
  pipe: Pipe | undefined
  /** Set out towards it; passed its link; is being counted, a chunk's time after both. */
  begun: number
  passed: number
  counting: number
}

class Chain implements Process {
  readonly #run: Run
  readonly #files: Files
  readonly #pipes: Pipes
  readonly #places: (Place | undefined)[]
  /** How often a host fell out of a line: it stands at the end of the next one. */
  readonly #falls: Uint16Array
  #gathered: number[] = []
  /** Frames that passed a link and are not counted yet. */
  #pending = 0
  #gathering = false

  constructor(run: Run) {
    this.#run = run
    this.#places = run.cluster.hosts.map(() => undefined)
    this.#falls = new Uint16Array(run.cluster.hosts.length)
    this.#pipes = new Pipes(run, (pipe) => this.#silent(pipe))
    this.#files = new Files(run, FRAMES, {
      complete() {},
      rejected: (host) => {
        const place = this.#places[host]
        if (place !== undefined) this.#leave(place)
        this.#gather(host, REST_MS)
      },
    })
  }

  joined(host: number): void {
    this.#files.here[host] = 1
    if (this.#files.isWaiting(host)) this.#gather(host, this.#run.clock.now() === 0 ? 0 : GATHER_MS)
  }

  left(host: number, silently: boolean): void {
    this.#files.here[host] = 0
    const place = this.#places[host]
    this.#pipes.hostLeft(host, silently)
    if (place !== undefined && !silently) this.#leave(place)
  }

  inspect(): void {
    this.#pipes.inspect(this.#pending * this.#files.frameBytes)
  }

  #gather(host: number, afterMs: number): void {
    this.#gathered.push(host)
    if (this.#gathering) return
    this.#gathering = true
    this.#run.clock.after(afterMs, () => {
      this.#gathering = false
      const hosts = this.#gathered.filter((one) => this.#files.isWaiting(one) && this.#places[one] === undefined)
      this.#gathered = []
      const reached = hosts.filter((one) => this.#run.network.reaches(0, one))
      if (this.#files.here[0] === 1) this.#line(reached)
      for (const other of hosts) if (!reached.includes(other)) this.#gather(other, REST_MS)
    })
  }

  #line(hosts: number[]): void {
    const { hosts: all } = this.#run.cluster
    hosts.sort((a, b) => this.#falls[a]! - this.#falls[b]! || all[a]!.rack - all[b]!.rack || a - b)
    const head = placeOf(0, FRAMES)
    let before = head
    for (const host of hosts) {
      const place = placeOf(host, this.#files.have[host]!)
      this.#places[host] = place
      this.#link(before, place)
      before = place
    }
    if (head.next !== undefined) this.#pump(head.next)
  }

  #link(before: Place, place: Place): void {
    const have = this.#files.have[place.host]!
    before.next = place
    place.before = before
    place.begun = have
    place.passed = have
    place.counting = have
    place.pipe = this.#pipes.open(before.host, place.host)
  }

  /** Lets frames set out towards this place, and on from there. */
  #pump(from: Place): void {
    for (let place: Place | undefined = from; place !== undefined; place = place.next) {
      if (!this.#setOut(place)) return
    }
  }

  /** @returns whether any has set out */
  #setOut(place: Place): boolean {
    const { before, pipe, begun } = place
    if (before === undefined || pipe === undefined) return false
    while (place.begun < before.begun && pipe.frames < AHEAD) {
      const frames = pipe.frames
      this.#pipes.send(pipe, this.#files.frameBytes, () => {
        place.passed++
        this.#pending++
        this.#count(place)
        this.#pump(place)
      })
      // Its sender is silent.
      if (pipe.frames === frames) break
      place.begun++
    }
    return place.begun > begun
  }

  /** Counts what has passed the place's link and is at the one before. */
  #count(place: Place): void {
    const { before, pipe } = place
    if (before === undefined) return
    while (place.counting < Math.min(place.passed, this.#files.have[before.host]!)) {
      place.counting++
      this.#run.clock.after(before.host === 0 ? 0 : this.#chunkMs(place.host), () => {
        if (place.pipe !== pipe || this.#files.here[place.host] === 0) return
        this.#pending--
        this.#files.take(before.host, place.host)
        if (place.next !== undefined) this.#count(place.next)
      })
    }
  }

  #chunkMs(host: number): number {
    const { hosts, grain } = this.#run.cluster
    return (CHUNK_BYTES / grain / hosts[host]!.downBytes) * 1000
  }

  /** Takes a place out of its line; the one after it goes on behind the one before. */
  #leave(place: Place): void {
    const { before, next, pipe, host } = place
    if (pipe !== undefined) this.#forget(place)
    if (this.#places[host] === place) this.#places[host] = undefined
    if (before !== undefined) before.next = undefined
    place.before = undefined
    place.next = undefined
    if (next === undefined) return
    if (next.pipe !== undefined) this.#forget(next)
    next.before = undefined
    if (before === undefined) return
    this.#link(before, next)
    this.#pump(next)
  }

  #forget(place: Place): void {
    const pipe = place.pipe!
    place.pipe = undefined
    this.#lose(place)
    this.#pipes.close(pipe)
  }

  /** What passed the link and was not counted came for nothing. */
  #lose(place: Place): void {
    const frames = place.passed - this.#files.have[place.host]!
    if (frames <= 0) return
    this.#pending -= frames
    this.#run.ledger.lost(frames * this.#files.frameBytes)
  }

  /** A link of the line broke or is silent: whoever is to blame falls out. */
  #silent(pipe: Pipe): void {
    const place = this.#places[pipe.to]
    const before = place?.before
    if (place?.pipe !== pipe || before === undefined) return
    place.pipe = undefined
    this.#lose(place)
    if (before.host === 0 && this.#pipes.isSilent(0)) {
      // What the line has is handed on, and no more comes.
      before.next = undefined
      place.before = undefined
    } else if (this.#pipes.isSilent(before.host)) this.#fallOut(before)
    else if (this.#reaches(before, place)) {
      this.#link(before, place)
      this.#pump(place)
    } else {
      for (let out: Place | undefined = place; out !== undefined && !this.#reaches(before, out); ) {
        const next: Place | undefined = out.next
        this.#fallOut(out)
        out = next
      }
    }
  }

  #reaches(before: Place, place: Place): boolean {
    return this.#files.here[place.host] === 1 && this.#run.network.reaches(before.host, place.host)
  }

  #fallOut(place: Place): void {
    this.#leave(place)
    this.#falls[place.host]!++
    if (this.#files.isWaiting(place.host)) this.#gather(place.host, REST_MS)
  }
}

function placeOf(host: number, have: number): Place {
  return { host, before: undefined, next: undefined, pipe: undefined, begun: have, passed: have, counting: have }
}

/**
 * A BitTorrent-like swarm over the whole image (BEP 3; Cohen 2003): a tracker that names 50 peers at random, pieces of 4
 * MiB, the rarest first, four upload slots for who gives the most and one at random, endgame. Peers seed when they are
 * done. Which pieces are rare is known to all, what a peer has to its neighbours at once: a little better than the real
 * thing.
 */
import type { Cluster } from '../../cluster.ts'
import type { Process, Run, Strategy } from '../../run.ts'
import { fileQuantumMs } from '../files.ts'
import { type Pipe, Pipes } from '../pipes.ts'
import { nextServed, rechoke } from './choking.ts'
import {
  AHEAD,
  ANNOUNCE_ANSWER_MS,
  ANNOUNCE_MS,
  PEERS_MAX,
  PEERS_MIN,
  PIECE_BYTES,
  RECHOKE_MS,
  SNUB_MS,
  TRACKER_PEERS,
} from './constants.ts'
import { Peer, type Side, sidesOf } from './peer.ts'
import { Tracker } from './tracker.ts'

/** The swarm lasts about so many passes of the file over a node's link. */
const PASSES = 4
/** Pieces of all peers together that a run affords, and how many an image has at least. */
const PIECES_ALL_MAX = 2_000_000
const PIECES_MIN = 250
/** How often in all a peer looks for somebody to give a free slot to, beside when one becomes free. */
const FILLS = 100

export const bittorrent: Strategy = {
  name: 'bittorrent',
  wholeFiles: true,
  quantumMs: (cluster) => Math.min(50 * Math.max(1, Math.sqrt(cluster.grain)), fileQuantumMs(cluster, PASSES)),
  begin: (run) => new Swarm(run),
}

/** As large as they are, whatever the grain, unless the swarm is so large that a run could not afford it. */
function pieceBytes({ image, hosts, grain }: Cluster): number {
  const piecesMax = Math.max(PIECES_MIN, PIECES_ALL_MAX / hosts.length)
  return Math.max(PIECE_BYTES / grain, image.fileBytes / piecesMax)
}

class Swarm implements Process {
  readonly #run: Run
  readonly #peers: readonly Peer[]
  readonly #pipes: Pipes
  readonly #tracker: Tracker
  readonly #pieces: number
  readonly #pieceBytes: number
  /** Free slots are given away each time that a peer has so many more pieces. */
  readonly #fillPieces: number
  readonly #sideOf = new WeakMap<Pipe, Side>()

  constructor(run: Run) {
    const { image, hosts } = run.cluster
    this.#run = run
    this.#pieceBytes = pieceBytes(run.cluster)
    this.#pieces = Math.max(1, Math.ceil(image.fileBytes / this.#pieceBytes))
    this.#fillPieces = Math.ceil(this.#pieces / FILLS)
    const spread = new Uint32Array(this.#pieces).fill(hosts.filter(({ complete }) => complete).length)
    this.#peers = hosts.map(({ index, complete }) => new Peer(index, complete, spread, run.random(index)))
    this.#tracker = new Tracker(run.random(-1))
    this.#pipes = new Pipes(run, (pipe) => {
      const side = this.#sideOf.get(pipe)
      if (side !== undefined) this.#disconnect(side)
    })
  }

  joined(host: number): void {
    const { wants } = this.#run.cluster.hosts[host]!
    const peer = this.#peers[host]!
    if (!wants && !peer.complete) return
    peer.here = true
    this.#announce(peer)
    const turn = (): void => {
      if (!peer.here) return
      this.#unsnub(peer)
      this.#serve(peer, rechoke(peer))
      this.#run.clock.after(RECHOKE_MS, turn)
    }
    this.#run.clock.after(peer.random() * RECHOKE_MS, turn)
  }

  left(host: number, silently: boolean): void {
    const peer = this.#peers[host]!
    peer.here = false
    this.#tracker.leave(peer)
    if (silently) return
    for (const side of [...peer.sides]) this.#disconnect(side)
  }

  inspect(): void {
    this.#pipes.inspect()
  }

  #announce(peer: Peer): void {
    const { clock, network } = this.#run
    clock.after(ANNOUNCE_ANSWER_MS, () => {
      if (!peer.here) return
      for (const other of this.#tracker.announce(peer, TRACKER_PEERS)) {
        const reached = other.here && network.reaches(peer.host, other.host)
        if (reached && other.sides.length < PEERS_MAX && peer.sides.length < PEERS_MAX) this.#connect(peer, other)
      }
    })
    clock.after(ANNOUNCE_MS, () => {
      if (peer.here && !peer.complete && peer.sides.length < PEERS_MIN) this.#announce(peer)
    })
  }

  #connect(a: Peer, b: Peer): void {
    if (a.banned.has(b) || b.banned.has(a) || a.sides.some(({ other }) => other === b)) return
    if (a.complete && b.complete) return
    const [there, back] = sidesOf(a, b)
    a.meet(there)
    b.meet(back)
    this.#fill(a)
    this.#fill(b)
  }

  #disconnect(side: Side): void {
    for (const one of [side, side.mirror]) {
      if (one.pipe !== undefined) this.#pipes.close(one.pipe)
      one.pipe = undefined
      one.of.part(one)
    }
    for (const { of } of [side, side.mirror]) this.#askAll(of)
  }

  /** Gives free slots to those that want something. */
  #fill(peer: Peer): void {
    if (!peer.here || peer.held === 0) return
    for (;;) {
      const side = nextServed(peer)
      if (side === undefined) return
      peer.served.add(side)
      this.#ask(side.mirror)
    }
  }

  #serve(peer: Peer, served: ReadonlySet<Side>): void {
    const fresh = [...served].filter((side) => !peer.served.has(side))
    peer.served.clear()
    for (const side of served) peer.served.add(side)
    for (const side of fresh) this.#ask(side.mirror)
  }

  #askAll(peer: Peer): void {
    if (!peer.here || peer.complete) return
    for (const side of peer.sides) this.#ask(side)
  }

  /** Asks a peer that serves this one for as much as it may. */
  #ask(side: Side): void {
    const { of, mirror } = side
    const { clock, network } = this.#run
    if (!mirror.of.served.has(mirror) || !of.here || side.snubbedUntilMs > clock.now()) return
    while (side.asked.size < AHEAD) {
      const piece = of.choose(side)
      if (piece === undefined) return
      if (side.asked.size === 0) side.askedAtMs = clock.now()
      of.ask(side, piece)
      network.tell(of.host, mirror.of.host, () => this.#send(mirror, piece))
    }
  }

  #send(side: Side, piece: number): void {
    const { of, other, mirror } = side
    if (!of.here || !mirror.asked.has(piece)) return
    if (side.pipe === undefined) {
      side.pipe = this.#pipes.open(of.host, other.host)
      this.#sideOf.set(side.pipe, side)
    }
    const last = piece === this.#pieces - 1
    const bytes = last ? this.#run.cluster.image.fileBytes - piece * this.#pieceBytes : this.#pieceBytes
    this.#pipes.send(side.pipe, bytes, () => this.#arrived(side.mirror, piece, bytes))
  }

  #arrived(side: Side, piece: number, bytes: number): void {
    const { of, other } = side
    const { ledger, clock, cluster } = this.#run
    of.unask(side, piece)
    side.askedAtMs = clock.now()
    if (cluster.hosts[other.host]!.fault?.kind === 'wrong') {
      // Its hash is not what the torrent says.
      ledger.lost(bytes)
      of.banned.add(other)
      this.#disconnect(side)
      return
    }
    side.receivedBytes += bytes
    const fresh = of.add(piece)
    ledger.arrived(other.host, of.host, fresh ? bytes : 0, fresh ? 0 : bytes)
    if (fresh) this.#got(of, piece)
    this.#ask(side)
  }

  #got(peer: Peer, piece: number): void {
    const { ledger, clock } = this.#run
    for (const side of peer.served) if (side.other.has[piece] === 0) this.#ask(side.mirror)
    if (peer.complete || peer.held % this.#fillPieces === 1 % this.#fillPieces) this.#fill(peer)
    if (!peer.complete) return
    ledger.complete(peer.host, clock.now())
    // It wants nothing any more: others have its slots.
    for (const { mirror } of peer.sides) {
      if (mirror.of.served.delete(mirror)) this.#fill(mirror.of)
    }
  }

  /** Gives up for a while who sends nothing of what it was asked for; others are asked for it. */
  #unsnub(peer: Peer): void {
    const now = this.#run.clock.now()
    for (const side of [...peer.sides]) {
      if (side.asked.size === 0 || now - side.askedAtMs < SNUB_MS) continue
      side.snubbedUntilMs = now + ANNOUNCE_MS
      for (const piece of [...side.asked]) peer.unask(side, piece)
      const { pipe } = side.mirror
      if (pipe !== undefined) this.#pipes.close(pipe)
      side.mirror.pipe = undefined
      if (side.other.here) continue
      this.#disconnect(side)
    }
    this.#askAll(peer)
  }
}

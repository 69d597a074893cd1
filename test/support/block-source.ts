/** What the block exchange serves, in memory; and sessions over streams in memory. */
import { createHash } from 'node:crypto'
import type { Stream } from '@libp2p/interface'
import { streamPair } from '@libp2p/utils'
import type { CID } from 'multiformats/cid'
import { Holdings } from '../../node/serve/holdings.ts'
import { packBits } from '../../protocols/bits.ts'
import { BlockSession, type Frame, type SessionEvents } from '../../protocols/blocks/client.ts'
import type { PeerHint } from '../../protocols/blocks/messages.ts'
import {
  type BlockSource,
  type Client,
  type ImageHoldings,
  type PieceClaim,
  type ServedFrame,
  type ServeSession,
  serveBlocks,
} from '../../protocols/blocks/server.ts'

export function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

/** Serves plain frames of the blocks that it was given. */
export class MemorySource implements BlockSource {
  readonly blocks = new Map<string, Uint8Array>()
  readonly tables = new Map<string, Uint8Array>()
  readonly complete = new Set<string>()
  readonly holdingsOf = new Holdings((root) => this.complete.has(root.toString()))
  readonly heard: { root: string; peers: PeerHint[] }[] = []
  readonly tells = new Set<(peers: PeerHint[]) => void>()
  /** Who opened a session, or was refused one. */
  readonly clients: Client[] = []
  readonly cancelled: number[] = []
  readonly sentFrames: { request: number; wireBytes: number }[] = []
  sessions = 0
  /** Refuses sessions, or requests, while set. */
  full = false
  /** Has no room for one more session about an image. */
  crowded = false
  /** Gives pieces to whoever asks first; false: another client got them. */
  grants = true
  /** Whom a client that is refused is told of. */
  others: PeerHint[] = []
  rack: string | undefined
  busy = false
  aliveMs = 300
  isWorking = true
  /** Frames wait for this. */
  gate: Promise<void> = Promise.resolve()

  /** @returns the hash */
  add(bytes: Uint8Array): Uint8Array {
    const digest = sha256(bytes)
    this.blocks.set(digest.toString('hex'), bytes)
    return digest
  }

  holdings(root: CID): ImageHoldings {
    return this.holdingsOf.of(root)
  }

  tableBytes(cid: CID): Uint8Array | undefined {
    return this.tables.get(cid.toString())
  }

  hasPrefix(prefixes: Uint8Array): Uint8Array {
    const known = new Set([...this.blocks.keys()].map((hex) => hex.slice(0, 16)))
    return Uint8Array.from({ length: prefixes.length / 8 }, (_, i) =>
      Number(known.has(Buffer.from(prefixes.subarray(i * 8, i * 8 + 8)).toString('hex'))),
    )
  }

  openSession(): ServeSession | undefined {
    if (this.full) return undefined
    this.sessions++
    return {
      busyMs: 70,
      aliveMs: this.aliveMs,
      isWorking: () => this.isWorking,
      newsMs: () => 50,
      frame: async (_request, hashes, lengths) => {
        await this.gate
        return this.busy ? undefined : this.#frame(hashes, lengths)
      },
      cancel: (request) => {
        this.cancelled.push(request)
      },
      sent: (request, wireBytes) => {
        this.sentFrames.push({ request, wireBytes })
      },
      close: () => {
        this.sessions--
      },
    }
  }

  joined(_root: CID, client: Client, tell: (peers: PeerHint[]) => void): () => void {
    this.clients.push(client)
    this.tells.add(tell)
    return () => this.tells.delete(tell)
  }

  async turnedAway(_root: CID, client: Client): Promise<PeerHint[]> {
    this.clients.push(client)
    return this.others
  }

  admits(): boolean {
    return !this.crowded
  }

  claimed(root: CID, _peer: string, { pieces, wishes, except }: PieceClaim): number[] | undefined {
    if (!this.grants) return wishes.slice(0, 1)
    this.holdingsOf.claimed(root, pieces, except)
    return undefined
  }

  heardOf(root: CID, peers: PeerHint[]): void {
    this.heard.push({ root: root.toString(), peers })
  }

  #frame(hashes: Uint8Array, lengths: Uint32Array): ServedFrame {
    const found = Array.from(lengths, (_, i) => {
      return this.blocks.get(Buffer.from(hashes.subarray(i * 32, i * 32 + 32)).toString('hex'))
    })
    const missing = Uint8Array.from(found, (bytes) => Number(bytes === undefined))
    const payload = Buffer.concat(found.filter((bytes) => bytes !== undefined))
    return { encoding: 0, payload, missing: missing.includes(1) ? packBits(missing) : undefined }
  }
}

/** What a session told its user. */
export interface Told {
  readonly frames: Frame[]
  readonly busy: { request: number; ms: number }[]
  readonly claimed: { request: number; kept: readonly number[] }[]
  readonly have: { held: number[]; getting: number[] }[]
  readonly peers: PeerHint[]
  heardBytes: number
  closed: { error: Error | undefined } | undefined
}

export function recordingEvents(): { told: Told; events: SessionEvents } {
  const told: Told = { frames: [], busy: [], claimed: [], have: [], peers: [], heardBytes: 0, closed: undefined }
  const events: SessionEvents = {
    frame: (frame) => told.frames.push(frame),
    busy: (request, ms) => told.busy.push({ request, ms }),
    claimed: (request, kept) => told.claimed.push({ request, kept }),
    have: (held, getting) => told.have.push({ held, getting }),
    peers: (peers) => told.peers.push(...peers),
    heard: (bytes) => {
      told.heardBytes += bytes
    },
    closed: (error) => {
      told.closed = { error }
    },
  }
  return { told, events }
}

/** A client's session with a source, over streams in memory. @param copies as serveBlocks has it */
export async function sessionWith(
  source: BlockSource,
  copies = false,
): Promise<{ session: BlockSession; told: Told; client: Stream; server: Stream; served: Promise<Error | undefined> }> {
  const [client, server] = await streamPair()
  const { told, events } = recordingEvents()
  const served = serveBlocks(server, 'client', source, copies).then(
    () => undefined,
    (error: Error) => {
      server.abort(error)
      return error
    },
  )
  return { session: new BlockSession(client, events), told, client, server, served }
}

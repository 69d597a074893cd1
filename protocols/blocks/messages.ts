/**
 * Block exchange, /hotblock/blocks/1.0.0
 *
 * Participants: a client that wants the blocks of one image, and a server that holds blocks, of that image or of others.
 * One stream is one session about one root; the client opens it.
 *
 * Goals: any block by its hash, whatever image the server has it in; many blocks in one compressed frame; the client
 * learns at once what the server comes to hold; nothing that either side sends makes the other buffer without a bound.
 * Non-goals: trust (every part is verified by hash by who receives it), finding peers (see discovery/).
 *
 * A message is: length (4 bytes, big endian) of the rest, length of the header (2 bytes), header (DAG-CBOR, a map whose
 * `t` names the message), payload (the rest; raw bytes). Limits are in constants.ts; what exceeds them, or answers nothing that
 * was asked, is BAD_MESSAGE and ends the session.
 *
 * Client to server
 *   open   {root, rack?}           first message, once. rack: where the client stands
 *   table  {id, want: [CID…]}      root or segments, by CID
 *   probe  {id}                    payload: 8-byte prefixes of block hashes: which of them do you have?
 *   get    {id, seg?, or?, low?}   payload: per block its hash (32 bytes) and length (4 bytes): send these blocks. seg: the
 *                                  pieces that they are of, for the server to tell its other sessions about this root.
 *                                  or: pieces that would do as well, should another client be getting those.
 *                                  low: nobody waits for the image, so what others ask for may go first
 *   cancel {id}                    the get need not be answered any more
 *   peers  {peers}                 other peers of this root that the client knows
 *
 * Server to client
 *   state  {holds, total, rack?}   answer to open. holds: all, some or none of the image. payload if some: bit fields over
 *                                  the image's `total` pieces, first those held whole, then those being fetched. rack:
 *                                  where the server stands
 *   full   {peers}                 answer to open: there is no room for the session; others that may be asked. The last word
 *   have   {held, getting}         lists of piece numbers, as they change: held by the server; got by it or by others
 *   table  {id, sizes}             payload: the parts one after the other; size −1: not here
 *   probe  {id}                    payload: bit field over the prefixes
 *   frame  {id, enc, miss?}        payload: the blocks one after the other, zstd-compressed if enc is 1; miss: bit field of
 *                                  requested blocks that are not in it
 *   busy   {id, ms, claimed?, kept?}  ask again after ms, or ask somebody else. claimed: another client got it a moment ago;
 *                                  kept: those of the pieces in `or` that are kept for this client now
 *   peers  {peers}                 other peers of this root that the server knows
 *
 * What is said of a peer is its id, addresses and, if known, the label of its rack. A label is what a site calls it; nothing
 * but which peers are dialled follows from it.
 */
import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { z } from 'zod'
import { HotblockError } from '../errors.ts'
import {
  ADDRESS_CHARS_MAX,
  CLAIM_PIECES_MAX,
  GET_BLOCKS_MAX,
  HAVE_PIECES_MAX,
  MESSAGE_BYTES_MAX,
  PEER_ADDRESSES_MAX,
  PEER_ID_CHARS_MAX,
  PEERS_MAX,
  PIECES_MAX,
  PROBE_HASHES_MAX,
  RACK_CHARS_MAX,
  TABLE_PARTS_MAX,
  WISH_PIECES_MAX,
} from './constants.ts'

const id = z.number().int().min(0).max(0xffffffff)
const cid = z.custom<CID>((value) => CID.asCID(value) !== null)
const pieces = z
  .array(
    z
      .number()
      .int()
      .min(0)
      .max(PIECES_MAX - 1),
  )
  .max(HAVE_PIECES_MAX)
const claims = pieces.max(CLAIM_PIECES_MAX)
const wishes = pieces.max(WISH_PIECES_MAX)
const bits = z.custom<Uint8Array>((value) => value instanceof Uint8Array)
const ascii = z.string().regex(/^[\x21-\x7e]+$/)
const peerId = ascii.max(PEER_ID_CHARS_MAX)
const address = ascii.max(ADDRESS_CHARS_MAX)
/** The label of a rack. */
export const rackLabel = ascii.max(RACK_CHARS_MAX)
const rack = rackLabel.optional()
const peers = z
  .array(z.strictObject({ id: peerId, addresses: z.array(address).max(PEER_ADDRESSES_MAX), rack }))
  .max(PEERS_MAX)

const openHeader = z.strictObject({
  t: z.literal('open'),
  root: cid,
  rack,
})
const tableRequest = z.strictObject({ t: z.literal('table'), id, want: z.array(cid).min(1).max(TABLE_PARTS_MAX) })
const probeHeader = z.strictObject({ t: z.literal('probe'), id })
const getHeader = z.strictObject({
  t: z.literal('get'),
  id,
  seg: claims.optional(),
  or: wishes.optional(),
  low: z.literal(true).optional(),
})
const cancelHeader = z.strictObject({ t: z.literal('cancel'), id })
const peersHeader = z.strictObject({ t: z.literal('peers'), peers })

const clientHeader = z.discriminatedUnion('t', [
  openHeader,
  tableRequest,
  probeHeader,
  getHeader,
  cancelHeader,
  peersHeader,
])

const stateHeader = z.strictObject({
  t: z.literal('state'),
  holds: z.enum(['all', 'some', 'none']),
  total: z.number().int().min(0).max(PIECES_MAX),
  rack,
})
const fullHeader = z.strictObject({ t: z.literal('full'), peers })
const haveHeader = z.strictObject({ t: z.literal('have'), held: pieces, getting: pieces })
const tableAnswer = z.strictObject({
  t: z.literal('table'),
  id,
  sizes: z.array(z.number().int().min(-1).max(MESSAGE_BYTES_MAX)).max(TABLE_PARTS_MAX),
})
const frameHeader = z.strictObject({
  t: z.literal('frame'),
  id,
  enc: z.number().int().min(0).max(1),
  miss: bits.optional(),
})
const busyHeader = z.strictObject({
  t: z.literal('busy'),
  id,
  ms: z.number().int().min(0).max(60_000),
  claimed: z.boolean().optional(),
  kept: wishes.optional(),
})

const serverHeader = z.discriminatedUnion('t', [
  stateHeader,
  fullHeader,
  haveHeader,
  tableAnswer,
  probeHeader,
  frameHeader,
  busyHeader,
  peersHeader,
])

export type ClientHeader = z.infer<typeof clientHeader>
export type ServerHeader = z.infer<typeof serverHeader>
type ToldPeers = z.infer<typeof peers>

/** What one peer says of another. */
export interface PeerHint {
  readonly id: string
  readonly addresses: readonly string[]
  /** Label of the rack in which it stands. */
  readonly rack?: string | undefined
}

export interface Message<H> {
  readonly header: H
  readonly payload: Uint8Array
}
export type ClientMessage = Message<ClientHeader>
export type ServerMessage = Message<ServerHeader>

const EMPTY = new Uint8Array(0)

/** The parts of a message as they go on the wire: prefix with header, then the payload, which is not copied. */
export function encodeMessage(header: ClientHeader | ServerHeader, payload: Uint8Array = EMPTY): Uint8Array[] {
  const encoded = dagCbor.encode(header)
  const head = Buffer.allocUnsafe(6 + encoded.byteLength)
  head.writeUInt32BE(2 + encoded.byteLength + payload.byteLength, 0)
  head.writeUInt16BE(encoded.byteLength, 4)
  head.set(encoded, 6)
  return payload.byteLength === 0 ? [head] : [head, payload]
}

/** @param body what follows the length. @throws BAD_MESSAGE */
export function decodeClientMessage(body: Uint8Array): ClientMessage {
  return decode(body, clientHeader)
}

/** @param body what follows the length. @throws BAD_MESSAGE */
export function decodeServerMessage(body: Uint8Array): ServerMessage {
  return decode(body, serverHeader)
}

function decode<H>(body: Uint8Array, schema: z.ZodType<H>): Message<H> {
  if (body.byteLength < 2) throw badMessage('a message without a header')
  const headerBytes = (body[0]! << 8) | body[1]!
  if (2 + headerBytes > body.byteLength) throw badMessage('a header of a wrong size')
  let value: unknown
  try {
    value = dagCbor.decode(body.subarray(2, 2 + headerBytes))
  } catch (error) {
    throw badMessage('a header that is not DAG-CBOR', error)
  }
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw badMessage('a header that says nothing known', parsed.error)
  return { header: parsed.data, payload: body.subarray(2 + headerBytes) }
}

export function badMessage(what: string, cause?: unknown): HotblockError {
  return new HotblockError('BAD_MESSAGE', `the peer sent ${what}`, {}, cause)
}

/** As much of what is known of peers as a message may say: what is too long or too much is left out. */
export function tellablePeers(known: readonly PeerHint[]): ToldPeers {
  const told: ToldPeers = []
  for (const { id, addresses, rack } of known) {
    if (told.length === PEERS_MAX) break
    if (!peerId.safeParse(id).success) continue
    const good = addresses.filter((text) => address.safeParse(text).success)
    told.push({ id, addresses: good.slice(0, PEER_ADDRESSES_MAX), ...(rack === undefined ? {} : { rack }) })
  }
  return told
}

/** Hashes (32 bytes each) and lengths of the blocks of a get. */
export function encodeGet(hashes: Uint8Array, lengths: Uint32Array): Uint8Array {
  const out = Buffer.allocUnsafe(lengths.length * 36)
  out.set(hashes, 0)
  for (let i = 0; i < lengths.length; i++) out.writeUInt32BE(lengths[i]!, lengths.length * 32 + i * 4)
  return out
}

/** @throws BAD_MESSAGE where the payload is no such list, or asks for more than a frame holds */
export function decodeGet(payload: Uint8Array, frameBytesMax: number): { hashes: Uint8Array; lengths: Uint32Array } {
  const count = payload.byteLength / 36
  if (!Number.isInteger(count) || count === 0 || count > GET_BLOCKS_MAX) throw badMessage('a get of a wrong size')
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  const lengths = new Uint32Array(count)
  let sum = 0
  for (let i = 0; i < count; i++) {
    const length = view.getUint32(count * 32 + i * 4)
    if (length === 0) throw badMessage('a get of an empty block')
    lengths[i] = length
    sum += length
  }
  if (sum > frameBytesMax) throw badMessage('a get of more than a frame holds')
  return { hashes: payload.subarray(0, count * 32), lengths }
}

/** @throws BAD_MESSAGE */
export function checkProbe(payload: Uint8Array, prefixBytes: number): number {
  const count = payload.byteLength / prefixBytes
  if (!Number.isInteger(count) || count === 0 || count > PROBE_HASHES_MAX) throw badMessage('a probe of a wrong size')
  return count
}

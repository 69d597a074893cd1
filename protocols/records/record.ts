/**
 * A record: a name's signed pointer to a root.
 *
 * Bytes: DAG-CBOR of the list [payload, signature]. The payload is the DAG-CBOR of the record's fields, the signature is
 * the builder's Ed25519 over SIGNATURE_DOMAIN followed by the payload. Both are deterministic: other bytes for the same
 * content are refused, so that a record has exactly one form and equal records are equal bytes.
 */
import * as cbor from '@ipld/dag-cbor'
import type { PrivateKey, PublicKey } from '@libp2p/interface'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import { CID } from 'multiformats/cid'
import { HotblockError } from '../errors.ts'
import { HASH_BYTES, IMAGE_BYTES_MAX } from '../table/constants.ts'
import { IMAGE_FORMATS, type ImageFormat } from '../table/table.ts'
import {
  CONFIG_DIGEST_BYTES_MAX,
  RECORD_AHEAD_MS_MAX,
  RECORD_BYTES_MAX,
  RECORD_VERSION,
  SEQUENCE_MAX,
  SIGNATURE_DOMAIN,
} from './constants.ts'
import { isName } from './name.ts'

const SIGNATURE_BYTES = 64
const SHA2_256 = 0x12

export interface ImageRecord {
  readonly name: string
  /** 1 to 2^53 − 1; of one builder's records of one name, the highest is in force. */
  readonly sequence: number
  readonly root: CID
  readonly imageBytes: number
  readonly format: ImageFormat
  /** Digest of the configuration that the image was made from, where it was made by the builder's own stages. */
  readonly configDigest?: Uint8Array
  /** When it was published: milliseconds since the epoch. */
  readonly time: number
  /** Peer id of the builder, an Ed25519 one. */
  readonly builder: string
}

/** What a builder fills in; who signs is the builder. */
export type RecordFields = Omit<ImageRecord, 'builder'>

/** A record's payload before its signature is checked: good for asking who it claims to be from, and nothing else. */
interface Envelope {
  readonly payload: Uint8Array
  readonly signature: Uint8Array
  readonly record: ImageRecord
}

/**
 * @param fields what the record says
 * @param privateKey the builder's Ed25519 libp2p key
 * @returns the record's bytes
 * @throws BAD_NAME, or BAD_RECORD where a field is out of bounds
 */
export async function signRecord(fields: RecordFields, privateKey: PrivateKey): Promise<Uint8Array> {
  if (privateKey.type !== 'Ed25519') throw bad(`a record is signed with an Ed25519 key, not ${privateKey.type}`)
  const builder = peerIdFromPrivateKey(privateKey).toString()
  const payload = cbor.encode(payloadOf({ ...fields, builder }))
  const record = readPayload(payload)
  checkTime(record, Date.now())
  const signature = await privateKey.sign(signed(payload))
  const bytes = cbor.encode([payload, signature])
  if (bytes.length > RECORD_BYTES_MAX) throw bad(`${label(record)} is ${bytes.length} bytes long`)
  return bytes
}

/**
 * Reads a record from wherever it comes and verifies its signature with the key that the builder's peer id is.
 * @param now milliseconds since the epoch
 * @throws BAD_RECORD, BAD_NAME
 */
export async function openRecord(bytes: Uint8Array, now: number = Date.now()): Promise<ImageRecord> {
  const { payload, signature, record } = readEnvelope(bytes)
  checkTime(record, now)
  const key = builderKey(record.builder)
  let good = false
  try {
    good = await key.verify(signed(payload), signature)
  } catch (error) {
    throw bad(`the signature of ${label(record)} cannot be read`, record, error)
  }
  if (!good) throw bad(`${label(record)} is not signed by the builder that it names`, record)
  return record
}

/**
 * Reads a record without verifying it: who it claims to be from, so that what is of no interest costs no verification.
 * @throws BAD_RECORD, BAD_NAME
 */
export function peekRecord(bytes: Uint8Array): ImageRecord {
  return readEnvelope(bytes).record
}

/** For messages: which record of which builder. */
export function label(record: Pick<ImageRecord, 'name' | 'builder' | 'sequence'>): string {
  return `record ${record.name} ${record.sequence} of builder ${record.builder}`
}

/** @throws BAD_RECORD when it is no Ed25519 peer id in its canonical text */
export function builderKey(builder: string): PublicKey {
  let key: PublicKey | undefined
  let text = ''
  try {
    const peer = peerIdFromString(builder)
    text = peer.toString()
    key = peer.type === 'Ed25519' ? peer.publicKey : undefined
  } catch (error) {
    throw bad('the builder that a record names is no peer id', undefined, error)
  }
  if (key === undefined || text !== builder) throw bad('the builder that a record names is no Ed25519 peer id')
  return key
}

function readEnvelope(bytes: Uint8Array): Envelope {
  if (bytes.length > RECORD_BYTES_MAX) {
    throw bad(`a record of ${bytes.length} bytes is longer than ${RECORD_BYTES_MAX}`)
  }
  const outer = decodeExact(bytes)
  if (!Array.isArray(outer) || outer.length !== 2) throw bad('a record is not a payload and a signature')
  const [payload, signature] = outer as unknown[]
  if (!(payload instanceof Uint8Array) || !(signature instanceof Uint8Array)) {
    throw bad('a record is not a payload and a signature')
  }
  if (signature.length !== SIGNATURE_BYTES) throw bad('a record has a signature of the wrong length')
  return { payload, signature, record: readPayload(payload) }
}

function readPayload(payload: Uint8Array): ImageRecord {
  const value = decodeExact(payload)
  if (value === null || typeof value !== 'object' || Array.isArray(value) || value instanceof Uint8Array) {
    throw bad('a record has no fields')
  }
  const fields = value as Record<string, unknown>
  for (const key of Object.keys(fields)) {
    if (!FIELDS.has(key)) throw bad(`a record has an unknown field ${JSON.stringify(key.slice(0, 64))}`)
  }
  const { v, name, sequence, root, imageBytes, format, configDigest, time, builder } = fields
  if (v !== RECORD_VERSION) throw bad('a record is of another version')
  if (typeof builder !== 'string' || builder.length > 128) throw bad('a record names no builder')
  if (!isName(name)) {
    throw new HotblockError('BAD_NAME', `a record of builder ${printable(builder)} has no proper name`)
  }
  const where = `record ${name} of builder ${printable(builder)}`
  if (!isInteger(sequence, 1, SEQUENCE_MAX)) throw bad(`${where} has no proper sequence`)
  if (!isRoot(root)) throw bad(`${where} has no proper root`)
  if (!isInteger(imageBytes, 1, IMAGE_BYTES_MAX)) throw bad(`${where} has no proper size`)
  if (!IMAGE_FORMATS.includes(format as ImageFormat)) throw bad(`${where} has an unknown format`)
  if (!isInteger(time, 0, Number.MAX_SAFE_INTEGER)) throw bad(`${where} has no proper time`)
  const record = { name, sequence, root, imageBytes, format: format as ImageFormat, time, builder }
  if (configDigest === undefined) return record
  if (!(configDigest instanceof Uint8Array) || configDigest.length < 1) throw bad(`${where} has no proper digest`)
  if (configDigest.length > CONFIG_DIGEST_BYTES_MAX) throw bad(`${where} has too long a digest`)
  return { ...record, configDigest }
}

const FIELDS = new Set(['v', 'name', 'sequence', 'root', 'imageBytes', 'format', 'configDigest', 'time', 'builder'])

function payloadOf(record: ImageRecord): Record<string, unknown> {
  const { name, sequence, root, imageBytes, format, configDigest, time, builder } = record
  const fields = { v: RECORD_VERSION, name, sequence, root, imageBytes, format, time, builder }
  return configDigest === undefined ? fields : { ...fields, configDigest }
}

function checkTime(record: ImageRecord, now: number): void {
  if (record.time > now + RECORD_AHEAD_MS_MAX) {
    throw bad(`${label(record)} is dated more than a day ahead of this node's clock`, record)
  }
}

/** Decodes, and refuses bytes that are not the one encoding of what they decode to. */
function decodeExact(bytes: Uint8Array): unknown {
  let value: unknown
  let again: Uint8Array
  try {
    value = cbor.decode(bytes)
    again = cbor.encode(value)
  } catch (error) {
    throw bad('a record is not DAG-CBOR', undefined, error)
  }
  if (Buffer.compare(again, bytes) !== 0) throw bad('a record is not in its one deterministic form')
  return value
}

function isInteger(value: unknown, least: number, most: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most
}

function isRoot(value: unknown): value is CID {
  const cid = CID.asCID(value)
  if (cid === null || cid.version !== 1 || cid.code !== cbor.code) return false
  return cid.multihash.code === SHA2_256 && cid.multihash.digest.length === HASH_BYTES
}

function signed(payload: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(SIGNATURE_DOMAIN), payload])
}

function printable(text: string): string {
  return /^[\x21-\x7e]+$/.test(text) ? text : JSON.stringify(text)
}

function bad(message: string, record?: ImageRecord, cause?: unknown): HotblockError {
  const data = record === undefined ? {} : { name: record.name, builder: record.builder, sequence: record.sequence }
  return new HotblockError('BAD_RECORD', message, data, cause)
}

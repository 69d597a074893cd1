/** The names of table bytes: CIDv1, DAG-CBOR, SHA-256. */
import { hash } from 'node:crypto'
import { code as DAG_CBOR } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import * as digest from 'multiformats/hashes/digest'
import { HASH_BYTES } from './constants.ts'

const SHA2_256 = 0x12

/** Bytes of a root or a segment, with their CID. */
export interface Blob {
  readonly cid: CID
  readonly bytes: Uint8Array
}

/** The CID of a root's or a segment's bytes. */
export function tableCid(bytes: Uint8Array): CID {
  return CID.createV1(DAG_CBOR, digest.create(SHA2_256, hash('sha256', bytes, 'buffer')))
}

/** Can these be the name of a root or a segment? */
export function isTableCid(cid: CID): boolean {
  return (
    cid.version === 1 &&
    cid.code === DAG_CBOR &&
    cid.multihash.code === SHA2_256 &&
    cid.multihash.digest.length === HASH_BYTES
  )
}

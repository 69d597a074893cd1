import * as cbor from '@ipld/dag-cbor'
import type { PrivateKey } from '@libp2p/interface'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import type { RecordRows } from '../../protocols/records/book.ts'
import { type RecordFields, signRecord } from '../../protocols/records/record.ts'

/** A root with the given byte all over its digest. */
export function rootOf(byte: number): CID {
  return CID.createV1(cbor.code, Digest.create(0x12, new Uint8Array(32).fill(byte)))
}

export function recordFields(changes: Partial<RecordFields> = {}): RecordFields {
  const time = Date.now()
  return { name: 'slc4-batch', sequence: 1, root: rootOf(1), imageBytes: 4096, format: 'raw', time, ...changes }
}

export function recordOf(key: PrivateKey, changes: Partial<RecordFields> = {}): Promise<Uint8Array> {
  return signRecord(recordFields(changes), key)
}

export function memoryRows(rows = new Map<string, Uint8Array>()): RecordRows & { rows: Map<string, Uint8Array> } {
  return {
    rows,
    get: (key) => rows.get(key),
    put: async (key, value) => {
      rows.set(key, value)
    },
    list: (prefix) => [...rows].filter(([key]) => key.startsWith(prefix)).map(([key, value]) => ({ key, value })),
  }
}

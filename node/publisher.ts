import type { PrivateKey } from '@libp2p/interface'
import type { RecordBook } from '../protocols/records/book.ts'
import type { ImageRecord } from '../protocols/records/record.ts'
import type { PublishOptions, PublishProgress, PublishReport } from './api.ts'
import type { Pool } from './pool/jobs.ts'
import type { Store } from './store/store.ts'

/** What publishing needs of the node that it happens on. */
export interface PublishDeps {
  readonly store: Store
  readonly pool: Pool
  readonly book: RecordBook
  readonly privateKey: PrivateKey
  /** This node's peer id. */
  readonly self: string
  /** The image is in the store and its record is signed and kept: tell the mesh. */
  readonly announce: (record: ImageRecord, bytes: Uint8Array) => Promise<void>
}

/** The builder's part of a node, given to the daemon from outside: a worker's code does not depend on builder/. */
export type Publisher = (
  deps: PublishDeps,
  file: string,
  name: string,
  options: PublishOptions,
  progress: (p: PublishProgress) => void,
) => Promise<PublishReport>

/** What the virtual nodes of one hotblock run share. */
import type { Run } from '../run.ts'
import type { VirtualNode } from './node.ts'
import type { Registry } from './registry.ts'

/** What a message takes on the wire beside the blocks, about. */
export const FRAME_OVERHEAD_BYTES = 64
/** Time to read, check and pack a frame, and to unpack, check and write one; milliseconds for a MiB. */
export const FRAME_MS_PER_MIB = 4
/** A look-up or an advertisement on the DHT. */
export const FIND_MS = 50

export interface World {
  readonly run: Run
  /** The builder is the first. */
  readonly nodes: readonly VirtualNode[]
  readonly byName: ReadonlyMap<string, VirtualNode>
  readonly registry: Registry
  /** Fetch whole images: blocks that the node has in others are fetched all the same. */
  readonly whole: boolean
  /** Wait a moment for peers with the same blocks in other images, before the builder is asked. */
  readonly grace: boolean
  /** Table bytes of the image, and the requests that they take. */
  readonly tableBytes: number
  readonly tableRequests: number
}

/** What the virtual nodes of one hotblock run share. */
import { HOOK_BITS } from '../../protocols/table/constants.ts'
import type { Run } from '../run.ts'
import type { VirtualNode } from './node.ts'
import type { Registry } from './registry.ts'

/** What lies in the buffers of a connection, before a small message of another session on it. */
export const AHEAD_BYTES = 256 * 1024
/** What a message takes on the wire beside the blocks, about. */
export const FRAME_OVERHEAD_BYTES = 64
/** Time to read, check and pack a frame, to read one that is packed, and to unpack, check and write one; milliseconds for a MiB. */
const PACK_MS_PER_MIB = 4
const READ_MS_PER_MIB = 0.5
const UNPACK_MS_PER_MIB = 2.5
/** Of TCP, and of TLS or Noise. */
export const HANDSHAKE_ROUND_TRIPS = 3
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
  /** Items whose hashes are hooks: nodes advertise them for what they have in any image. */
  readonly hooks: readonly number[]
  /** Table bytes of the image, and the requests that they take. */
  readonly tableBytes: number
  readonly tableRequests: number
}

/** One block of so many is a hook; of blocks of 64 KiB. */
const HOOK_SPAN_BYTES = 2 ** HOOK_BITS * 64 * 1024

/** Items that are hooks, if they lie as far apart as in real images on average. */
export function hooksOf(lengths: Uint32Array, grain: number): number[] {
  const hooks: number[] = []
  let bytes = 0
  lengths.forEach((length, item) => {
    if (bytes >= hooks.length * HOOK_SPAN_BYTES) hooks.push(item)
    bytes += length * grain
  })
  return hooks
}

/**
 * What it takes to have a frame ready, milliseconds. A coarse frame stands for many that are packed while those before them
 * are on their way, so it takes no longer than one.
 * @param isPacked a builder's are since it published, and what a worker of the image has received it passes on as it came
 */
export function packMs(bytes: number, isPacked: boolean): number {
  return (bytes / (1024 * 1024)) * (isPacked ? READ_MS_PER_MIB : PACK_MS_PER_MIB)
}

export function unpackMs(bytes: number): number {
  return (bytes / (1024 * 1024)) * UNPACK_MS_PER_MIB
}

/** What a server said that it holds of the image. */
export function holdsOf({ holdsAll, node }: { readonly holdsAll: boolean; readonly node: VirtualNode }): Holds {
  if (holdsAll) return 'all'
  return node.fetcher?.lacksTable === false ? 'some' : 'none'
}

type Holds = 'all' | 'some' | 'none'

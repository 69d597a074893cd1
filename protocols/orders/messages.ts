/**
 * Messages of the orders protocol, DAG-CBOR, each after its length as a varint. One order and one answer a stream.
 *
 *     order    [priority, job, [name…]]     priority: allocated, seed or reseed; names as users give them: NAME or NAME@BUILDER
 *     answer   [result]                     taken, untrusted (not from a scheduler of this node's), busy (later), failed
 */
import * as cbor from '@ipld/dag-cbor'
import { HotblockError } from '../errors.ts'
import { parseWantedName } from '../records/name.ts'
import { NAME_CHARACTERS_MAX, NAMES_PER_ORDER_MAX } from './constants.ts'
import { isJob } from './job.ts'
import type { Priority } from './priority.ts'

/** What may be ordered: that a job waits on a node, only the node itself knows. */
export const ORDER_PRIORITIES = ['allocated', 'seed', 'reseed'] as const satisfies readonly Priority[]
export type OrderPriority = (typeof ORDER_PRIORITIES)[number]

export const ORDER_RESULTS = ['taken', 'untrusted', 'busy', 'failed'] as const
export type OrderResult = (typeof ORDER_RESULTS)[number]

/** Have these images here soon. */
export interface Order {
  readonly priority: OrderPriority
  /** For the log: the scheduler's name of the job. */
  readonly job: string
  readonly names: readonly string[]
}

export function encodeOrder({ priority, job, names }: Order): Uint8Array {
  return cbor.encode([priority, job, names])
}

/** @throws BAD_MESSAGE */
export function decodeOrder(bytes: Uint8Array): Order {
  const [priority, job, names] = list(decode(bytes), 3, 3)
  if (!ORDER_PRIORITIES.includes(priority as OrderPriority)) throw bad('a priority that is none')
  if (job !== '' && !isJob(job)) throw bad('a job that is none')
  const checked = list(names, 1, NAMES_PER_ORDER_MAX).map((name) => {
    if (typeof name !== 'string' || name.length > NAME_CHARACTERS_MAX) throw bad('a name that is none')
    try {
      parseWantedName(name)
    } catch (error) {
      throw bad('a name that is none', error)
    }
    return name
  })
  return { priority: priority as OrderPriority, job: job as string, names: checked }
}

export function encodeResult(result: OrderResult): Uint8Array {
  return cbor.encode([result])
}

/** @throws BAD_MESSAGE */
export function decodeResult(bytes: Uint8Array): OrderResult {
  const [result] = list(decode(bytes), 1, 1)
  if (!ORDER_RESULTS.includes(result as OrderResult)) throw bad('a result that is none')
  return result as OrderResult
}

function decode(bytes: Uint8Array): unknown {
  try {
    return cbor.decode(bytes)
  } catch (error) {
    throw bad('what is not DAG-CBOR', error)
  }
}

function list(value: unknown, least: number, most: number): unknown[] {
  if (Array.isArray(value) && value.length >= least && value.length <= most) return value
  throw bad('no list of the right length')
}

function bad(what: string, cause?: unknown): HotblockError {
  return new HotblockError('BAD_MESSAGE', `orders protocol: the peer sent ${what}`, {}, cause)
}

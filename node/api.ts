/**
 * What a running daemon can be asked: the contract between the control server (and with it the CLI, the hooks and the
 * pages) and the daemon behind it. The field names are those of the CLI's --json. Bytes are integers, times seconds.
 */
import type { OrderPriority } from '../protocols/orders/messages.ts'
import type { Priority } from '../protocols/orders/priority.ts'
import type { ToldMoment } from './hooks/core/limits.ts'

export interface PublishReport {
  name: string
  root: string
  sequence: number
  format: string
  cutter: string
  imageBytes: number
  zeroBytes: number
  blocks: number
  tableBytes: number
  seconds: number
}

export interface ImageRow {
  name: string
  root: string
  imageBytes: number
  zeroBytes: number
  /** complete, partial (being fetched), or absent (known from a record, not on this node) */
  state: 'complete' | 'partial' | 'absent'
  pinned: boolean
  /** What hotblock launch has started uses it at this moment: it stays as a pinned one does. */
  inUse: boolean
  /** of the mesh: who signed the record, its sequence and its time (ISO 8601) */
  builder?: string
  sequence?: number
  time?: string
}

export interface PlanReport {
  name: string
  root: string
  imageBytes: number
  zeroBytes: number
  hotBytes: number
  coldBytes: number
  /** Table bytes that had to be fetched for the plan, or would be for the image. */
  tableBytes: number
  /** Peers known to hold the image or part of it. */
  holders: number
  fits: boolean
  /** Roots of images that would be evicted to make room. */
  evicts: string[]
}

export interface PeerShare {
  peer: string
  /** builder: signed the record; swarm: holds the image; hook: holds blocks of it in another image */
  role: 'builder' | 'swarm' | 'hook'
  blocks: number
  /** Wire bytes received from the peer for this fetch. */
  bytes: number
}

export interface FetchReport {
  name: string
  root: string
  imageBytes: number
  zeroBytes: number
  hotBytes: number
  coldBytes: number
  tableBytes: number
  wireBytes: number
  resumedBytes: number
  seconds: number
  /** Image bytes a second. */
  virtualSpeed: number
  fractionTransferred: number
  path: string
  output?: string
  peers: PeerShare[]
}

export type FetchPhase = 'record' | 'table' | 'resume' | 'hot' | 'cold' | 'finish' | 'place' | 'done'

/** Streamed while a fetch runs. */
export interface FetchProgress {
  phase: FetchPhase
  name: string
  imageBytes: number
  /** Image bytes that are in place (zero, hot and cold ones). */
  doneBytes: number
  hotBytes: number
  coldBytes: number
  wireBytes: number
  peers: number
  seconds: number
}

/** A complete image that the caller uses: it stays where it is until the call that holds it ends. */
export interface HeldImage {
  name: string
  root: string
  /** Absolute path of its bytes, which are read-only. */
  path: string
  format: string
  imageBytes: number
}

/** Streamed by hold: the fetch, where one is needed; then `held`, once. */
export interface HoldProgress {
  fetch?: FetchProgress
  held?: HeldImage
}

export interface HoldOptions {
  /** For the waiting. */
  timeoutSeconds?: number | undefined
  /** Holds this image, which has to be here, whatever the name points at by now: nothing is fetched. */
  root?: string | undefined
}

export interface PublishProgress {
  phase: 'cut' | 'import' | 'sign' | 'done'
  doneBytes: number
  imageBytes: number
}

export interface CheckProgress {
  phase: 'verify' | 'repair'
  name: string
  doneBytes: number
  imageBytes: number
}

export interface VerifyReport {
  checkedBytes: number
  badBlocks: number
  images: { name: string; root: string; checkedBytes: number; badBlocks: number }[]
}
export interface RepairReport extends VerifyReport {
  repairedBlocks: number
}

export interface TransferRow {
  name: string
  root: string
  phase: FetchPhase
  /** What it is wanted for: job (somebody waits), allocated, seed or reseed. */
  priority: Priority
  doneBytes: number
  imageBytes: number
  wireBytes: number
  peers: number
  seconds: number
}

/** An image that is whole on this node, as schedulers' helpers are told of it. */
export interface HeldReport {
  /** Names of complete images, sorted. */
  names: string[]
}

export interface WaitReport {
  name: string
  root: string
  imageBytes: number
  /** The image in the node's home, read-only. */
  path: string
  /** From the call to the end. */
  seconds: number
}

/** What a hook tells. Everything is checked again: a hook takes it from jobs. */
export interface HookCall {
  moment: ToldMoment
  scheduler: string
  /** The scheduler's name of the job, or empty. */
  job: string
  /** NAME or NAME@BUILDER. */
  names: string[]
  /** A list of hosts as schedulers write them; empty: none. At submit the seeds, at allocate the nodes of the job. */
  hosts: string
  /** At submit: lists of hosts with white space between them; one host of each is a seed. */
  racks?: string | undefined
}

export interface HookAnswer {
  accepted: string[]
  /** Those that no trusted builder has published yet, as far as this node knows. */
  unknown: string[]
  /** How many hosts will be told. */
  hosts: number
}

/** How an order to other nodes goes, or went. */
export interface OrderReport {
  names: string[]
  priority: OrderPriority
  scheduler: string
  job: string
  hosts: number
  /** Hosts that took it; that refused it or could not; that could not be reached; that are still to be told. */
  taken: number
  refused: number
  unreachable: number
  pending: number
  /** The first few that did not take it, with why. */
  failures: { host: string; reason: string }[]
  /** ISO 8601. */
  time: string
  /** Until the last host was told, or until now. */
  seconds: number
}

export interface HooksReport {
  /** Calls of hooks since the start, by moment. */
  calls: Record<ToldMoment, number>
  /** What went wrong with hooks, by failure code, as far as their spool has told. */
  failures: Record<string, number>
  /** Orders to hosts since the start. */
  sent: { taken: number; refused: number; unreachable: number; pending: number }
  /** Orders of schedulers' nodes to this one. */
  received: { taken: number; refused: number }
  /** The newest orders, newest first. */
  orders: OrderReport[]
}

export interface StatusReport {
  version: string
  peer: string
  addresses: string[]
  home: string
  uptimeSeconds: number
  /** Peers that the node is connected to; two that dialled each other at once count once. */
  connections: number
  dht: { mode: string; peers: number; advertisedKeys: number; providerRecords: number }
  images: { complete: number; partial: number }
  transfers: TransferRow[]
  /** Names that prefetch waits for. */
  wants: string[]
  hooks: HooksReport
  served: { bytes: number; blocks: number; refused: number }
  /** Frames that are packed already: what lies on disk, what may, published images that are not packed yet, and use. */
  frames: { bytes: number; bytesMax: number; packing: number; kept: number; made: number }
  store: {
    imageBytes: number
    indexBytes: number
    quotaBytes: number | null
    freeBytes: number
    floorBytes: number
    indexedBlocks: number
  }
  memory: { rssBytes: number; heapBytes: number }
  trust: string[]
}

export interface PeerRow {
  peer: string
  addresses: string[]
  direction: 'in' | 'out'
  /** Seconds since the connection opened. */
  connectedSeconds: number
  /** Round-trip time in seconds, if measured. */
  rttSeconds?: number
  receivedBytes: number
  sentBytes: number
  agent?: string
}

/**
 * What the daemon does; one method a command. All reject with HotblockError. Where a method takes a signal, its abort
 * (the client went away, the daemon stops) ends the call with CANCELLED.
 */
export interface NodeApi {
  publish(
    file: string,
    name: string,
    options: PublishOptions,
    progress: (p: PublishProgress) => void,
    signal?: AbortSignal,
  ): Promise<PublishReport>
  images(options: { mesh: boolean }): Promise<ImageRow[]>
  plan(name: string): Promise<PlanReport>
  /** `signal` aborts waiting and the fetch, if nobody else waits for it. */
  fetch(
    name: string,
    options: { output?: string | undefined; timeoutSeconds?: number | undefined },
    progress: (p: FetchProgress) => void,
    signal: AbortSignal,
  ): Promise<FetchReport>
  /**
   * Waits until an image is here (see wait), says that it is, and keeps it from eviction and removal until `signal` aborts or
   * the daemon stops. Ends only by failing, after that with CANCELLED.
   */
  hold(name: string, options: HoldOptions, progress: (p: HoldProgress) => void, signal: AbortSignal): Promise<never>
  /** Remembers the names (also over restarts) until they are here. Returns at once. */
  prefetch(names: string[], options?: { priority?: OrderPriority | undefined }): Promise<{ accepted: string[] }>
  /**
   * Has other nodes prefetch the names. Resolves when each host was told, or could not be.
   * @param hosts a list of hosts as schedulers write them
   */
  order(names: string[], hosts: string, options: { priority?: OrderPriority | undefined }): Promise<OrderReport>
  /** What a scheduler's hook tells; returns at once, and other nodes are told afterwards. */
  hook(call: HookCall): Promise<HookAnswer>
  held(): Promise<HeldReport>
  /**
   * Waits until the image is here, asking for it if nobody has. After the time-out the node goes on with it.
   * @throws NOT_FOUND where nobody publishes the name for a while, TIMEOUT, NO_SPACE and what else time does not mend
   */
  wait(
    name: string,
    options: { timeoutSeconds?: number | undefined },
    progress: (p: FetchProgress) => void,
    signal: AbortSignal,
  ): Promise<WaitReport>
  status(): Promise<StatusReport>
  peers(): Promise<PeerRow[]>
  verify(name: string | undefined, progress: (p: CheckProgress) => void, signal?: AbortSignal): Promise<VerifyReport>
  repair(name: string | undefined, progress: (p: CheckProgress) => void, signal?: AbortSignal): Promise<RepairReport>
  pin(name: string, pinned: boolean): Promise<ImageRow>
  remove(name: string): Promise<{ name: string; freedBytes: number }>
  gc(): Promise<{ freedBytes: number }>
  /** Prometheus text. */
  metrics(): Promise<string>
  stop(): Promise<void>
}

export interface PublishOptions {
  /** 'auto', or 'fixed:BYTES' */
  cut: string
  /** Longest block of file data, bytes. */
  blockBytes?: number | undefined
  /** Digest of the configuration that the image was made from, for its record. Only within the process. */
  configDigest?: Uint8Array | undefined
  /** The file may be moved into the store in place of being copied, where it lies on the same disk. Only within the process. */
  take?: boolean | undefined
}

/** A daemon that runs, as whoever started it holds it. */
export interface Daemon {
  readonly peer: string
  /** Where it listens, with its peer id. */
  readonly addresses: string[]
  readonly api: NodeApi
  /** Settles when the daemon has stopped, on whoever's request: stop() here, or the control API's. */
  readonly closed: Promise<void>
  /** Idempotent. Closes the control socket last: who waits for that to go away can start another daemon. */
  stop(): Promise<void>
}

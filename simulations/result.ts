/** What a simulation tells: the shape of `hotblock simulate --json`, and what the report is drawn from. */
import type { ByOrigin } from './ledger.ts'

/**
 * One scenario played with one seed. Everything in it follows from these two: the same bytes each time. Bytes and rates
 * are those of the real cluster, whatever the grain.
 */
export interface SimulationResult {
  /** The scenario's name, and what it says of itself. */
  readonly scenario: string
  readonly title: string
  readonly description: string
  readonly seed: number
  /** Nodes that shall have the image. */
  readonly nodes: number
  /** No strategy can be done earlier: see bound.ts. */
  readonly boundSeconds: number
  /** Bytes and rates were divided by this while it was played. */
  readonly grain: number
  readonly image: ImageSummary
  readonly cluster: ClusterSummary
  /** What was measured or published elsewhere for the same rollout. */
  readonly published: readonly Published[]
  readonly strategies: readonly StrategyResult[]
  readonly targets: readonly TargetResult[]
}

export interface ImageSummary {
  readonly fileBytes: number
  /** Bytes of its distinct non-zero blocks. */
  readonly blockBytes: number
  /** Bytes on the wire for a byte of blocks. */
  readonly wireRatio: number
  /** Part of these bytes that a node has in other images; mean of the nodes that shall have the image. */
  readonly hotFraction: number
}

export interface ClusterSummary {
  readonly racks: number
  readonly builderUpBytes: number
  /** Rates of most nodes, bytes a second. */
  readonly nodeUpBytes: number
  readonly nodeDownBytes: number
  /** Nodes' rates together over their rack's uplink, the largest; absent: the racks' uplinks are no bottleneck. */
  readonly oversubscription?: number
  /** How nodes come: all at 0, or at different times. */
  readonly arrival: 'together' | 'spread'
  /** Hosts with a fault, and partitions. */
  readonly faults: number
}

export interface Published {
  readonly source: string
  readonly makespanSeconds?: number | undefined
  readonly p50Seconds?: number | undefined
  readonly p99Seconds?: number | undefined
  readonly p999Seconds?: number | undefined
}

/** A limit that the scenario sets for a strategy. */
export interface TargetResult {
  readonly strategy: string
  readonly what: 'makespanPerBound' | 'builderCopies' | 'p99PerP50' | 'rackP50Spread'
  readonly limit: number
  /** null: there is none, since nodes have not got the image. */
  readonly value: number | null
  readonly met: boolean
}

export interface StrategyResult {
  readonly name: string
  /**
   * When the last live node had the image, from the beginning. null here and below: so many live nodes have not got the
   * image that there is no such time.
   */
  readonly makespanSeconds: number | null
  /** Of the times that live nodes took, each from its own arrival. */
  readonly p50Seconds: number | null
  readonly p99Seconds: number | null
  readonly p999Seconds: number | null
  /** Bytes that the builder sent, in images: distinct blocks for hotblock, whole files for the others. */
  readonly builderCopies: number
  /** What the nodes have, and from where; zeros of whole files included. */
  readonly bytesByOrigin: ByOrigin
  /** Bytes that came although they were there already. */
  readonly twiceBytes: number
  /** Nodes that have the image; that live and have not got it; that were lost before they had it. */
  readonly completed: number
  readonly failed: number
  readonly lost: number
  /** The slowest rack's p50 over the fastest's; null: fewer than two racks with three nodes each. */
  readonly rackP50Spread: number | null
  /** What must never happen, and did. */
  readonly violations: readonly string[]
  /** When the run ended, virtual time. */
  readonly endedSeconds: number
  /** Events of the run: what it cost. */
  readonly events: number
  /** Times from arrival to image of the completed nodes, ascending; thinned out to at most COMPLETIONS_MAX, ends kept. */
  readonly completions: readonly CompletionPoint[]
  readonly samples: readonly SampleResult[]
  readonly racks: readonly RackResult[]
  /** The slowest first; those that have not got the image before all. At most SLOWEST_MAX. */
  readonly slowest: readonly NodeResult[]
}

export const COMPLETIONS_MAX = 400
export const SLOWEST_MAX = 12

export interface CompletionPoint {
  readonly seconds: number
  /** Part of the live nodes that have the image after so long. */
  readonly part: number
}

/** What was under way up to this moment, since the sample before. */
export interface SampleResult {
  readonly atSeconds: number
  readonly completed: number
  readonly bytes: ByOrigin
  /** Part of the racks' uplinks that was used: mean over the racks, and the most used one. */
  readonly upMean: number
  readonly upMax: number
  readonly downMean: number
  readonly downMax: number
}

/** A rack over the whole run. */
export interface RackResult {
  readonly name: string
  readonly nodes: number
  /** From each node's arrival; null: less than half of the live ones have the image. */
  readonly p50Seconds: number | null
  /** Part of the uplink that was used, for each sample of the run; thinned out as these are. */
  readonly up: readonly number[]
  readonly down: readonly number[]
}

/** A node, with all that may tell why it took as long as it did. */
export interface NodeResult {
  readonly name: string
  readonly rack: string
  readonly joinedSeconds: number
  /** From its arrival; null: it has not got the image. */
  readonly seconds: number | null
  /** Lost before the end of the run. */
  readonly gone: boolean
  readonly upBytes: number
  readonly downBytes: number
  /** Its own limit, if it has one: --rate-down. */
  readonly rateDownBytes?: number
  /** Bytes of blocks that it lacked. */
  readonly neededBytes: number
  readonly bytes: ByOrigin
  readonly twiceBytes: number
  readonly sentBytes: number
  /** Time in which nothing came, though it was there and had not got the image. */
  readonly idleSeconds: number
  readonly droppedPeers: number
  readonly brokenPeers: number
  /** Seconds in which a partition kept it from others, while it had not got the image. */
  readonly partedSeconds: number
}

/** What a simulation comes to: one scenario, played by each strategy. */
import type { Cluster } from './cluster.ts'
import type { RunResult } from './run.ts'

export interface SimulationResult {
  readonly scenario: {
    /** Short, such as 'flash-crowd'. */
    readonly name: string
    /** A sentence or a few on what it shows; may be empty. */
    readonly description: string
  }
  readonly seed: number
  /** Arguments of `hotblock simulate` that play the same again, such as ['flash-crowd.json', '--seed', '1']. */
  readonly replay: readonly string[]
  readonly cluster: Cluster
  /** No strategy can bring the image to all nodes of this cluster sooner. */
  readonly boundMs: number
  /** One for each strategy, in the order in which to show them. */
  readonly runs: readonly RunResult[]
}

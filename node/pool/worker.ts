/** What a thread of the pool runs: one job at a time, synchronously. Loaded by pool.ts through piscina. */
import { move, transferableSymbol, valueSymbol } from 'piscina'
import { buffersOf } from './buffers.ts'
import { type Outcome, packError } from './outcome.ts'
import { type AnyJob, perform } from './perform.ts'

export default function work(job: AnyJob): unknown {
  try {
    const answer = perform(job)
    const outcome: Outcome = { answer }
    // piscina's type says that one thing is handed over; a list of them is what it uses and what postMessage wants.
    return move({ [transferableSymbol]: buffersOf(answer) as unknown as object, [valueSymbol]: outcome })
  } catch (thrown) {
    const outcome: Outcome = { error: packError(thrown) }
    return outcome
  }
}

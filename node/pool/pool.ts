import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Piscina } from 'piscina'
import { HotblockError } from '../../protocols/errors.ts'
import { withOwnBuffers } from './buffers.ts'
import type { JobKind, Jobs, Pool } from './jobs.ts'
import { type Outcome, unpackError } from './outcome.ts'
import { perform } from './perform.ts'

const THREADS_DEFAULT_MAX = 4
/** Jobs that wait for a thread; each may hold a frame, so this bounds memory too. */
const JOBS_WAITING_MAX = 1024
/** A thread without work is kept for so long; starting one takes some tens of milliseconds. */
const IDLE_TIMEOUT_MS = 30_000

/**
 * Threads for the jobs of jobs.ts. Columns of a job are copied, so the caller keeps its own; answers are handed over
 * without a copy. What the system threw keeps its `code` and `path`.
 *
 * @param options threads: how many at most; 4, or one for each processor if those are fewer, unless given
 * @returns a pool whose `run` rejects with HotblockError CANCELLED once it is closed; `close` waits for all jobs
 */
export function createPool(options: { threads?: number } = {}): Pool & { readonly threads: number } {
  const threads = options.threads ?? Math.min(THREADS_DEFAULT_MAX, availableParallelism())
  // Sources run as .ts and a build as .js; the compiler rewrites imports, but not a file name.
  const worker = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url)
  // Loaded late: a node may be idle for long.
  const start = async (): Promise<Piscina> => {
    const piscina = new (await import('piscina')).Piscina({
      filename: fileURLToPath(worker),
      minThreads: 0,
      maxThreads: threads,
      idleTimeout: IDLE_TIMEOUT_MS,
      maxQueue: JOBS_WAITING_MAX,
      recordTiming: false,
      stricterFIFO: true,
      // Jobs make hardly any objects.
      resourceLimits: { maxYoungGenerationSizeMb: 1 },
    })
    // A thread that dies without a job is replaced with the next job; one that dies in a job rejects that job.
    piscina.on('error', () => {})
    return piscina
  }
  let started: Promise<Piscina> | undefined
  const running = new Set<Promise<unknown>>()
  let closing: Promise<void> | undefined

  async function run<K extends JobKind>(job: Jobs[K][0]): Promise<Jobs[K][1]> {
    if (closing !== undefined) throw new HotblockError('CANCELLED', 'the threads have been stopped')
    const { job: own, buffers } = withOwnBuffers(job)
    started ??= start()
    const outcome: Promise<Outcome> = started.then((piscina) => piscina.run(own, { transferList: buffers }))
    running.add(outcome)
    try {
      const done = await outcome
      if ('error' in done) throw unpackError(done.error)
      return done.answer as Jobs[K][1]
    } finally {
      running.delete(outcome)
    }
  }

  async function close(): Promise<void> {
    closing ??= Promise.allSettled(running).then(async () => (await started)?.destroy())
    await closing
  }

  return { run, close, threads }
}

/** The same jobs, done in place, one after the other: for tests and for machines without threads to spare. */
export function inlinePool(): Pool & { readonly threads: number } {
  let closed = false
  return {
    threads: 1,
    async run<K extends JobKind>(job: Jobs[K][0]): Promise<Jobs[K][1]> {
      if (closed) throw new HotblockError('CANCELLED', 'the pool has been closed')
      return perform(job) as Jobs[K][1]
    },
    async close() {
      closed = true
    },
  }
}

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** A thread takes longer to start than a checkpoint takes, and during a fetch there are several. */
const IDLE_MS = 5_000

/** Shortens the log of a database on a thread of its own: that waits for the disk, and nobody else needs to. */
export class CheckpointThread {
  readonly #path: string
  #worker: Worker | undefined
  #ended: Promise<void> = Promise.resolve()
  #idle: NodeJS.Timeout | undefined

  /** @param path of the SQLite database */
  constructor(path: string) {
    this.#path = path
  }

  /**
   * Resolves when it is done, or cannot be: a log that was not shortened is tried again with the next. Not to be called
   * while it runs.
   */
  async run(): Promise<void> {
    clearTimeout(this.#idle)
    this.#worker ??= this.#start()
    const worker = this.#worker
    const done = Promise.race([once(worker, 'message').catch(() => {}), this.#ended])
    worker.postMessage('run')
    await done
    if (this.#worker !== worker) return
    this.#idle = setTimeout(() => void this.close(), IDLE_MS)
    this.#idle.unref()
  }

  /** Resolves when the thread has ended. Idempotent. */
  async close(): Promise<void> {
    clearTimeout(this.#idle)
    // Closed by itself, the database is closed in order.
    this.#worker?.postMessage('end')
    await this.#ended
  }

  #start(): Worker {
    const { url } = import.meta
    const worker = new Worker(new URL(url.endsWith('.ts') ? './checkpoint.ts' : './checkpoint.js', url), {
      workerData: this.#path,
      resourceLimits: { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 16 },
    })
    worker.on('error', () => {})
    this.#ended = new Promise((resolve) => {
      worker.on('exit', () => {
        if (this.#worker === worker) this.#worker = undefined
        resolve()
      })
    })
    return worker
  }
}

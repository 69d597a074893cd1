import type { Database } from 'lmdb'
import { asHotblockError, HotblockError } from '../../protocols/errors.ts'
import { type IndexRoom, WRITE_ROOM_BYTES } from './index-file.ts'

/** An LMDB database of bytes under bytes. */
export type BinaryDatabase = Database<Uint8Array, Uint8Array>

/** Rows that go into one transaction: some 5 ms of the event loop. */
const TRANSACTION_ROWS_MAX = 2048
/** Rows that may wait; who brings more waits with them. */
const QUEUE_ROWS_MAX = 262_144

interface Write {
  readonly rows: number
  /** Bytes that the disk must have left for it. */
  readonly roomBytes: number
  readonly apply: (row: number) => void
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
  next: number
}

/**
 * Writes many rows in few transactions. Rows are applied inside the transaction, one after the other, so that each sees
 * what those before it wrote, whoever brought them; between transactions the event loop has its turn.
 */
export class RowWriter {
  readonly #db: BinaryDatabase
  readonly #afterCommit: () => void
  readonly #room: IndexRoom
  readonly #queue: Write[] = []
  #queuedRows = 0
  #running: Promise<void> | undefined

  constructor(db: BinaryDatabase, afterCommit: () => void, room: IndexRoom) {
    this.#db = db
    this.#afterCommit = afterCommit
    this.#room = room
  }

  /**
   * Calls `apply` with 0 to `rows` − 1 inside transactions.
   *
   * @param roomBytes bytes that the disk must have left
   * @returns when the last row is committed
   * @throws NO_SPACE when the disk is full
   */
  async write(rows: number, apply: (row: number) => void, roomBytes = WRITE_ROOM_BYTES): Promise<void> {
    if (rows === 0) return
    while (this.#queuedRows > QUEUE_ROWS_MAX) await this.#running
    this.#queuedRows += rows
    return new Promise((resolve, reject) => {
      this.#queue.push({ rows, roomBytes, apply, resolve, reject, next: 0 })
      this.#running ??= this.#drain()
    })
  }

  /** Resolves when nothing waits to be written. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  async #drain(): Promise<void> {
    // A turn of the event loop gathers what others bring at the same time.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#queue.length > 0) {
      const taken = this.#take()
      try {
        this.#room(Math.max(...taken.map(({ write }) => write.roomBytes)))
        await this.#db.transaction(() => {
          for (const { write, to } of taken) for (let row = write.next; row < to; row++) write.apply(row)
        })
        this.#afterCommit()
        for (const { write, to } of taken) {
          this.#queuedRows -= to - write.next
          write.next = to
          if (to === write.rows) this.#finish(write).resolve()
        }
      } catch (error) {
        for (const { write } of taken) {
          this.#queuedRows -= write.rows - write.next
          this.#finish(write).reject(indexFailure(error))
        }
      }
    }
    this.#running = undefined
  }

  #take(): { write: Write; to: number }[] {
    const taken: { write: Write; to: number }[] = []
    let room = TRANSACTION_ROWS_MAX
    for (const write of this.#queue) {
      if (room === 0) break
      const to = Math.min(write.rows, write.next + room)
      taken.push({ write, to })
      room -= to - write.next
    }
    return taken
  }

  /** Writes end in the order in which they came. */
  #finish(write: Write): Write {
    this.#queue.splice(this.#queue.indexOf(write), 1)
    return write
  }
}

/** What LMDB threw, as a HotblockError: a full disk keeps its meaning. */
export function indexFailure(error: unknown): HotblockError {
  const failure = asHotblockError(error)
  if (failure.code !== 'INTERNAL' || !/no space|ENOSPC|MDB_MAP_FULL/i.test(messages(error))) return failure
  return new HotblockError('NO_SPACE', 'the disk that the index is on is full', {}, error)
}

/** LMDB says of a commit only that it failed, and why in what it was caused by. */
function messages(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : `${error.message} ${messages(error.cause)}`
}

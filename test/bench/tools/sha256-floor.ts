/**
 * The least that hashing an image can cost: reads its non-zero blocks and hashes each, on all cores, and does nothing
 * with the hashes. `node sha256-floor.ts FILE ROWS`; ROWS has the offset and the length of each block, 8 bytes each.
 */
import { hash } from 'node:crypto'
import { openSync, readFileSync, readSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { isMainThread, Worker, workerData } from 'node:worker_threads'

const RUN_BYTES = 4 * 1024 * 1024

interface Share {
  readonly path: string
  readonly rows: Float64Array
  /** Index of the next block that nobody has taken yet. */
  readonly next: Int32Array
}

if (isMainThread) begin()
else hashShare(workerData as Share)

function begin(): void {
  const [path, list] = process.argv.slice(2)
  const bytes = readFileSync(list!)
  const rows = new Float64Array(new SharedArrayBuffer(bytes.length))
  new Uint8Array(rows.buffer).set(bytes)
  const share: Share = { path: path!, rows, next: new Int32Array(new SharedArrayBuffer(4)) }
  for (let i = 0; i < availableParallelism(); i++) new Worker(import.meta.filename, { workerData: share })
}

function hashShare({ path, rows, next }: Share): void {
  const file = openSync(path, 'r')
  const buffer = Buffer.allocUnsafe(RUN_BYTES)
  const count = rows.length / 2
  for (;;) {
    // A run: blocks that lie one after the other, as many as fit.
    const from = Atomics.load(next, 0)
    if (from >= count) return
    let [to, bytes] = [from, 0]
    while (to < count && rows[2 * to] === rows[2 * from]! + bytes && bytes + rows[2 * to + 1]! <= RUN_BYTES) {
      bytes += rows[2 * to + 1]!
      to++
    }
    if (Atomics.compareExchange(next, 0, from, to) !== from) continue
    readSync(file, buffer, 0, bytes, rows[2 * from]!)
    let at = 0
    for (let i = from; i < to; i++) {
      const length = rows[2 * i + 1]!
      hash('sha256', buffer.subarray(at, at + length), 'buffer')
      at += length
    }
  }
}

import { GRID_BYTES } from '../../protocols/table/constants.ts'
import { nextCut } from './regions.ts'

/** Past so many extents the rest of the files lie on the grid: 24 bytes each in memory. */
export const EXTENTS_MAX = 8 * 1024 * 1024

/** Runs of file data in an image, packed in columns: from `starts` to `ends`, `logicals` bytes into their file. */
export interface Extents {
  readonly count: number
  readonly starts: Float64Array
  readonly ends: Float64Array
  readonly logicals: Float64Array
}

/** From `at` on the grid is counted from `origin`: where a partition begins, and where it ends. */
export interface Grid {
  readonly at: number
  readonly origin: number
}

/** Collects extents in any order. */
export class ExtentList {
  #starts = new Float64Array(1024)
  #ends = new Float64Array(1024)
  #logicals = new Float64Array(1024)
  #count = 0

  get count(): number {
    return this.#count
  }

  /** Takes bytes `start` to `end` of the image, which lie `logical` bytes into a file. Empty ones are left out. */
  add(start: number, end: number, logical: number): void {
    if (!(end > start) || this.#count >= EXTENTS_MAX) return
    if (this.#count === this.#starts.length) {
      this.#starts = doubled(this.#starts)
      this.#ends = doubled(this.#ends)
      this.#logicals = doubled(this.#logicals)
    }
    this.#starts[this.#count] = start
    this.#ends[this.#count] = end
    this.#logicals[this.#count] = logical
    this.#count++
  }

  /**
   * The extents in image order. What does not lie in the image, and what overlaps an extent that begins before it, is
   * dropped: its bytes are cut like those of no file.
   * @param size bytes of the image
   */
  sorted(size: number): Extents {
    const order = this.#order()
    const starts = new Float64Array(this.#count)
    const ends = new Float64Array(this.#count)
    const logicals = new Float64Array(this.#count)
    let count = 0
    let free = 0
    for (const i of order) {
      const start = this.#starts[i]!
      const end = this.#ends[i]!
      const logical = this.#logicals[i]!
      if (!(start >= free && end <= size && logical >= 0)) continue
      starts[count] = start
      ends[count] = end
      logicals[count] = logical
      free = end
      count++
    }
    return { count, starts, ends, logicals }
  }

  #order(): Uint32Array {
    const starts = this.#starts
    const order = new Uint32Array(this.#count)
    let rising = true
    for (let i = 0; i < order.length; i++) {
      order[i] = i
      if (i > 0 && starts[i]! < starts[i - 1]!) rising = false
    }
    // Equal starts keep the order in which they came (the sort of typed arrays is stable).
    return rising ? order : order.sort((a, b) => starts[a]! - starts[b]!)
  }
}

/**
 * Row lengths of an image of `size` bytes. Inside an extent a cut lies where the offset in the file is a multiple of
 * `blockBytes`; elsewhere on the 4 KiB grid. A file's data begins and ends with a cut, at its exact length.
 * @param grids where the grid's origin changes, in image order; before the first it is the image's start
 */
export function* extentLengths(
  size: number,
  extents: Extents,
  grids: readonly Grid[],
  blockBytes: number,
): Generator<number> {
  let position = 0
  let grid = 0
  for (let i = 0; i <= extents.count; i++) {
    const last = i === extents.count
    const start = last ? size : extents.starts[i]!
    while (position < start) {
      while (grid < grids.length && grids[grid]!.at <= position) grid++
      const origin = grid === 0 ? 0 : grids[grid - 1]!.origin
      const end = grid < grids.length ? Math.min(start, grids[grid]!.at) : start
      const cut = nextCut(position, end, origin, GRID_BYTES)
      yield cut - position
      position = cut
    }
    if (last) return
    const end = extents.ends[i]!
    const origin = start - extents.logicals[i]!
    while (position < end) {
      const cut = nextCut(position, end, origin, blockBytes)
      yield cut - position
      position = cut
    }
  }
}

function doubled(column: Float64Array): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(column.length * 2)
  larger.set(column)
  return larger
}

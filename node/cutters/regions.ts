import { GRID_BYTES } from '../../protocols/table/constants.ts'

/** Past so many regions the rest of an image lies on the grid: 20 bytes each in memory. */
export const REGIONS_MAX = 16 * 1024 * 1024

/** The next cut after `position`: the next multiple of `step` from `origin` on, or `end` if that comes first. */
export function nextCut(position: number, end: number, origin: number, step: number): number {
  const cut = origin + (Math.floor((position - origin) / step) + 1) * step
  return Math.min(cut, end)
}

/**
 * An image as a run of regions without gaps, packed in columns. A region reaches from the end of the one before it to its
 * own end, and is cut where the distance from its origin is a multiple of its step.
 */
export class Regions {
  readonly #size: number
  #ends = new Float64Array(1024)
  #origins = new Float64Array(1024)
  #steps = new Uint32Array(1024)
  #count = 0
  #end = 0

  /** @param size bytes of the image; nothing reaches past them */
  constructor(size: number) {
    this.#size = size
  }

  /** Where the last region ends. */
  get end(): number {
    return this.#end
  }

  get full(): boolean {
    return this.#count >= REGIONS_MAX
  }

  /** Appends a region up to `end`, clipped to the image; one that would be empty is left out. */
  push(end: number, step: number, origin = this.#end): void {
    const clipped = Math.min(end, this.#size)
    if (!(clipped > this.#end) || this.full) return
    if (this.#count === this.#ends.length) this.#grow()
    this.#ends[this.#count] = clipped
    this.#origins[this.#count] = origin
    this.#steps[this.#count] = step
    this.#count++
    this.#end = clipped
  }

  /** Row lengths of the whole image; what no region covers lies on the grid, counted from the last region's end. */
  *lengths(): Generator<number> {
    let position = 0
    for (let i = 0; i <= this.#count; i++) {
      const last = i === this.#count
      const end = last ? this.#size : this.#ends[i]!
      const origin = last ? this.#end : this.#origins[i]!
      const step = last ? GRID_BYTES : this.#steps[i]!
      while (position < end) {
        const cut = nextCut(position, end, origin, step)
        yield cut - position
        position = cut
      }
    }
  }

  #grow(): void {
    const length = this.#ends.length * 2
    const ends = new Float64Array(length)
    const origins = new Float64Array(length)
    const steps = new Uint32Array(length)
    ends.set(this.#ends)
    origins.set(this.#origins)
    steps.set(this.#steps)
    this.#ends = ends
    this.#origins = origins
    this.#steps = steps
  }
}

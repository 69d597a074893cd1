import type { ExtentList } from '../extents.ts'
import type { Ext4 } from './superblock.ts'

/**
 * Work that one file system may cost: each entry of a map of blocks is a step. A sound file system has no more entries
 * than blocks; one that lies (a million files with one and the same map) runs out of steps, and what is left of it
 * lies on the grid.
 */
export const STEPS_MAX = 128 * 1024 * 1024
const STEPS_MIN = 64 * 1024
/** What reading a block of a map costs, in steps. */
export const STEPS_PER_NODE = 16

/** Takes the block map of one file after the other, joins what lies side by side, and clips it to the file's length. */
export class FileExtents {
  readonly fs: Ext4
  readonly #list: ExtentList
  #steps: number
  #size = 0
  #start = 0
  #end = 0
  #logical = 0

  constructor(fs: Ext4, list: ExtentList) {
    this.fs = fs
    this.#list = list
    this.#steps = Math.min(STEPS_MAX, STEPS_MIN + fs.blocks * 2)
  }

  /** Pays for work. @returns false where there are no steps left */
  spend(steps: number): boolean {
    this.#steps -= steps
    return this.#steps >= 0
  }

  get exhausted(): boolean {
    return this.#steps < 0
  }

  /** Bytes of the file that is being taken. */
  get size(): number {
    return this.#size
  }

  /** @param size exact length of the file, bytes */
  begin(size: number): void {
    this.#size = size
    this.#end = this.#start = 0
  }

  /** `count` blocks of the file, its `logical`-th and following, lie at block `physical` of the file system. */
  put(logical: number, physical: number, count: number): void {
    const { base, blockBytes, blocks } = this.fs
    const from = logical * blockBytes
    // Block 0 holds the boot sector or the superblock, and stands for a hole in the maps of ext2.
    if (physical === 0 || physical + count > blocks || from >= this.#size) return
    const start = base + physical * blockBytes
    const end = start + Math.min(count * blockBytes, this.#size - from)
    if (start === this.#end && from === this.#logical + (this.#end - this.#start)) {
      this.#end = end
      return
    }
    this.finish()
    this.#start = start
    this.#end = end
    this.#logical = from
  }

  finish(): void {
    this.#list.add(this.#start, this.#end, this.#logical)
    this.#end = this.#start = 0
  }
}

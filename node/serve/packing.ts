import type { Log } from '../../protocols/ports.ts'
import type { Table } from '../../protocols/table/table.ts'
import { requestsFor } from '../decisions/fetch/requests.ts'
import { columnsOf, type DistinctBlocks, distinctBlocks } from '../fetch/items.ts'
import { PLACES_MAX } from '../store/place.ts'
import type { Store, StoredImage } from '../store/store.ts'
import type { BlockServer } from './source.ts'

/** Blocks that are looked up in one turn of the event loop. */
const LOOKED_UP_MAX = 1024

export interface PackingInit {
  readonly store: Store
  readonly server: Pick<BlockServer, 'pack' | 'frames'>
  readonly log: Log
}

/**
 * Packs the frames of newly published images ahead, one at a time: first those that nodes with this node's other images
 * will ask for, then those for nodes that have nothing. Compression costs a builder more than all the rest of serving,
 * and a crowd comes when an image is new.
 */
export class Packing {
  readonly #init: PackingInit
  readonly #waiting: StoredImage[] = []
  #working: Promise<void> | undefined
  #closed = false

  constructor(init: PackingInit) {
    this.#init = init
  }

  /** Images that are not packed yet. */
  get count(): number {
    return this.#waiting.length
  }

  add(image: StoredImage | undefined): void {
    if (image === undefined || this.#closed || this.#init.server.frames.bytesMax === 0) return
    this.#waiting.push(image)
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#working
  }

  async #work(): Promise<void> {
    for (let image = this.#waiting[0]; image !== undefined && !this.#closed; image = this.#waiting[0]) {
      try {
        await this.#pack(image)
      } catch (error) {
        this.#init.log.warn({ root: image.root.toString(), error: String(error) }, 'an image was not packed ahead')
      }
      this.#waiting.shift()
    }
  }

  async #pack({ root, number }: StoredImage): Promise<void> {
    const { store, server } = this.#init
    const table = store.table(root)
    if (table === undefined) return
    const blocks = distinctBlocks(table)
    const isNew = await this.#newIn(number, table, blocks)
    const isDelta = isNew.includes(0) && isNew.includes(1)
    // What is packed must not push out what was packed just before.
    const bytesMax = server.frames.bytesMax / 2
    let bytes = 0
    const wanted = isDelta ? [(item: number) => isNew[item] === 1, () => true] : [() => true]
    for (const wants of wanted) {
      for (const items of requestsFor(blocks, wants)) {
        if (this.#closed || bytes >= bytesMax) return
        const { hashes, lengths } = columnsOf(
          table,
          items.map((item) => blocks.rows[item]!),
        )
        bytes += await server.pack({ hashes, lengths })
      }
    }
  }

  /** 1 for each block that is in no other image of this node. */
  async #newIn(image: number, table: Table, blocks: DistinctBlocks): Promise<Uint8Array> {
    const isNew = new Uint8Array(blocks.rows.length)
    for (let first = 0; first < isNew.length && !this.#closed; first += LOOKED_UP_MAX) {
      const { hashes } = columnsOf(table, blocks.rows.subarray(first, first + LOOKED_UP_MAX))
      const places = this.#init.store.blocks.find(hashes, PLACES_MAX)
      for (const [i, found] of places.entries())
        isNew[first + i] = found.every((place) => place.image === image) ? 1 : 0
      await new Promise((resolve) => setImmediate(resolve))
    }
    return isNew
  }
}

import { CID } from 'multiformats/cid'
import * as z from 'zod'
import { HotblockError } from '../../protocols/errors.ts'
import { IMAGE_FORMATS, type TableHead } from '../../protocols/table/table.ts'
import { type IndexRoom, SMALL_ROOM_BYTES } from './index-file.ts'
import { type BinaryDatabase, indexFailure } from './lmdb.ts'
import { IMAGE_NUMBER_MAX } from './place.ts'

const rowSchema = z.object({
  root: z.string(),
  format: z.enum(IMAGE_FORMATS),
  imageBytes: z.int().nonnegative(),
  zeroBytes: z.int().nonnegative(),
  state: z.enum(['partial', 'complete', 'removing']),
  pinned: z.boolean(),
  usedAt: z.number(),
  names: z.array(z.string()),
})
type StoredRow = z.infer<typeof rowSchema>

export type RowState = StoredRow['state']

/** What the index says of an image. `removing`: nobody is told of it any more, its remains are being taken away. */
export interface ImageRow extends Readonly<StoredRow> {
  readonly number: number
  readonly cid: CID
}

/** Options of the LMDB database that the rows are kept in: JSON under the image's number. */
export const IMAGES_DATABASE = { name: 'images', keyEncoding: 'binary', encoding: 'binary' } as const

/** No image has this number; its row holds the number given last. */
const COUNTER = 0

/** The rows of all images: in memory, and in the index. */
export class ImageRows {
  readonly #db: BinaryDatabase
  readonly #room: IndexRoom
  readonly #byNumber = new Map<number, ImageRow>()
  readonly #byRoot = new Map<string, ImageRow>()
  #last = 0

  /** @throws BAD_HOME for rows that no version has written */
  constructor(db: BinaryDatabase, room: IndexRoom = () => {}) {
    this.#db = db
    this.#room = room
    for (const { key, value } of db.getRange()) {
      const number = Buffer.from(key).readUInt32BE()
      if (number === COUNTER) this.#last = Buffer.from(value).readUInt32BE()
      else this.#remember(parse(number, value))
    }
  }

  all(): ImageRow[] {
    return [...this.#byNumber.values()]
  }

  get(root: CID | string): ImageRow | undefined {
    return this.#byRoot.get(root.toString())
  }

  byNumber(number: number): ImageRow | undefined {
    return this.#byNumber.get(number)
  }

  /** For the index of blocks: an image that is being removed is none. */
  stateOf(number: number): 'complete' | 'partial' | undefined {
    const state = this.#byNumber.get(number)?.state
    return state === 'removing' ? undefined : state
  }

  /** A new partial image, under a number that no image has had for long. */
  async create(head: TableHead, usedAt: number): Promise<ImageRow> {
    this.#room(SMALL_ROOM_BYTES)
    const { root: cid, format, imageBytes, zeroBytes } = head
    const number = this.#freeNumber()
    this.#last = number
    const rest = { state: 'partial', pinned: false, usedAt, names: [] } as const
    const row: ImageRow = { number, cid, root: cid.toString(), format, imageBytes, zeroBytes, ...rest, names: [] }
    const counted = this.#db.put(keyOf(COUNTER), keyOf(number)).then(
      () => {},
      (error: unknown) => Promise.reject(indexFailure(error)),
    )
    await Promise.all([counted, this.#store(row)])
    return row
  }

  /**
   * Changes a row: in memory at once, in the index when the promise resolves; where that fails, in neither.
   *
   * @throws NO_SPACE; a row that was to become `removing` is that in memory even so
   */
  async update(
    number: number,
    change: Partial<Pick<ImageRow, 'state' | 'pinned' | 'usedAt' | 'names'>>,
  ): Promise<void> {
    const row = this.#byNumber.get(number)
    if (row !== undefined) await this.#store({ ...row, ...change })
  }

  async delete(number: number): Promise<void> {
    const row = this.#byNumber.get(number)
    if (row === undefined) return
    // The index first: where it fails, the row stays `removing`, and the image cannot get a second one beside it.
    try {
      this.#room(SMALL_ROOM_BYTES)
      await this.#db.remove(keyOf(number))
    } catch (error) {
      throw indexFailure(error)
    }
    this.#forget(row)
  }

  async #store(row: ImageRow): Promise<void> {
    this.#remember(row)
    const { number, cid, ...stored } = row
    try {
      this.#room(SMALL_ROOM_BYTES)
      await this.#db.put(keyOf(number), Buffer.from(JSON.stringify(stored)))
    } catch (error) {
      // An image whose removal was begun stays out of sight: its bytes may go even so.
      if (row.state !== 'removing') this.#reread(row)
      throw indexFailure(error)
    }
  }

  /** What could not be written has not happened. */
  #reread(row: ImageRow): void {
    const value = this.#db.getBinary(keyOf(row.number))
    if (value === undefined) this.#forget(row)
    else this.#remember(parse(row.number, value))
  }

  #forget(row: ImageRow): void {
    this.#byNumber.delete(row.number)
    this.#byRoot.delete(row.root)
  }

  #remember(row: ImageRow): void {
    this.#byNumber.set(row.number, row)
    this.#byRoot.set(row.root, row)
  }

  #freeNumber(): number {
    for (let i = 1; i <= IMAGE_NUMBER_MAX; i++) {
      const number = ((this.#last + i - 1) % IMAGE_NUMBER_MAX) + 1
      if (!this.#byNumber.has(number)) return number
    }
    throw new HotblockError('NO_SPACE', `the node holds ${IMAGE_NUMBER_MAX} images already`)
  }
}

function keyOf(number: number): Uint8Array {
  const key = Buffer.alloc(4)
  key.writeUInt32BE(number)
  return key
}

function parse(number: number, value: Uint8Array): ImageRow {
  try {
    const row = rowSchema.parse(JSON.parse(Buffer.from(value).toString()))
    return { ...row, number, cid: CID.parse(row.root) }
  } catch (error) {
    throw new HotblockError('BAD_HOME', `the index has an unreadable row for image ${number}`, { image: number }, error)
  }
}

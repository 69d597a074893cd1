import { HotblockError } from '../../protocols/errors.ts'
import { chooseEvictions, type EvictionBounds, type EvictionCandidate, evictionOrder } from '../decisions/evict.ts'
import type { ImageRow } from './images.ts'
import type { Reservations } from './space.ts'

export interface RoomParts {
  /** All images but those that are being removed. */
  readonly rows: () => ImageRow[]
  /** Where an image's bytes lie. */
  readonly pathOf: (row: ImageRow) => string
  /** Whether somebody uses an image at this moment; it stays as a pinned one does. */
  readonly held: (row: ImageRow) => boolean
  readonly directory: string
  readonly reservations: Reservations
  readonly quotaBytes: number | undefined
  readonly floorBytes: number
}

/** What a change asks the disk for. */
export interface Need {
  /** Bytes that will be written. */
  readonly bytes: number
  /** Number of an image that stays. */
  readonly except?: number | undefined
  /** Bytes that lie on the disk already, but in none of the images. */
  readonly uncountedBytes?: number
}

/** Which images have to go, by what is on the disk, promised and allowed. Removes nothing itself. */
export class Room {
  readonly #parts: RoomParts

  constructor(parts: RoomParts) {
    this.#parts = parts
  }

  /** @returns roots of images, in the order in which they should go. @throws NO_SPACE when it cannot fit */
  async evictFor(need: Need): Promise<string[]> {
    const { candidates, bounds } = await this.#survey(need)
    const { fits, evict } = chooseEvictions(candidates, need.bytes, bounds)
    if (fits) return evict
    const { freeBytes, floorBytes } = bounds
    const { quotaBytes } = this.#parts
    const neededBytes = need.bytes + (need.uncountedBytes ?? 0)
    const quota = quotaBytes === undefined ? 'no quota' : `a quota of ${quotaBytes}`
    const message = `${neededBytes} bytes do not fit: ${Math.max(0, freeBytes)} are free, ${floorBytes} of them to be left free, with ${quota}`
    throw new HotblockError('NO_SPACE', message, { neededBytes, freeBytes, floorBytes })
  }

  /** Would it fit, and which images would go for it? */
  async ask(bytes: number): Promise<{ fits: boolean; evict: string[] }> {
    const { candidates, bounds } = await this.#survey({ bytes })
    return chooseEvictions(candidates, bytes, bounds)
  }

  /** Images that have to go so that the bounds hold; where that is not enough, all that may go. */
  async excess(): Promise<string[]> {
    const { candidates, bounds } = await this.#survey({ bytes: 0 })
    const { fits, evict } = chooseEvictions(candidates, 0, bounds)
    return fits ? evict : evictionOrder(candidates).map(({ root }) => root)
  }

  async #survey({ except, uncountedBytes = 0 }: Need): Promise<{
    candidates: EvictionCandidate[]
    bounds: EvictionBounds
  }> {
    const { rows, pathOf, held, directory, reservations, quotaBytes, floorBytes } = this.#parts
    const images = rows().map((row) => ({ ...row, path: pathOf(row) }))
    const { holdings, importBytes, freeBytes } = await reservations.survey(images, directory)
    const candidates = holdings.map(({ image, diskBytes: bytes, outstandingBytes }): EvictionCandidate => {
      const { root, names, usedAt, number } = image
      const pinned = image.pinned || held(image)
      const fetching = outstandingBytes !== undefined || number === except
      return { root, bytes: bytes + (outstandingBytes ?? 0), pinned, fetching, named: names.length > 0, usedAt }
    })
    const forImages = quotaBytes === undefined ? undefined : quotaBytes - importBytes - uncountedBytes
    return { candidates, bounds: { quotaBytes: forImages, freeBytes, floorBytes } }
  }
}

import { getBit, newBits, setBit } from '../../protocols/bits.ts'
import type { SimImage } from '../cluster.ts'

/** What a virtual node holds of the image. */
export class Holding {
  /** A bit an item. */
  readonly bits: Uint8Array
  readonly #image: SimImage
  readonly #lackingIn: Uint32Array
  #lacking: number

  constructor(image: SimImage, complete: boolean, hot: Uint8Array | undefined) {
    const count = image.lengths.length
    this.#image = image
    this.bits = newBits(count)
    this.#lackingIn = new Uint32Array(image.pieceCount)
    this.#lacking = count
    for (let item = 0; item < count; item++) this.#lackingIn[image.pieces[item]!]!++
    if (!complete && hot === undefined) return
    for (let item = 0; item < count; item++) if (complete || getBit(hot!, item)) this.add(item)
  }

  get all(): boolean {
    return this.#lacking === 0
  }

  /** Pieces that are here whole. */
  get pieces(): number[] {
    const held: number[] = []
    this.#lackingIn.forEach((lacking, piece) => {
      if (lacking === 0) held.push(piece)
    })
    return held
  }

  has(item: number): boolean {
    return getBit(this.bits, item)
  }

  hasPieces(pieces: readonly number[]): boolean {
    for (const piece of pieces) if (this.#lackingIn[piece] !== 0) return false
    return true
  }

  /** @returns the item's piece, if it is whole now */
  add(item: number): number | undefined {
    if (this.has(item)) return undefined
    setBit(this.bits, item)
    this.#lacking--
    const piece = this.#image.pieces[item]!
    return --this.#lackingIn[piece]! === 0 ? piece : undefined
  }
}

import { getBit, newBits, setBit } from '../../protocols/bits.ts'
import type { SimImage } from '../cluster.ts'

/** What a virtual node holds of the image. */
export class Holding {
  /** A bit an item. */
  readonly bits: Uint8Array
  readonly #image: SimImage
  readonly #lackingIn: Uint32Array
  /** A bit an item: it is here, or the first of it is. */
  readonly #begun: Uint8Array
  readonly #notBegunIn: Uint32Array
  #lacking: number

  constructor(image: SimImage, complete: boolean, hot: Uint8Array | undefined) {
    const count = image.lengths.length
    this.#image = image
    this.bits = newBits(count)
    this.#lackingIn = new Uint32Array(image.pieceCount)
    this.#lacking = count
    this.#begun = newBits(count)
    for (let item = 0; item < count; item++) this.#lackingIn[image.pieces[item]!]!++
    this.#notBegunIn = this.#lackingIn.slice()
    if (!complete && hot === undefined) return
    for (let item = 0; item < count; item++) if (complete || getBit(hot!, item)) this.add(item)
  }

  get all(): boolean {
    return this.#lacking === 0
  }

  /** Pieces that others can have from here. */
  get pieces(): number[] {
    const held: number[] = []
    this.#notBegunIn.forEach((lacking, piece) => {
      if (lacking === 0) held.push(piece)
    })
    return held
  }

  has(item: number): boolean {
    return getBit(this.bits, item)
  }

  /** The item is here, or comes and can be passed on meanwhile. */
  offers(item: number): boolean {
    return getBit(this.#begun, item)
  }

  hasPieces(pieces: readonly number[]): boolean {
    for (const piece of pieces) if (this.#lackingIn[piece] !== 0) return false
    return true
  }

  /** @returns the item's piece, if others can have all of it from now on */
  add(item: number): number | undefined {
    if (this.has(item)) return undefined
    setBit(this.bits, item)
    this.#lacking--
    this.#lackingIn[this.#image.pieces[item]!]!--
    return this.begin(item)
  }

  /** The first of what a coarse item stands for is here. @returns the same */
  begin(item: number): number | undefined {
    if (getBit(this.#begun, item)) return undefined
    setBit(this.#begun, item)
    const piece = this.#image.pieces[item]!
    return --this.#notBegunIn[piece]! === 0 ? piece : undefined
  }
}

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
    this.#lackingIn = new Uint32Array(image.segmentCount)
    this.#lacking = count
    for (let item = 0; item < count; item++) this.#lackingIn[image.segments[item]!]!++
    if (!complete && hot === undefined) return
    for (let item = 0; item < count; item++) if (complete || getBit(hot!, item)) this.add(item)
  }

  get all(): boolean {
    return this.#lacking === 0
  }

  /** Segments that are here whole. */
  get segments(): number[] {
    const held: number[] = []
    this.#lackingIn.forEach((lacking, segment) => {
      if (lacking === 0) held.push(segment)
    })
    return held
  }

  has(item: number): boolean {
    return getBit(this.bits, item)
  }

  /** @returns the item's segment, if it is whole now */
  add(item: number): number | undefined {
    if (this.has(item)) return undefined
    setBit(this.bits, item)
    this.#lacking--
    const segment = this.#image.segments[item]!
    return --this.#lackingIn[segment]! === 0 ? segment : undefined
  }
}

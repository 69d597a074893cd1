/**
 * How the index of blocks is laid out. A key is the first 12 bytes of a block's hash; a value has the block's places one
 * after the other, 3 bytes of image number and 6 bytes of offset each, big endian. An entry takes some 35 bytes on
 * disk. Two blocks with the same 12 bytes share an entry, which does no harm, as whoever reads a block re-hashes it.
 */
import type { Place } from './store.ts'

export const KEY_BYTES = 12
export const PREFIX_BYTES = 8
export const PLACE_BYTES = 9
export const IMAGE_NUMBER_MAX = 2 ** 24 - 1
/** A block that lies in more images than this is not noted for the others. */
export const PLACES_MAX = 64
/** Places that find gives for a block unless told otherwise. */
export const PLACES_FOUND_DEFAULT = 4

const UINT24 = 2 ** 24

/** Number of the image of the place that begins at byte `at` of a value. */
export function imageAt(value: Uint8Array, at: number): number {
  return (value[at]! << 16) | (value[at + 1]! << 8) | value[at + 2]!
}

/** Offset within its image of the place that begins at byte `at` of a value. */
export function offsetAt(value: Uint8Array, at: number): number {
  const high = (value[at + 3]! << 16) | (value[at + 4]! << 8) | value[at + 5]!
  const low = (value[at + 6]! << 16) | (value[at + 7]! << 8) | value[at + 8]!
  return high * UINT24 + low
}

/** A value with one more place, or undefined where the image has one already or the value is full. */
export function withPlace(value: Uint8Array | undefined, image: number, offset: number): Uint8Array | undefined {
  const before = value?.length ?? 0
  if (before >= PLACES_MAX * PLACE_BYTES) return undefined
  for (let at = 0; at < before; at += PLACE_BYTES) if (imageAt(value!, at) === image) return undefined
  const next = new Uint8Array(before + PLACE_BYTES)
  if (value !== undefined) next.set(value)
  const high = Math.floor(offset / UINT24)
  const low = offset % UINT24
  next[before] = image >>> 16
  next[before + 1] = image >>> 8
  next[before + 2] = image
  next[before + 3] = high >>> 16
  next[before + 4] = high >>> 8
  next[before + 5] = high
  next[before + 6] = low >>> 16
  next[before + 7] = low >>> 8
  next[before + 8] = low
  return next
}

/**
 * A value without the places of an image, or without the one at `offset` if that is given.
 *
 * @returns undefined where there is nothing to take away
 */
export function withoutPlace(value: Uint8Array, image: number, offset?: number): Uint8Array | undefined {
  for (let at = 0; at < value.length; at += PLACE_BYTES) {
    if (imageAt(value, at) !== image || (offset !== undefined && offsetAt(value, at) !== offset)) continue
    const next = new Uint8Array(value.length - PLACE_BYTES)
    next.set(value.subarray(0, at))
    next.set(value.subarray(at + PLACE_BYTES), at)
    return next
  }
  return undefined
}

/** What an index is told of images: complete ones come first in answers, unknown ones (being removed) not at all. */
export type StateOf = (image: number) => 'complete' | 'partial' | undefined

/** The places that a value holds, complete images first, at most `most`. */
export function placesOf(value: Uint8Array, stateOf: StateOf, most: number): Place[] {
  const complete: Place[] = []
  const partial: Place[] = []
  for (let at = 0; at + PLACE_BYTES <= value.length && complete.length < most; at += PLACE_BYTES) {
    const image = imageAt(value, at)
    const state = stateOf(image)
    if (state === undefined) continue
    const places = state === 'complete' ? complete : partial
    places.push({ image, offset: offsetAt(value, at) })
  }
  if (partial.length === 0) return complete
  return complete.concat(partial).slice(0, most)
}

/** The first key whose first `bits` bits are not all zero, or undefined for 0 bits, which every key passes. */
export function endOfSample(bits: number): Uint8Array | undefined {
  if (bits === 0) return undefined
  const end = new Uint8Array(KEY_BYTES)
  end[(bits - 1) >> 3] = 1 << (7 - ((bits - 1) & 7))
  return end
}

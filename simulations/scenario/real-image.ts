/**
 * An image to play with from the table of a real one, and what nodes with other real images have of it. Pure.
 *
 * Equal blocks count once, zeros not at all, as on the wire. Neighbours that the same nodes have are joined, which keeps
 * what overlaps to the byte and makes a run many times cheaper.
 */
import { newBits, setBit } from '../../protocols/bits.ts'
import { HashSet, hashesOf } from '../../protocols/table/diff.ts'
import type { Table } from '../../protocols/table/table.ts'

export interface RealImage {
  /** Bytes of each item, and its segment. */
  readonly lengths: Uint32Array
  readonly segments: Uint32Array
  readonly segmentCount: number
  readonly fileBytes: number
  readonly blockBytes: number
  /** For each of the others a bit an item: whether that image has it. */
  readonly hot: readonly Uint8Array[]
}

interface Item {
  readonly length: number
  readonly segment: number
  /** A bit for each of the others. */
  readonly hotIn: number
}

/**
 * @param others at most 31
 * @param joinBytes longest item that neighbours are joined to; a block that is longer stays what it is
 * @param grain only one of so many segments is kept, spread evenly; of few segments more. Bytes are what is kept.
 */
export function realImage(table: Table, others: readonly Table[], joinBytes: number, grain: number): RealImage {
  const items = joined(distinctItems(table, others), joinBytes)
  const every = Math.max(1, grain)
  const kept = items.filter(({ segment }) => isKept(segment, every))
  // An image of few segments can be all left out.
  const played = kept.length > 0 ? kept : items
  const numbers = new Map<number, number>()
  for (const { segment } of played) if (!numbers.has(segment)) numbers.set(segment, numbers.size)
  const blockBytes = sum(played)
  const allBytes = sum(items)
  const hot = others.map((_, other) => {
    const bits = newBits(played.length)
    played.forEach(({ hotIn }, item) => {
      if (hotIn & (1 << other)) setBit(bits, item)
    })
    return bits
  })
  return {
    lengths: Uint32Array.from(played, ({ length }) => length),
    segments: Uint32Array.from(played, ({ segment }) => numbers.get(segment)!),
    segmentCount: numbers.size,
    fileBytes: table.imageBytes * (allBytes === 0 ? 1 : blockBytes / allBytes),
    blockBytes,
    hot,
  }
}

/** Bytes of the different blocks of a table that are not zero. */
export function distinctBytes(table: Table): number {
  return sum(distinctItems(table, []))
}

function isKept(segment: number, every: number): boolean {
  return Math.floor(segment / every) !== Math.floor((segment - 1) / every)
}

function distinctItems(table: Table, others: readonly Table[]): Item[] {
  const sets = others.map(hashesOf)
  const seen = new HashSet()
  const items: Item[] = []
  table.segments.forEach(({ firstEntry, entries }, segment) => {
    for (let row = firstEntry; row < firstEntry + entries; row++) {
      if (table.zero[row] === 1 || !seen.add(table, row)) continue
      let hotIn = 0
      sets.forEach((set, other) => {
        if (set.has(table, row)) hotIn |= 1 << other
      })
      items.push({ length: table.lengths[row]!, segment, hotIn })
    }
  })
  return items
}

function joined(items: readonly Item[], joinBytes: number): Item[] {
  const result: Item[] = []
  for (const item of items) {
    const last = result.at(-1)
    const joins =
      last !== undefined &&
      last.segment === item.segment &&
      last.hotIn === item.hotIn &&
      last.length + item.length <= joinBytes
    if (joins) result[result.length - 1] = { ...last, length: last.length + item.length }
    else result.push(item)
  }
  return result
}

function sum(items: readonly Item[]): number {
  return items.reduce((bytes, { length }) => bytes + length, 0)
}

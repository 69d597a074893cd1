import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ExtentList, extentLengths, type Grid } from '../../../node/cutters/extents.ts'
import { seededRandom } from '../../../protocols/ports.ts'
import { BLOCK_BYTES, KIB } from './helpers.ts'

type Extent = [start: number, end: number, logical: number]

function cut(size: number, extents: Extent[], grids: Grid[] = [], blockBytes = BLOCK_BYTES): number[] {
  const list = new ExtentList()
  for (const [start, end, logical] of extents) list.add(start, end, logical)
  return [...extentLengths(size, list.sorted(size), grids, blockBytes)]
}

test('no extents: the grid, and what is left', () => {
  assert.equal(cut(0, []), [])
  assert.equal(cut(1, []), [1])
  assert.equal(cut(4095, []), [4095])
  assert.equal(cut(4096, []), [4096])
  assert.equal(cut(4097, []), [4096, 1])
})

test('a file of every boundary length ends exactly, and the slack is a row', () => {
  for (const [length, rows] of [
    [1, [1]],
    [BLOCK_BYTES - 1, [BLOCK_BYTES - 1]],
    [BLOCK_BYTES, [BLOCK_BYTES]],
    [BLOCK_BYTES + 1, [BLOCK_BYTES, 1]],
  ] as const) {
    const slack = (4096 - (length % 4096)) % 4096
    const expected = [4096, ...rows, ...(slack > 0 ? [slack] : []), 4096]
    assert.equal(cut(4096 + length + slack + 4096, [[4096, 4096 + length, 0]]), expected, `${length}`)
  }
})

test('an extent in the midst of a file is cut at offsets of the file', () => {
  // 40 KiB into the file: 24 KiB to the first multiple of 64 KiB.
  const rows = cut(160 * KIB, [[8 * KIB, 8 * KIB + 120 * KIB, 40 * KIB]])
  assert.equal(rows.slice(0, 5), [4 * KIB, 4 * KIB, 24 * KIB, 64 * KIB, 32 * KIB])
})

test('two files side by side do not share a row', () => {
  assert.equal(
    cut(3 * 4096, [
      [0, 1000, 0],
      [1024, 2048, 0],
      [2048, 4096, 0],
    ]),
    [1000, 24, 1024, 2048, 4096, 4096],
  )
})

test('overlaps, empty ones and what is out of range are dropped', () => {
  const good: Extent = [4096, 12288, 0]
  const bad: Extent[] = [
    [8192, 16384, 0],
    [4096, 5000, 0],
    [20480, 20480, 0],
    [-4096, 100, 0],
    [20480, 40961, 0],
    [20480, 24576, -1],
    [Number.NaN, 24576, 0],
    [20480, Number.POSITIVE_INFINITY, 0],
  ]
  const rows = cut(40960, [good, ...bad])
  assert.equal(rows, cut(40960, [good]))
})

test('the grid begins anew where a partition does', () => {
  const grids = [
    { at: 512, origin: 512 },
    { at: 9216, origin: 0 },
  ]
  assert.equal(cut(16384, [], grids), [512, 4096, 4096, 512, 3072, 4096])
})

test('property: random extents in any order', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seededRandom(seed)
    const size = Math.floor(random() * 2_000_000)
    const blockBytes = 4096 * (1 + Math.floor(random() * 20))
    const extents: Extent[] = []
    for (let i = 0; i < random() * 60; i++) {
      const start = Math.floor(random() * size * 1.1)
      extents.push([start, start + Math.floor(random() * 200_000), Math.floor(random() * 1_000_000)])
    }
    const rows = cut(size, extents, [], blockBytes)
    const message = `seed ${seed}`
    assert.is(
      rows.reduce((a, b) => a + b, 0),
      size,
      message,
    )
    assert.ok(
      rows.every((row) => row > 0 && row <= blockBytes),
      message,
    )
    // Whichever extents were kept, the one that begins first (and is in range) is among them: its ends are cuts.
    const first = extents.filter(([s, e]) => e > s && e <= size).sort((a, b) => a[0] - b[0])[0]
    if (first === undefined) continue
    const starts = new Set<number>()
    let at = 0
    for (const row of rows) {
      at += row
      starts.add(at)
    }
    assert.ok(first[0] === 0 || starts.has(first[0]), message)
    assert.ok(starts.has(first[1]), message)
  }
})

test('packed: a hundred thousand extents in falling order come out in image order', () => {
  const list = new ExtentList()
  const count = 100_000
  for (let i = count - 1; i >= 0; i--) list.add(i * 8192, i * 8192 + 5000, 0)
  const size = count * 8192
  const sorted = list.sorted(size)
  assert.is(sorted.count, count)
  let rows = 0
  for (const _ of extentLengths(size, sorted, [], BLOCK_BYTES)) rows++
  assert.is(rows, count * 2)
})

test.run()

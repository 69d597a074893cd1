import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cutImage } from '../../../node/cutters/cut.ts'
import { readPartitions } from '../../../node/cutters/partitions.ts'
import { seededRandom } from '../../../protocols/ports.ts'
import { missingTools, testWith, tool } from '../../support/tools.ts'
import {
  AUTO,
  extentsOf,
  found,
  KIB,
  memoryReader,
  pieceHashes,
  randomBytes,
  rowHashes,
  rowLengths,
  rowStarts,
  withDir,
  writeFiles,
} from './helpers.ts'

const SECTOR = 512
type Entry = [type: number, first: number, sectors: number]

function writeMbr(bytes: Uint8Array, at: number, entries: Entry[]): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, SECTOR)
  for (const [i, [type, first, sectors]] of entries.entries()) {
    view.setUint8(446 + i * 16 + 4, type)
    view.setUint32(446 + i * 16 + 8, first, true)
    view.setUint32(446 + i * 16 + 12, sectors, true)
  }
  view.setUint16(510, 0xaa55, true)
}

/** A GPT of entries [first, last] in sectors. */
function writeGpt(bytes: Uint8Array, sectorBytes: number, ranges: [first: number, last: number][]): void {
  writeMbr(bytes, 0, [[0xee, 1, 0xffffffff]])
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  bytes.set(new TextEncoder().encode('EFI PART'), sectorBytes)
  view.setBigUint64(sectorBytes + 72, 2n, true)
  view.setUint32(sectorBytes + 80, 128, true)
  view.setUint32(sectorBytes + 84, 128, true)
  for (const [i, [first, last]] of ranges.entries()) {
    const at = 2 * sectorBytes + i * 128
    view.setBigUint64(at, 0x0fc63daf_8483_4772n, true)
    view.setBigUint64(at + 32, BigInt(first), true)
    view.setBigUint64(at + 40, BigInt(last), true)
  }
}

const FILES = new Map([1, 5000, 65536, 300_001].map((length, i) => [`file-${length}`, randomBytes(length, 40 + i)]))

const TOOLS = ['mke2fs', 'dumpe2fs', 'debugfs']
const testFs = testWith(...TOOLS)

/** A file system with FILES, of 4 MiB, and the hashes of their pieces in it. */
const { bytes: FS, pieces: PIECES } = await withDir((dir) => {
  if (missingTools(TOOLS).length > 0) return { bytes: Buffer.alloc(0), pieces: [] }
  const image = join(dir, 'image')
  mkdirSync(join(dir, 'tree'))
  writeFiles(join(dir, 'tree'), FILES)
  tool('mke2fs', ['-q', '-F', '-t', 'ext4', '-b', '4096', '-O', '^has_journal', '-d', join(dir, 'tree'), image, '4M'])
  const extents = extentsOf(image, [...FILES.keys()])
  const pieces = [...FILES].flatMap(([file, content]) =>
    pieceHashes(
      content,
      extents.get(file)?.map((extent) => extent.logical),
    ),
  )
  return { bytes: readFileSync(image), pieces }
})
const FS_SECTORS = FS.length / SECTOR

async function check(bytes: Uint8Array, cutter: string): Promise<number[]> {
  const cuts = await cutImage(memoryReader(bytes), AUTO)
  assert.is(cuts.cutter, cutter)
  assert.is(cuts.format, 'raw')
  const lengths = rowLengths(cuts, bytes.length)
  assert.is(found(PIECES, rowHashes(bytes, lengths)), `${PIECES.length}/${PIECES.length}`)
  return lengths
}

for (const sectorBytes of [512, 4096]) {
  testFs(`GPT with sectors of ${sectorBytes}: the files of two partitions`, async () => {
    const start = 64 * 4096
    const bytes = new Uint8Array(start + 2 * FS.length + 100 * KIB)
    const first = start / sectorBytes
    const sectors = FS.length / sectorBytes
    writeGpt(bytes, sectorBytes, [
      [first + sectors, first + 2 * sectors - 1],
      [first, first + sectors - 1],
    ])
    bytes.set(FS, start)
    bytes.set(FS, start + FS.length)
    const partitions = await readPartitions(memoryReader(bytes))
    assert.equal(partitions, {
      scheme: 'gpt',
      ranges: [
        { start, end: start + FS.length },
        { start: start + FS.length, end: start + 2 * FS.length },
      ],
    })
    const lengths = await check(bytes, 'gpt+ext4')
    // The same file system is the same rows in both.
    const starts = rowStarts(lengths)
    const from = starts.indexOf(start)
    const half = starts.indexOf(start + FS.length)
    assert.equal(lengths.slice(from, half), lengths.slice(half, half + (half - from)))
  })
}

testFs('MBR: a partition that begins at sector 63 has the rows of the bare file system', async () => {
  const start = 63 * SECTOR
  const bytes = new Uint8Array(start + FS.length + 5000)
  writeMbr(bytes, 0, [[0x83, 63, FS_SECTORS]])
  bytes.set(FS, start)
  const lengths = await check(bytes, 'mbr+ext4')
  const bare = await check(FS, 'ext4')
  const from = rowStarts(lengths).indexOf(start)
  assert.equal(lengths.slice(from, from + bare.length), bare)
})

testFs('MBR: logical partitions in an extended one', async () => {
  const extended = 2048
  const bytes = new Uint8Array((extended + 2 * 2048) * SECTOR + 2 * FS.length)
  writeMbr(bytes, 0, [
    [0x0c, 63, 100],
    [0x05, extended, 2 * (2048 + FS_SECTORS)],
  ])
  writeMbr(bytes, extended * SECTOR, [
    [0x83, 2048, FS_SECTORS],
    [0x05, 2048 + FS_SECTORS, 2048 + FS_SECTORS],
  ])
  const second = extended + 2048 + FS_SECTORS
  writeMbr(bytes, second * SECTOR, [[0x83, 2048, FS_SECTORS]])
  bytes.set(FS, (second + 2048) * SECTOR)
  await check(bytes, 'mbr+ext4')
  const partitions = await readPartitions(memoryReader(bytes))
  assert.equal(
    partitions?.ranges.map(({ start }) => start / SECTOR),
    [63, extended + 2048, second + 2048],
  )
})

test('a chain of logical partitions that leads back to itself, or on and on, ends', async () => {
  const bytes = new Uint8Array(4 * 1024 * KIB)
  writeMbr(bytes, 0, [[0x05, 100, 8000]])
  writeMbr(bytes, 100 * SECTOR, [
    [0x83, 1, 1],
    [0x05, 0, 10],
  ])
  assert.is((await readPartitions(memoryReader(bytes)))?.ranges.length, 1)
  for (let i = 0; i < 1000; i++)
    writeMbr(bytes, (100 + i * 4) * SECTOR, [
      [0x83, 1, 1],
      [0x05, (i + 1) * 4, 4],
    ])
  assert.is((await readPartitions(memoryReader(bytes)))?.ranges.length, 128)
})

testFs('a bare file system wins over a partition table before it', async () => {
  const bytes = FS.slice()
  writeMbr(bytes, 0, [[0x83, 63, 1000]])
  await check(bytes, 'ext4')
})

test('a boot sector without a partition table is none', async () => {
  const bytes = randomBytes(64 * KIB, 5)
  new DataView(bytes.buffer).setUint16(510, 0xaa55, true)
  bytes[446] = 0x6e
  assert.is(await readPartitions(memoryReader(bytes)), undefined)
  assert.is((await cutImage(memoryReader(bytes), AUTO)).cutter, 'fixed:4096')
})

test('partitions without a file system that is known: the grid, anew at each', async () => {
  const bytes = randomBytes(200 * SECTOR, 6)
  bytes.fill(0, 0, SECTOR)
  writeMbr(bytes, 0, [[0x07, 63, 100]])
  const cuts = await cutImage(memoryReader(bytes), AUTO)
  assert.is(cuts.cutter, 'fixed:4096')
  const starts = rowStarts(rowLengths(cuts, bytes.length, 4096))
  assert.ok(starts.includes(63 * SECTOR) && starts.includes(163 * SECTOR) && starts.includes(63 * SECTOR + 4096))
})

test('partitions that overlap, or reach past the image, are dropped or clipped', async () => {
  const bytes = new Uint8Array(1000 * SECTOR)
  writeMbr(bytes, 0, [
    [0x83, 100, 5000],
    [0x83, 200, 10],
    [0x83, 2000, 10],
    [0x83, 50, 50],
  ])
  assert.equal((await readPartitions(memoryReader(bytes)))?.ranges, [
    { start: 50 * SECTOR, end: 100 * SECTOR },
    { start: 100 * SECTOR, end: bytes.length },
  ])
})

testFs('a thousand partitions that are one file system cost what one costs', async () => {
  const start = 1024 * KIB
  const bytes = new Uint8Array(start + FS.length)
  bytes.set(FS, start)
  const ranges: [number, number][] = Array.from({ length: 1024 }, () => [
    start / SECTOR,
    start / SECTOR + FS_SECTORS - 1,
  ])
  writeGpt(bytes, SECTOR, ranges)
  new DataView(bytes.buffer).setUint32(SECTOR + 80, 1024, true)
  const reader = memoryReader(bytes)
  const cuts = await cutImage(reader, AUTO)
  assert.is(cuts.cutter, 'gpt+ext4')
  assert.ok(reader.readBytes < 2 * bytes.length, `read ${reader.readBytes} bytes`)
  assert.is((await readPartitions(memoryReader(bytes)))?.ranges.length, 1)
})

test('a GPT with counts, sizes or places that cannot be is none, and costs nothing', async () => {
  for (const [at, value] of [
    [80, 0xffff_ffffn],
    [80, 1025n],
    [84, 0xffff_ffffn],
    [84, 0n],
    [72, 0xffff_ffff_ffff_ffffn],
    [72, 1n << 53n],
  ] as const) {
    const bytes = new Uint8Array(256 * KIB)
    writeGpt(bytes, SECTOR, [[100, 200]])
    const view = new DataView(bytes.buffer)
    if (at === 72) view.setBigUint64(SECTOR + at, value, true)
    else view.setUint32(SECTOR + at, Number(value), true)
    const reader = memoryReader(bytes)
    assert.is(await readPartitions(reader), undefined, `${value} at ${at}`)
    assert.ok(reader.readBytes < 64 * KIB, `read ${reader.readBytes} bytes`)
  }
  // Partitions past the end of the image, or from its end to its start, or past all numbers, are passed over.
  const bytes = new Uint8Array(256 * KIB)
  writeGpt(bytes, SECTOR, [
    [2 ** 52, 2 ** 53 - 1],
    [300, 200],
    [100, 2 ** 53 - 1],
  ])
  assert.equal((await readPartitions(memoryReader(bytes)))?.ranges, [{ start: 100 * SECTOR, end: bytes.length }])
})

test('property: damaged tables', async () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seededRandom(seed)
    const bytes = new Uint8Array(300 * KIB)
    const sectorBytes = random() < 0.5 ? 512 : 4096
    if (random() < 0.5)
      writeGpt(bytes, sectorBytes, [
        [40, 50],
        [60, 70],
      ])
    else
      writeMbr(bytes, 0, [
        [0x05, 100, 300],
        [0x83, 1, 20],
      ])
    for (let i = 0; i < 20; i++) {
      const at = [446, sectorBytes, 2 * sectorBytes, 100 * SECTOR + 446][Math.floor(random() * 4)]!
      bytes[at + Math.floor(random() * 128)] = Math.floor(random() * 256)
    }
    try {
      rowLengths(await cutImage(memoryReader(bytes), AUTO), bytes.length)
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error })
    }
  }
})

test.run()

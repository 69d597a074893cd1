import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cutImage } from '../../../node/cutters/cut.ts'
import { seededRandom } from '../../../protocols/ports.ts'
import { testWith, tool } from '../../support/tools.ts'
import {
  AUTO,
  BLOCK_BYTES,
  extentsOf,
  found,
  KIB,
  memoryReader,
  pieceHashes,
  randomBytes,
  rowHashes,
  rowLengths,
  withDir,
  writeFiles,
} from './helpers.ts'

const testFs = testWith('mke2fs', 'dumpe2fs', 'debugfs')

/** Lengths on each side of every boundary that matters. */
const LENGTHS = [1, 1023, 1024, 4095, 4096, 4097, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 200_001, 1_500_007]

function files(): Map<string, Uint8Array> {
  return new Map(LENGTHS.map((length, i) => [`file-${length}`, randomBytes(length, 100 + i)]))
}

/** An image of a tree with `files`, made by mke2fs as an ordinary user can. */
function makeImage(dir: string, content: Map<string, Uint8Array>, size: string, args: string[]): Uint8Array {
  const tree = join(dir, 'tree')
  mkdirSync(join(tree, 'sub'), { recursive: true })
  writeFiles(tree, content)
  symlinkSync('x'.repeat(100), join(tree, 'sub/link'))
  writeFileSync(join(tree, 'sub/empty'), '')
  const image = join(dir, 'image')
  tool('mke2fs', ['-q', '-F', '-d', tree, ...args, image, size])
  return readFileSync(image)
}

/** Where a map of indirect blocks lies between the data of a file. */
function indirectCuts(length: number, blockBytes: number): number[] {
  const cuts: number[] = []
  for (let at = 12 * blockBytes; at < length; at += (blockBytes / 4) * blockBytes) cuts.push(at)
  return cuts
}

const LAYOUTS: [name: string, size: string, args: string[]][] = [
  ['ext4', '16M', ['-t', 'ext4', '-b', '4096']],
  ['ext4, 1 KiB', '16M', ['-t', 'ext4', '-b', '1024']],
  ['ext4, 2 KiB, inodes of 128 bytes', '16M', ['-t', 'ext4', '-b', '2048', '-I', '128']],
  ['ext4, 64 KiB', '64M', ['-t', 'ext4', '-b', '65536']],
  ['ext4, inodes of 1 KiB', '16M', ['-t', 'ext4', '-I', '1024']],
  ['ext4, 64bit', '16M', ['-t', 'ext4', '-b', '1024', '-O', '64bit']],
  ['ext4, not 64bit', '16M', ['-t', 'ext4', '-b', '1024', '-O', '^64bit']],
  ['ext4, many groups', '24M', ['-t', 'ext4', '-b', '1024', '-g', '1024', '-O', '^flex_bg,^resize_inode']],
  ['ext4, meta_bg', '40M', ['-t', 'ext4', '-b', '1024', '-g', '1024', '-O', 'meta_bg,^resize_inode,^flex_bg']],
  ['ext4, meta_bg in flex_bg', '40M', ['-t', 'ext4', '-b', '1024', '-g', '1024', '-O', 'meta_bg,^resize_inode']],
  ['ext4, sparse_super2', '24M', ['-t', 'ext4', '-b', '1024', '-O', 'sparse_super2,^resize_inode']],
  ['ext4, bigalloc', '64M', ['-t', 'ext4', '-b', '4096', '-O', 'bigalloc']],
  ['ext4, without checksums', '16M', ['-t', 'ext4', '-O', '^metadata_csum,^uninit_bg']],
  ['ext4, uninit_bg', '24M', ['-t', 'ext4', '-b', '1024', '-O', '^metadata_csum,uninit_bg']],
  ['ext4, inline_data', '16M', ['-t', 'ext4', '-O', 'inline_data', '-I', '256']],
  ['ext4 without a journal', '16M', ['-t', 'ext4', '-O', '^has_journal']],
]
for (const [name, size, args] of LAYOUTS) {
  testFs(`${name}: every block of every file is a row`, () =>
    withDir(async (dir) => {
      const content = files()
      const bytes = makeImage(dir, content, size, ['-E', 'lazy_itable_init=0', ...args])
      const cuts = await cutImage(memoryReader(bytes), AUTO)
      assert.is(cuts.cutter, 'ext4')
      assert.is(cuts.format, 'raw')
      const rows = rowHashes(bytes, rowLengths(cuts, bytes.length))
      const leaves = extentsOf(join(dir, 'image'), [...content.keys()])
      for (const [file, data] of content) {
        // A file that short has no block, where data is kept in inodes.
        if (name.includes('inline') && data.length < 60) continue
        // Metadata of a group may lie in the midst of a file.
        const extents = leaves.get(file) ?? []
        assert.ok(extents.length > 0 && extents.length < 6, `${file} has ${extents.length} extents`)
        const pieces = pieceHashes(
          data,
          extents.map((extent) => extent.logical),
        )
        assert.is(found(pieces, rows), `${pieces.length}/${pieces.length}`, file)
      }
    }),
  )
}

for (const [type, blockBytes] of [
  ['ext2', 1024],
  ['ext2', 4096],
  ['ext3', 1024],
  ['ext3', 4096],
] as const) {
  testFs(`${type}, ${blockBytes}: every block of every file is a row, but where the map of blocks lies in it`, () =>
    withDir(async (dir) => {
      const content = files()
      const bytes = makeImage(dir, content, '16M', ['-t', type, '-b', String(blockBytes)])
      const cuts = await cutImage(memoryReader(bytes), AUTO)
      assert.is(cuts.cutter, 'ext4')
      const rows = rowHashes(bytes, rowLengths(cuts, bytes.length))
      for (const [file, data] of content) {
        const pieces = pieceHashes(data, indirectCuts(data.length, blockBytes))
        assert.is(found(pieces, rows), `${pieces.length}/${pieces.length}`, file)
      }
    }),
  )
}

for (const type of ['ext2', 'ext4']) {
  testFs(`${type}: a sparse file's data is cut at offsets of the file, also in a triple indirect block`, () =>
    withDir(async (dir) => {
      const tree = join(dir, 'tree')
      mkdirSync(tree)
      const sparse = join(tree, 'sparse')
      const pieces: string[] = []
      writeFileSync(sparse, '')
      // Single, double and triple indirect blocks of 1 KiB reach to 268 KiB, 64.3 MiB and 16 GiB.
      for (const [i, offset] of [0, 128 * KIB, 1024 * KIB, 70 * 1024 * KIB].entries()) {
        const data = randomBytes(10 * KIB, 300 + i)
        truncateSync(sparse, offset)
        writeFileSync(sparse, data, { flag: 'a' })
        pieces.push(...pieceHashes(data))
      }
      truncateSync(sparse, 80 * 1024 * KIB)
      const image = join(dir, 'image')
      tool('mke2fs', ['-q', '-F', '-d', tree, '-t', type, '-b', '1024', image, '8M'])
      const bytes = readFileSync(image)
      const rows = rowHashes(bytes, rowLengths(await cutImage(memoryReader(bytes), AUTO), bytes.length))
      assert.is(found(pieces, rows), '4/4')
    }),
  )
}

testFs('a fragmented file, with a tree of extents two levels deep', () =>
  withDir(async (dir) => {
    // Small files side by side; every second goes, and a large file takes the holes that they leave.
    const small = new Map(Array.from({ length: 900 }, (_, i) => [`s${i}`, randomBytes(3 * KIB, 1000 + i)]))
    makeImage(dir, small, '4M', ['-t', 'ext4', '-b', '1024', '-m', '0', '-O', '^has_journal', '-N', '1200'])
    const image = join(dir, 'image')
    const large = randomBytes(1_300 * KIB + 77, 7)
    writeFileSync(join(dir, 'large'), large)
    const filler = join(dir, 'filler')
    // What is free in one piece is taken first, so that only the holes are left.
    const free = Number(/Free blocks:\s+(\d+)/.exec(tool('dumpe2fs', ['-h', image]))?.[1])
    writeFileSync(filler, randomBytes(Math.max(0, free - 40) * KIB, 8))
    const commands = [
      `write ${filler} filler`,
      ...[...small.keys()].filter((_, i) => i % 2).map((name) => `rm ${name}`),
    ]
    writeFileSync(join(dir, 'commands'), [...commands, `write ${join(dir, 'large')} large`, ''].join('\n'))
    tool('debugfs', ['-w', '-f', join(dir, 'commands'), image])
    const extents = extentsOf(image, ['large']).get('large')!
    assert.ok(extents.length > 340 && extents[0]?.depth === 2, `${extents.length} extents, depth ${extents[0]?.depth}`)
    const bytes = readFileSync(image)
    const rows = rowHashes(bytes, rowLengths(await cutImage(memoryReader(bytes), AUTO), bytes.length))
    const pieces = pieceHashes(
      large,
      extents.map((extent) => extent.logical),
    )
    assert.is(found(pieces, rows), `${pieces.length}/${pieces.length}`)
  }),
)

testFs('extents that are allocated but unwritten, and blocks past the end of a file, lie on the grid', () =>
  withDir(async (dir) => {
    makeImage(dir, new Map([['file', randomBytes(5000, 1)]]), '8M', ['-t', 'ext4', '-b', '4096'])
    const image = join(dir, 'image')
    const before = rowLengths(await cutImage(memoryReader(readFileSync(image)), AUTO), 8 * 1024 * KIB)
    tool('debugfs', ['-w', '-R', 'fallocate file 2 40', image])
    const after = rowLengths(await cutImage(memoryReader(readFileSync(image)), AUTO), 8 * 1024 * KIB)
    assert.ok(tool('debugfs', ['-R', 'ex /file', image]).includes('Uninit'))
    assert.equal(after, before)
  }),
)

testFs('the journal and removed files are no file data', () =>
  withDir(async (dir) => {
    const bytes = makeImage(dir, new Map([['file', randomBytes(300_000, 1)]]), '16M', ['-t', 'ext4', '-b', '4096'])
    const rows = rowLengths(await cutImage(memoryReader(bytes), AUTO), bytes.length)
    // The journal alone would be some 64 blocks; the file may lie in a few pieces.
    const large = rows.filter((row) => row > 4096).length
    assert.ok(large >= Math.ceil(300_000 / BLOCK_BYTES) && large < 10, `${large} rows`)
    tool('debugfs', ['-w', '-R', 'rm file', join(dir, 'image')])
    const removed = readFileSync(join(dir, 'image'))
    const grid = rowLengths(await cutImage(memoryReader(removed), AUTO), removed.length)
    assert.ok(grid.every((row) => row === 4096))
  }),
)

testFs('other lengths of block', () =>
  withDir(async (dir) => {
    const data = randomBytes(700_001, 9)
    const bytes = makeImage(dir, new Map([['file', data]]), '8M', ['-t', 'ext4'])
    for (const blockBytes of [4096, 12288, 256 * KIB, 1024 * KIB]) {
      const cuts = await cutImage(memoryReader(bytes), { cut: 'auto', blockBytes })
      const rows = rowHashes(bytes, rowLengths(cuts, bytes.length, blockBytes))
      const pieces = pieceHashes(data, [], blockBytes)
      assert.is(found(pieces, rows), `${pieces.length}/${pieces.length}`, `${blockBytes}`)
    }
  }),
)

for (const [type, blockBytes] of [
  ['ext2', '1024'],
  ['ext4', '1024'],
  ['ext4', '4096'],
] as const) {
  testFs(`${type}, ${blockBytes}: truncated and damaged images give sound rows at bounded cost`, () =>
    withDir(async (dir) => {
      const bytes = makeImage(dir, files(), '6M', ['-t', type, '-b', blockBytes, '-O', '^has_journal', '-N', '200'])
      // Metadata is what matters: flips fall on what is not zero in the first half MiB, most of it before the files.
      const used: number[] = []
      for (let i = 1024; i < 512 * KIB; i++) if (bytes[i] !== 0) used.push(i)
      for (let seed = 1; seed <= 150; seed++) {
        const random = seededRandom(seed)
        const cut = random() < 0.3 ? Math.floor(random() * bytes.length) : bytes.length
        const damaged = bytes.slice(0, cut)
        for (let i = 0; i < 1 + random() * 40; i++) {
          const near =
            random() < 0.5 ? Math.floor(random() * Math.min(600, used.length)) : Math.floor(random() * used.length)
          const at = used[near]!
          if (at < cut)
            damaged[at] = random() < 0.5 ? damaged[at]! ^ (1 << Math.floor(random() * 8)) : Math.floor(random() * 256)
        }
        try {
          const reader = memoryReader(damaged)
          rowLengths(await cutImage(reader, AUTO), damaged.length)
          assert.ok(reader.readBytes < 20 * bytes.length, `read ${reader.readBytes} bytes`)
        } catch (error) {
          throw new Error(`seed ${seed}: ${error}`, { cause: error })
        }
      }
    }),
  )
}

testFs('a tree of extents that leads to itself, and a million maps that are one, come to an end', () =>
  withDir(async (dir) => {
    const bytes = makeImage(dir, new Map([['file', randomBytes(300_000, 3)]]), '8M', [
      ...['-t', 'ext4', '-b', '4096', '-I', '128', '-N', '16384', '-O', '^has_journal,^metadata_csum,^uninit_bg'],
    ])
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    const table = view.getUint32(4096 + 8, true) * 4096
    const loop = 1000
    // Every inode is a file of 2^40 bytes whose root leads, 4 times, to one node, which leads 340 times to itself.
    const node = (at: number, depth: number, entries: number) => {
      view.setUint16(at, 0xf30a, true)
      view.setUint16(at + 2, entries, true)
      view.setUint16(at + 6, depth, true)
      for (let i = 0; i < entries; i++) {
        view.setUint32(at + 12 + i * 12 + 4, loop, true)
        view.setUint16(at + 12 + i * 12 + 8, 0, true)
      }
    }
    for (let inode = 11; inode < 16384; inode++) {
      const at = table + inode * 128
      view.setUint16(at, 0x81a4, true)
      view.setUint16(at + 0x1a, 1, true)
      view.setUint32(at + 0x20, 0x80000, true)
      view.setUint32(at + 0x6c, 256, true)
      node(at + 0x28, 5, 4)
    }
    for (const depth of [5, 4, 1]) {
      node(loop * 4096, depth, 340)
      const reader = memoryReader(bytes)
      rowLengths(await cutImage(reader, AUTO), bytes.length)
      assert.ok(reader.readBytes < 100 * bytes.length, `read ${reader.readBytes} bytes`)
    }
    // Each node of a depth leads 340 times to the one of the next: 340^5 ways to the leaf at the end.
    for (let depth = 4; depth >= 0; depth--) node((loop + 4 - depth) * 4096, depth, 340)
    for (let depth = 4; depth > 0; depth--) {
      for (let i = 0; i < 340; i++) view.setUint32((loop + 4 - depth) * 4096 + 12 + i * 12 + 4, loop + 5 - depth, true)
    }
    const reader = memoryReader(bytes)
    rowLengths(await cutImage(reader, AUTO), bytes.length)
    assert.ok(reader.readBytes < 100 * bytes.length, `read ${reader.readBytes} bytes`)
  }),
)

testFs('groups without number, whose tables of inodes are one, cost no more than the image', () =>
  withDir(async (dir) => {
    const args = ['-t', 'ext4', '-b', '1024', '-I', '128', '-O', '^has_journal,^metadata_csum,^uninit_bg,^64bit']
    const bytes = makeImage(dir, new Map(), '16M', args)
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    // Inodes that are not in use: others would use up what the file system may cost before their number does.
    bytes.fill(0, 2048)
    const table = 4096
    // Groups of one block each, so that descriptors of 32 bytes lie over all that follows the superblock.
    for (const [inodes, perGroup] of [
      [0xffff_ffff, 8192],
      [0xffff_ffff, 1],
      [1, 8192],
    ] as const) {
      view.setUint32(1024, inodes, true)
      view.setUint32(1024 + 0x20, 1, true)
      view.setUint32(1024 + 0x28, perGroup, true)
      for (let group = 0; group < 16 * 1024; group++) view.setUint32(2048 + group * 32 + 8, table, true)
      const reader = memoryReader(bytes)
      const cuts = await cutImage(reader, AUTO)
      assert.is(cuts.cutter, 'ext4')
      rowLengths(cuts, bytes.length)
      assert.ok(reader.readBytes < 20 * bytes.length, `read ${reader.readBytes} bytes`)
    }
  }),
)

test('a superblock whose numbers are at their limits is refused, or costs no more than the image', async () => {
  const bytes = new Uint8Array(4 * 1024 * KIB)
  const view = new DataView(bytes.buffer)
  const numbers = [0, 1, 2, 6, 7, 31, 32, 128, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff]
  for (let seed = 1; seed <= 1000; seed++) {
    const random = seededRandom(seed)
    const pick = (): number => numbers[Math.floor(random() * numbers.length)]!
    for (let at = 0; at < 1024; at += 4) view.setUint32(1024 + at, random() < 0.3 ? pick() : 0, true)
    // Half of them get through the checks of what has to fit together.
    if (random() < 0.5) {
      for (const [at, value] of [
        [0x18, Math.floor(random() * 3)],
        [0x14, 0],
        [0x20, 1 + Math.floor(random() * 8192)],
        [0x28, 1 + Math.floor(random() * 8192)],
        [0x58, 128],
        [0xfc, 0x40_0000],
        [0x60, pick() & ~0x8],
        [0x64, pick() & ~0x200],
      ] as const) {
        view.setUint32(1024 + at, value, true)
      }
    }
    view.setUint16(1024 + 0x38, 0xef53, true)
    const reader = memoryReader(bytes)
    rowLengths(await cutImage(reader, AUTO), bytes.length)
    assert.ok(reader.readBytes < 20 * bytes.length, `seed ${seed}: read ${reader.readBytes} bytes`)
  }
})

test.run()

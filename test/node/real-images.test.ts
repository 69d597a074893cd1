/**
 * Images as people have them: real files of this machine, put into images by the usual tools. What the tests say of
 * made-up bytes elsewhere is tried here on what compresses, repeats itself and has holes as real data does.
 */
import { hash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { compareImages } from '../../node/comparing.ts'
import { type HashedImage, hashImage } from '../../node/hashing.ts'
import { createPool } from '../../node/pool/pool.ts'
import { hashAt } from '../../protocols/table/table.ts'
import { testWith, tool } from '../support/tools.ts'

const AUTO = { cut: 'auto', blockBytes: 65_536 }
const MIB = 1024 * 1024
const IMAGE_BYTES = 96 * MIB
const SOURCES = [import.meta.dirname, join(import.meta.dirname, '../../node_modules'), '/etc', '/usr/bin', '/usr/share']
const SOURCE_BYTES_MAX = 8 * MIB
const SOURCE_FILES_MAX = 500
const FILE_BYTES_MAX = 2 * MIB
/** With fewer bytes of real files the tests would say little. */
const TREE_BYTES_MIN = 8 * MIB

const pool = createPool({ threads: 2 })
const dir = await mkdtemp(join(tmpdir(), 'hotblock-real-'))
/** Images are made when the first test asks for them, and then kept. */
const made = new Map<string, Promise<HashedImage>>()

/** Bytes of all files of a tree, and of those that both trees have unchanged. */
interface Sizes {
  first: number
  second: number
  common: number
}

const sizes = makeTrees()

/**
 * A tree of real files, and a related one: it lacks a file here and there, others have grown, and their order on disk is
 * another one, since the first folder's name is.
 */
function makeTrees(): Sizes {
  const sum = { first: 0, second: 0, common: 0 }
  let count = 0
  for (const [i, source] of SOURCES.entries()) {
    for (const { path, name, bytes } of filesBelow(source)) {
      copy(path, join(dir, 'first', `${i}`, name))
      sum.first += bytes
      count++
      if (count % 5 === 0) continue
      const to = join(dir, 'second', `${SOURCES.length - i}`, name)
      copy(path, to)
      const grown = count % 7 === 0 ? 1000 : 0
      if (grown > 0) writeFileSync(to, `${count}`.padStart(grown), { flag: 'a' })
      else sum.common += bytes
      sum.second += bytes + grown
    }
  }
  return sum
}

/** The first regular files below a folder that everybody may read, in the order of their names. */
function filesBelow(source: string): { path: string; name: string; bytes: number }[] {
  const found: { path: string; name: string; bytes: number }[] = []
  let total = 0
  const visit = (folder: string): void => {
    const entries = readdirSync(join(source, folder), { withFileTypes: true })
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (found.length >= SOURCE_FILES_MAX || total >= SOURCE_BYTES_MAX) return
      const name = join(folder, entry.name)
      const path = join(source, name)
      if (entry.isDirectory() && mayRead(path, 0o005)) visit(name)
      if (!entry.isFile() || !mayRead(path, 0o004)) continue
      const bytes = statSync(path).size
      if (bytes === 0 || bytes > FILE_BYTES_MAX) continue
      found.push({ path, name, bytes })
      total += bytes
    }
  }
  if (existsSync(source)) visit('.')
  return found
}

function mayRead(path: string, mode: number): boolean {
  return (statSync(path).mode & mode) === mode
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true })
  copyFileSync(from, to)
}

/** The hash table of an image, which is made if it is not there yet. */
function hashed(name: string, make: (path: string) => void): Promise<HashedImage> {
  let image = made.get(name)
  if (image === undefined) {
    make(join(dir, name))
    image = hashImage(join(dir, name), pool, AUTO)
    made.set(name, image)
  }
  return image
}

type Tree = 'first' | 'second'
const ext4 = (tree: Tree) =>
  hashed(`${tree}.img`, (path) => {
    // As mke2fs chooses for images of the usual size. In blocks of 1 KiB it leaves a hole for each KiB of zeros in a
    // program, which the tar does not, so that the two would have less in common.
    const blocks = ['-b', '4096', path, `${IMAGE_BYTES / 4096}`]
    tool('mke2fs', ['-q', '-F', '-t', 'ext4', '-d', join(dir, tree), ...blocks])
  })
const tar = (tree: Tree) => hashed(`${tree}.tar`, (path) => void tool('tar', ['-C', join(dir, tree), '-cf', path, '.']))

/** The ext4 image in a partition that begins at `sector`. */
async function partitioned(tree: Tree, label: 'gpt' | 'dos', sector: number): Promise<HashedImage> {
  await ext4(tree)
  return hashed(`${tree}.${label}.img`, (path) => {
    writeFileSync(path, '')
    truncateSync(path, IMAGE_BYTES + 4 * MIB)
    tool('sfdisk', ['-q', path], `label: ${label}\nstart=${sector}, size=${IMAGE_BYTES / 512}\n`)
    const to = [`of=${path}`, `seek=${sector * 512}`, 'oflag=seek_bytes', 'conv=sparse,notrunc']
    tool('dd', [`if=${join(dir, `${tree}.img`)}`, ...to, 'bs=1M', 'status=none'])
  })
}

/** Blocks side by side, each with its hash, are the image; zero runs are zeros. */
function assertExact(path: string, { table }: HashedImage): void {
  const bytes = readFileSync(path)
  const rows: Uint8Array[] = []
  for (let row = 0; row < table.entries; row++) {
    const offset = table.offsets[row]!
    const block = bytes.subarray(offset, offset + table.lengths[row]!)
    if (table.zero[row] === 1) {
      rows.push(new Uint8Array(table.lengths[row]!))
      continue
    }
    assert.is(hash('sha256', block, 'buffer').compare(hashAt(table, row)), 0, `block at ${offset}`)
    rows.push(block)
  }
  assert.is(Buffer.compare(Buffer.concat(rows), bytes), 0, 'the blocks are the image')
}

const compared = (a: string, b: string) => compareImages(join(dir, a), join(dir, b), pool, AUTO)

test('this machine has enough real files', () => {
  assert.ok(sizes.first >= TREE_BYTES_MIN, `${sizes.first} bytes`)
})

testWith('mke2fs')('an ext4 image is its blocks, in fewer than half as many as on the grid', async () => {
  const image = await ext4('first')
  assert.is(image.cutter, 'ext4')
  assertExact(join(dir, 'first.img'), image)
  const fixed = await hashImage(join(dir, 'first.img'), pool, { ...AUTO, cut: 'fixed:4096' })
  assert.ok(image.table.blocks < fixed.table.blocks / 2, `${image.table.blocks} of ${fixed.table.blocks}`)
})

testWith('tar')('a tar is its blocks', async () => {
  const image = await tar('first')
  assert.is(image.cutter, 'tar')
  assertExact(join(dir, 'first.tar'), image)
})

testWith('mke2fs', 'tar')('tar and ext4 image of a tree share nine tenths of its file data, both ways', async () => {
  await Promise.all([ext4('first'), tar('first')])
  for (const [a, b] of [
    ['first.img', 'first.tar'],
    ['first.tar', 'first.img'],
  ] as const) {
    const { hotBytes } = await compared(a, b)
    assert.ok(hotBytes >= 0.9 * sizes.first, `${a} to ${b}: ${hotBytes} of ${sizes.first} bytes`)
  }
})

for (const [kind, make, tools] of [
  ['img', ext4, ['mke2fs']],
  ['tar', tar, ['tar']],
] as const) {
  testWith(...tools)(`${kind} of a related tree: the files that are the same are hot`, async () => {
    await Promise.all([make('first'), make('second')])
    const { hotBytes, coldBytes } = await compared(`first.${kind}`, `second.${kind}`)
    assert.ok(hotBytes >= 0.95 * sizes.common, `${hotBytes} hot, ${sizes.common} bytes in common`)
    assert.ok(coldBytes > 0)
  })
}

for (const [label, cutter, sector] of [
  ['gpt', 'gpt+ext4', 2048],
  ['dos', 'mbr+ext4', 63],
] as const) {
  testWith(
    'mke2fs',
    'sfdisk',
    'dd',
  )(`an ext4 image in a ${label} partition has the same blocks as without`, async () => {
    const image = await partitioned('second', label, sector)
    assert.is(image.cutter, cutter)
    assertExact(join(dir, `second.${label}.img`), image)
    const bare = await compared('second.img', `second.${label}.img`)
    // Partition tables and their copies.
    assert.ok(bare.coldBytes <= 64 * 1024, `${bare.coldBytes} bytes are cold`)
    await partitioned('first', label, sector)
    const { hotBytes } = await compared(`first.${label}.img`, `second.${label}.img`)
    assert.ok(hotBytes >= 0.95 * sizes.common, `${hotBytes} hot, ${sizes.common} bytes in common`)
  })
}

testWith('tar', 'gzip')('a tar.gz of one member is plain data, of several it is cut where they begin', async () => {
  await tar('first')
  const parts = ['head', 'tail'].map((name, i) => {
    const path = join(dir, name)
    writeFileSync(path, readFileSync(join(dir, 'first.tar')).subarray(i * 3 * MIB, (i + 1) * 3 * MIB))
    tool('gzip', ['-6', '-n', path])
    return readFileSync(`${path}.gz`)
  }) as [Buffer, Buffer]
  const one = await hashed('one.tgz', (path) => writeFileSync(path, parts[0]))
  assert.is(one.cutter, 'gzip-plain')
  assertExact(join(dir, 'one.tgz'), one)
  const both = await hashed('both.tgz', (path) => writeFileSync(path, Buffer.concat(parts)))
  assert.is(both.cutter, 'gzip-members')
  assertExact(join(dir, 'both.tgz'), both)
  assert.ok(both.table.offsets.includes(parts[0].length), 'the second member begins with a cut')
  // What one holds, the other need not be sent, though the first is cut as plain data.
  const { coldBytes } = await compared('one.tgz', 'both.tgz')
  assert.is(coldBytes, parts[1].length)
})

test.after(async () => {
  await pool.close()
  rmSync(dir, { recursive: true, force: true })
})

test.run()

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

const LENGTHS = [1, 511, 512, 513, 4096, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 300_001]
const FILES = new Map(LENGTHS.map((length, i) => [`file-${length}`, randomBytes(length, 500 + i)]))
const PIECES = [...FILES.values()].flatMap((content) => pieceHashes(content))

const testTar = testWith('tar')

interface Member {
  type?: string
  name?: string
  data?: Uint8Array
  /** What the header claims, where that is not the length of the data. */
  size?: number | Uint8Array
}

/** A header block and the data with its padding. */
function member({ type = '0', name = 'name', data = new Uint8Array(0), size }: Member): Uint8Array {
  const bytes = new Uint8Array(512 + Math.ceil(data.length / 512) * 512)
  const text = (at: number, value: string) => bytes.set(new TextEncoder().encode(value), at)
  text(0, name.slice(0, 100))
  text(100, '0000644\0')
  if (size instanceof Uint8Array) bytes.set(size, 124)
  else text(124, `${(size ?? data.length).toString(8).padStart(11, '0')}\0`)
  text(156, type)
  text(257, 'ustar\x0000')
  seal(bytes)
  bytes.set(data, 512)
  return bytes
}

/** Writes the checksum of a header. */
function seal(header: Uint8Array): void {
  header.fill(0x20, 148, 156)
  const sum = header.subarray(0, 512).reduce((total, byte) => total + byte, 0)
  header.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, '0')}\0 `), 148)
}

function paxRecord(key: string, value: string): Uint8Array {
  const rest = ` ${key}=${value}\n`
  let length = rest.length + 1
  while (`${length}${rest}`.length !== length) length++
  return new TextEncoder().encode(`${length}${rest}`)
}

const END = new Uint8Array(1024)

async function cut(bytes: Uint8Array, blockBytes = BLOCK_BYTES): Promise<number[]> {
  const cuts = await cutImage(memoryReader(bytes), { cut: 'auto', blockBytes })
  assert.is(cuts.format, 'tar')
  assert.is(cuts.cutter, 'tar')
  return rowLengths(cuts, bytes.length, blockBytes)
}

const DATA = randomBytes(1000, 9)

test('a member: header, data at its exact length, padding', async () => {
  assert.equal(await cut(Buffer.concat([member({ data: DATA }), END])), [512, 1000, 24, 1024])
  assert.equal(await cut(Buffer.concat([member({ data: DATA.subarray(0, 512) }), END])), [512, 512, 1024])
  const large = member({ data: randomBytes(BLOCK_BYTES + 1, 1) })
  assert.equal(await cut(Buffer.concat([large, END])), [512, BLOCK_BYTES, 1, 511, 1024])
})

test('long names, pax and GNU sparse headers belong to the member that follows', async () => {
  const long = new TextEncoder().encode('x'.repeat(600))
  const header = member({ data: DATA })
  for (const type of ['L', 'K', 'x', 'g']) {
    const bytes = Buffer.concat([member({ type, data: long }), header, END])
    assert.equal(await cut(bytes), [512 + 1024 + 512, 1000, 24, 1024], type)
  }
  const sparse = member({ type: 'S', data: DATA })
  sparse[482] = 1
  seal(sparse)
  const map = new Uint8Array(1024)
  map[504] = 1
  const bytes = Buffer.concat([sparse.subarray(0, 512), map, sparse.subarray(512), END])
  assert.equal(await cut(bytes), [512 + 1024, 1000, 24, 1024])
})

test('the size of a pax header overrides', async () => {
  const size = paxRecord('size', '1000')
  for (const records of [size, Buffer.concat([paxRecord('path', 'x=\nsize=7'), size])]) {
    const bytes = Buffer.concat([
      member({ type: 'x', data: records }),
      member({ data: DATA, size: 0 }),
      member({ data: DATA }),
    ])
    assert.equal((await cut(bytes)).slice(0, 6), [1536, 1000, 24, 512, 1000, 24])
  }
})

test('sizes in base 256', async () => {
  const size = new Uint8Array(12)
  size.set([0x80], 0)
  size.set([3, 232], 10)
  assert.equal(await cut(Buffer.concat([member({ data: DATA, size }), END])), [512, 1000, 24, 1024])
})

test('links and directories that give a size have no data, unless there is some', async () => {
  for (const type of ['1', '2', '5']) {
    const link = member({ type, size: 1000 })
    assert.equal((await cut(Buffer.concat([link, member({ data: DATA }), END]))).slice(-3), [1000, 24, 1024], type)
  }
  assert.equal(await cut(Buffer.concat([member({ type: '1', data: DATA }), END])), [512, 1000, 24, 1024])
})

test('headers without data share rows, whose ends follow from content', async () => {
  const headers = Array.from({ length: 2000 }, (_, i) => member({ type: '5', name: `dir/${i}` }))
  const lengths = await cut(Buffer.concat([...headers, END]))
  assert.ok(lengths.length > 2000 / 16 && lengths.length < 2000 / 4, `${lengths.length} rows`)
  const before = rowHashes(Buffer.concat([...headers, END]), lengths)
  const more = Buffer.concat([...headers.slice(0, 999), member({ type: '5', name: 'new' }), ...headers.slice(999), END])
  const after = rowHashes(more, await cut(more))
  assert.ok([...after.keys()].filter((row) => !before.has(row)).length <= 2)
  // The same header over and over: no row is longer than a block.
  const same = Buffer.concat([...Array.from({ length: 500 }, () => member({ type: '5', name: 'same-1' })), END])
  for (const blockBytes of [4096, BLOCK_BYTES]) await cut(same, blockBytes)
})

test('from garbage on the grid', async () => {
  const garbage = randomBytes(10_000, 3)
  const lengths = await cut(Buffer.concat([member({ data: DATA }), member({ type: '5' }), garbage]))
  assert.equal(lengths.slice(0, 3), [512, 1000, 24])
  assert.equal(lengths.slice(-4), [512, 4096, 4096, 1808])
})

test('an archive that was appended to another', async () => {
  const one = Buffer.concat([member({ data: DATA }), new Uint8Array(10240 - 2048)])
  const bytes = Buffer.concat([one, one, randomBytes(100, 1)])
  const lengths = await cut(bytes)
  assert.is(lengths.filter((length) => length === 1000).length, 2)
})

test('a member that claims more than there is', async () => {
  assert.equal(await cut(member({ size: 8 ** 11 - 1 })), [512])
  const bytes = Buffer.concat([member({ data: DATA, size: 8 ** 11 - 1 })])
  assert.equal(await cut(bytes), [512, 1024])
  const huge = new Uint8Array(12).fill(0xff, 1)
  huge[0] = 0x80
  assert.is((await cutImage(memoryReader(member({ size: huge })), AUTO)).format, 'raw')
})

for (const format of ['gnu', 'ustar', 'pax', 'v7', 'oldgnu']) {
  testTar(`tar --format=${format}: every block of every file is a row`, () =>
    withDir(async (dir) => {
      const tree = join(dir, 'tree')
      const long =
        format === 'v7' ? 'short' : format === 'ustar' ? `${'d'.repeat(90)}/${'e'.repeat(90)}` : `${'d'.repeat(150)}`
      mkdirSync(join(tree, long), { recursive: true })
      writeFiles(tree, FILES)
      writeFileSync(join(tree, long, 'in'), randomBytes(70_000, 77))
      if (format !== 'v7' && format !== 'ustar') symlinkSync('y'.repeat(200), join(tree, 'link'))
      tool('tar', [`--format=${format}`, '-C', tree, '-cf', join(dir, 'tar'), '.'])
      const bytes = readFileSync(join(dir, 'tar'))
      const pieces = [...PIECES, ...pieceHashes(randomBytes(70_000, 77))]
      assert.is(found(pieces, rowHashes(bytes, await cut(bytes))), `${pieces.length}/${pieces.length}`)
    }),
  )
}

for (const format of ['gnu', 'pax']) {
  testTar(`tar --sparse --format=${format}: members after a sparse file are found`, () =>
    withDir(async (dir) => {
      const tree = join(dir, 'tree')
      mkdirSync(tree)
      // More pieces than the header has room for.
      for (let i = 0; i < 60; i++) {
        writeFileSync(join(tree, 'a-sparse'), randomBytes(4096, i), { flag: 'a' })
        truncateSync(join(tree, 'a-sparse'), (i + 1) * 64 * KIB)
      }
      writeFiles(tree, FILES)
      tool('tar', ['--sparse', `--format=${format}`, '--sort=name', '-C', tree, '-cf', join(dir, 'tar'), '.'])
      const bytes = readFileSync(join(dir, 'tar'))
      assert.ok(bytes.length < 2_000_000)
      assert.is(found(PIECES, rowHashes(bytes, await cut(bytes))), `${PIECES.length}/${PIECES.length}`)
    }),
  )
}

test('property: truncated and damaged archives', async () => {
  const whole = Buffer.concat([
    member({ type: 'x', data: Buffer.concat([paxRecord('size', '5000'), paxRecord('path', 'x'.repeat(100))]) }),
    member({ data: randomBytes(5000, 1), size: 0 }),
    ...Array.from({ length: 20 }, (_, i) => member({ type: '5', name: `d${i}` })),
    member({ type: 'L', data: new Uint8Array(200).fill(97) }),
    member({ data: randomBytes(100_000, 2) }),
    member({ type: 'S', data: DATA }),
    END,
    member({ data: DATA }),
    END,
  ])
  for (let seed = 1; seed <= 400; seed++) {
    const random = seededRandom(seed)
    const bytes = Uint8Array.from(
      whole.subarray(0, random() < 0.4 ? Math.floor(random() * whole.length) : whole.length),
    )
    for (let i = 0; i < random() * 4; i++) {
      const at = Math.floor(random() * bytes.length)
      bytes[at] = Math.floor(random() * 256)
      // A header whose checksum is right, so that what it says is believed.
      const header = Math.floor(random() * 24) * 512
      if (random() < 0.7 && header + 512 <= bytes.length) {
        bytes[header + 124 + Math.floor(random() * 33)] = Math.floor(random() * 256)
        seal(bytes.subarray(header, header + 512))
      }
    }
    try {
      const blockBytes = 4096 * (1 + Math.floor(random() * 16))
      const cuts = await cutImage(memoryReader(bytes), { cut: 'auto', blockBytes })
      const starts = rowStarts(rowLengths(cuts, bytes.length, blockBytes))
      assert.is(starts.at(-1), bytes.length)
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error })
    }
  }
})

test.run()

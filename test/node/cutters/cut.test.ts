import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cutImage } from '../../../node/cutters/cut.ts'
import { HotblockError } from '../../../protocols/errors.ts'
import { seededRandom } from '../../../protocols/ports.ts'
import { AUTO, BLOCK_BYTES, KIB, memoryReader, randomBytes, rowLengths } from './helpers.ts'

async function usage(options: { cut: string; blockBytes: number }): Promise<void> {
  try {
    await cutImage(memoryReader(new Uint8Array(10)), options)
  } catch (error) {
    assert.instance(error, HotblockError)
    assert.is((error as HotblockError).code, 'USAGE')
    return
  }
  assert.unreachable(JSON.stringify(options))
}

test('options that make no sense are USAGE', async () => {
  const cuts = [
    '',
    'fixed',
    'fixed:',
    'fixed:0',
    'fixed:256',
    'fixed:5000',
    'fixed:2097152',
    'fixed:4096 ',
    'fixed:04096',
  ]
  for (const cut of [...cuts, 'fixed:1e3', 'fixed:-4096', 'ext4', 'fixed:99999999999']) {
    await usage({ cut, blockBytes: BLOCK_BYTES })
  }
  for (const blockBytes of [0, 4095, 4097, 6000, -4096, 1024 * KIB + 4096, Number.NaN, Number.POSITIVE_INFINITY]) {
    await usage({ cut: 'auto', blockBytes })
  }
})

test('fixed cuts of all sizes', async () => {
  for (let bytes = 512; bytes <= 1024 * KIB; bytes *= 2) {
    for (const size of [0, 1, bytes - 1, bytes, bytes + 1]) {
      const cuts = await cutImage(memoryReader(randomBytes(size, 1)), { cut: `fixed:${bytes}`, blockBytes: 4096 })
      assert.is(cuts.cutter, `fixed:${bytes}`)
      assert.is(rowLengths(cuts, size, bytes).length, Math.ceil(size / bytes))
    }
  }
})

test('the format is told by content, also where cuts are fixed', async () => {
  const qcow2 = randomBytes(200_000, 2)
  qcow2.set([0x51, 0x46, 0x49, 0xfb])
  const gzip = randomBytes(200_000, 3)
  gzip.set([0x1f, 0x8b])
  const raw = randomBytes(200_000, 4)
  for (const [bytes, format, cutter, most] of [
    [qcow2, 'qcow2', 'fixed:65536', BLOCK_BYTES],
    [gzip, 'tar.gz', 'gzip-plain', BLOCK_BYTES],
    [raw, 'raw', 'fixed:4096', 4096],
  ] as const) {
    const cuts = await cutImage(memoryReader(bytes), AUTO)
    assert.is(cuts.format, format)
    assert.is(cuts.cutter, cutter)
    assert.is(rowLengths(cuts, bytes.length, most).length, Math.ceil(bytes.length / most))
    const fixed = await cutImage(memoryReader(bytes), { ...AUTO, cut: 'fixed:512' })
    assert.is(fixed.format, format)
    assert.is(fixed.cutter, 'fixed:512')
  }
})

test('lengths can be asked for more than once', async () => {
  const cuts = await cutImage(memoryReader(randomBytes(10_000, 5)), AUTO)
  assert.equal([...cuts.lengths()], [...cuts.lengths()])
})

test('property: random bytes behind any magic', async () => {
  const magics: [number, number[]][] = [
    [0, []],
    [0, [0x1f, 0x8b, 8, 0]],
    [0, [0x51, 0x46, 0x49, 0xfb]],
    [1024 + 0x38, [0x53, 0xef]],
    [510, [0x55, 0xaa]],
  ]
  for (let seed = 1; seed <= 100; seed++) {
    const random = seededRandom(seed)
    const bytes = randomBytes(Math.floor(random() * 300_000), seed)
    for (const [at, magic] of magics) {
      const copy = bytes.slice()
      if (at + magic.length <= copy.length) copy.set(magic, at)
      try {
        rowLengths(await cutImage(memoryReader(copy), AUTO), copy.length)
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error })
      }
    }
  }
})

test.run()

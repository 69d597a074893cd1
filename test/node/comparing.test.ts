import { randomFillSync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { compareImages } from '../../node/comparing.ts'
import { hashImage } from '../../node/hashing.ts'
import { inlinePool } from '../../node/pool/pool.ts'

const KIB = 1024
const FIXED = { cut: 'fixed:4096', blockBytes: 65_536 }
const pool = inlinePool()

const test = suite<{ dir: string; a: string; b: string; common: Buffer }>('comparing')

test.before(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'hotblock-comparing-'))
  context.a = join(context.dir, 'a')
  context.b = join(context.dir, 'b')
  context.common = randomFillSync(Buffer.alloc(4096 * KIB))
  await writeFile(context.a, context.common)
})
test.after(async ({ dir }) => {
  await pool.close()
  await rm(dir, { recursive: true })
})

test('an image and itself', async ({ a, common }) => {
  const same = await compareImages(a, a, pool, FIXED)
  assert.is(same.hotBytes, common.length)
  assert.is(same.coldBytes, 0)
  assert.is(same.hotFraction, 1)
  assert.is(same.compressedBytes, 0)
  const { blobs } = await hashImage(a, pool, FIXED)
  assert.is(same.tableBytes, blobs[0]!.bytes.length, 'all segments are there, only the root goes')
  assert.is(same.fractionTransferred, same.tableBytes / common.length)
})

test('hot, cold, zero; a cold block that comes twice goes once', async ({ a, b, common }) => {
  const cold = randomFillSync(Buffer.alloc(64 * KIB))
  await writeFile(b, Buffer.concat([common.subarray(0, 2048 * KIB), Buffer.alloc(512 * KIB), cold, cold]))
  const { seconds, tableBytes, compressedBytes, fractionTransferred, ...rest } = await compareImages(a, b, pool, FIXED)
  assert.equal(rest, {
    imageBytes: (2048 + 512 + 128) * KIB,
    zeroBytes: 512 * KIB,
    hotBytes: 2048 * KIB,
    coldBytes: 128 * KIB,
    hotFraction: 2048 / (2048 + 128),
    blocks: 512 + 32,
    hotBlocks: 512,
    coldBlocks: 32,
    cutterA: 'fixed:4096',
    cutterB: 'fixed:4096',
  })
  assert.ok(seconds > 0)
  assert.is(compressedBytes, 64 * KIB, 'random bytes, once, uncompressed')
  const { table } = await hashImage(b, pool, FIXED)
  assert.ok(tableBytes > 0 && tableBytes < table.tableBytes, 'segments in common are not fetched')
  assert.is(fractionTransferred, (compressedBytes + tableBytes) / rest.imageBytes)
})

test('nothing in common, and what compresses', async ({ a, b }) => {
  const line = (_: unknown, i: number): string => `line ${i} of something that compresses well\n`
  const text = Array.from({ length: 20_000 }, line).join('')
  await writeFile(b, text)
  const other = await compareImages(a, b, pool, FIXED)
  assert.is(other.hotBytes, 0)
  assert.is(other.hotFraction, 0)
  assert.is(other.coldBytes, text.length)
  assert.ok(other.compressedBytes < text.length / 4)
  const { table } = await hashImage(b, pool, FIXED)
  assert.is(other.tableBytes, table.tableBytes)
})

test('nothing but zeros', async ({ a, b }) => {
  await writeFile(b, Buffer.alloc(100 * KIB))
  const zeros = await compareImages(a, b, pool, FIXED)
  assert.is(zeros.zeroBytes, zeros.imageBytes)
  assert.is(zeros.hotFraction, 1)
  assert.is(zeros.compressedBytes, 0)
})

test.run()

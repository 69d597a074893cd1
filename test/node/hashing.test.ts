import { execFile } from 'node:child_process'
import { createHash, randomFillSync } from 'node:crypto'
import { mkdir, mkdtemp, open, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { openImage } from '../../node/file-reader.ts'
import { hashImage } from '../../node/hashing.ts'
import type { Pool } from '../../node/pool/jobs.ts'
import { createPool, inlinePool } from '../../node/pool/pool.ts'
import { asHotblockError } from '../../protocols/errors.ts'
import { assembleTable, verifyBlob } from '../../protocols/table/assemble.ts'
import { TableBuilder } from '../../protocols/table/builder.ts'
import { decodeRoot } from '../../protocols/table/root.ts'
import { hashAt } from '../../protocols/table/table.ts'
import { rejectsCode } from '../support/failures.ts'
import { withSeedsAsync } from '../support/seeds.ts'

const MIB = 1024 * 1024
const FIXED = { cut: 'fixed:4096', blockBytes: 65_536 }

interface Context {
  dir: string
  pool: Pool
  image: string
  bytes: Buffer
}

const test = suite<Context>('hashing')

test.before(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'hotblock-hashing-'))
  context.pool = createPool({ threads: 2 })
  context.image = join(context.dir, 'image')
  // Longer than several jobs, with zeros over the border of two of them, and an end that is no whole block.
  const bytes = randomFillSync(Buffer.alloc(20 * MIB + 77))
  bytes.fill(0, 7 * MIB, 9 * MIB)
  context.bytes = bytes
  await writeFile(context.image, bytes)
})
test.after(async ({ dir, pool }) => {
  await pool.close()
  await rm(dir, { recursive: true })
})

test('the table is that of the bytes', async ({ pool, image, bytes }) => {
  const { table, format, cutter, blobs } = await hashImage(image, pool, FIXED)
  assert.is(format, 'raw')
  assert.is(cutter, 'fixed:4096')
  assert.is(table.imageBytes, bytes.length)
  assert.is(table.zeroBytes, 2 * MIB)
  assert.is(table.blocks, 18 * 256 + 1)
  assert.is(table.entries, table.blocks + 1)
  for (let row = 0; row < table.entries; row++) {
    if (table.zero[row] === 1) continue
    const offset = table.offsets[row]!
    const block = bytes.subarray(offset, offset + table.lengths[row]!)
    assert.is(Buffer.compare(createHash('sha256').update(block).digest(), hashAt(table, row)), 0)
  }
  for (const blob of blobs) verifyBlob(blob.cid, blob.bytes)
  const parts = new Map(blobs.map((blob) => [blob.cid.toString(), blob.bytes]))
  const again = assembleTable(decodeRoot(blobs[0]!.bytes), (cid) => parts.get(cid.toString()))
  assert.equal(again.hashes, table.hashes)
  assert.is(again.tableBytes, table.tableBytes)
})

test('the same table whatever the number of threads, and again', async ({ image }) => {
  for (const cut of ['fixed:1024', 'fixed:1048576']) {
    const roots = new Set<string>()
    for (const pool of [inlinePool(), createPool({ threads: 1 }), createPool({ threads: 4 })]) {
      for (let again = 0; again < 2; again++) {
        const { table, blobs } = await hashImage(image, pool, { ...FIXED, cut })
        roots.add(`${table.root} ${blobs.length}`)
      }
      await pool.close()
    }
    assert.is(roots.size, 1, cut)
  }
})

test('the same table in whatever order jobs end', async ({ image, pool: threads }) => {
  const expected = await hashImage(image, inlinePool(), { ...FIXED, cut: 'fixed:512' })
  await withSeedsAsync(3, async (random) => {
    const ended: number[] = []
    let begun = 0
    const shuffling: Pool = {
      threads: 4,
      async run(job) {
        const turn = begun++
        const answer = await threads.run(job)
        await new Promise((resolve) => setTimeout(resolve, random() * 40))
        ended.push(turn)
        return answer
      },
      close: () => threads.close(),
    }
    const { table } = await hashImage(image, shuffling, { ...FIXED, cut: 'fixed:512' })
    assert.is(table.root.toString(), expected.table.root.toString())
    assert.ok(begun >= 3 && ended.length === begun)
  })
})

test('a zero run over the border of two jobs, and an image that ends at one', async ({ pool, dir }) => {
  // A job ends after 8 MiB.
  const bytes = randomFillSync(Buffer.alloc(17 * MIB))
  bytes.fill(0, 8 * MIB - 300_000, 8 * MIB + 300_000)
  const zeros = Buffer.alloc(MIB)
  const path = join(dir, 'borders')
  for (const size of [8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 17 * MIB]) {
    await writeFile(path, bytes.subarray(0, size))
    for (const cut of ['fixed:4096', 'fixed:65536']) {
      const { table } = await hashImage(path, pool, { ...FIXED, cut })
      const builder = new TableBuilder('raw', cut)
      const step = Number(cut.slice('fixed:'.length))
      for (let at = 0; at < size; at += step) {
        const block = bytes.subarray(at, Math.min(size, at + step))
        const zero = Uint8Array.of(block.equals(zeros.subarray(0, block.length)) ? 1 : 0)
        builder.push(Uint32Array.of(block.length), zero, createHash('sha256').update(block).digest())
      }
      assert.is(table.root.toString(), builder.finish().table.root.toString(), `${size} ${cut}`)
    }
  }
})

test('copies the image on the way, holes stay holes', async ({ pool, image, bytes, dir }) => {
  const to = join(dir, 'copy')
  await writeFile(to, '')
  await truncate(to, bytes.length)
  const { table } = await hashImage(image, pool, { ...FIXED, to })
  assert.is(Buffer.compare(await readFile(to), bytes), 0)
  assert.ok((await stat(to)).blocks * 512 <= 18 * MIB + 64 * 1024)
  const plain = await hashImage(to, pool, FIXED)
  assert.is(plain.table.root.toString(), table.root.toString())
})

test('images of boundary sizes', async ({ pool, dir, bytes }) => {
  const path = join(dir, 'small')
  for (const size of [1, 511, 4095, 4096, 4097, 65_535, 65_536, 65_537]) {
    await writeFile(path, bytes.subarray(0, size))
    const cutAuto = await hashImage(path, pool, { cut: 'auto', blockBytes: 65_536 })
    const fixed = await hashImage(path, pool, FIXED)
    for (const { table } of [cutAuto, fixed]) {
      assert.is(table.imageBytes, size)
      assert.is(table.zeroBytes, 0)
      assert.is(
        table.lengths.reduce((sum, length) => sum + length, 0),
        size,
      )
    }
    assert.is(fixed.table.blocks, Math.ceil(size / 4096))
  }
  await writeFile(path, Buffer.alloc(8192 + 1))
  const { table } = await hashImage(path, pool, FIXED)
  assert.is(table.entries, 1)
  assert.is(table.zeroBytes, 8193)
})

test('progress goes up to the whole', async ({ pool, image, bytes }) => {
  const seen: number[] = []
  await hashImage(image, pool, FIXED, (done, total) => {
    assert.is(total, bytes.length)
    seen.push(done)
  })
  assert.is(seen[0], 0)
  assert.is(seen.at(-1), bytes.length)
  assert.equal(
    seen,
    seen.toSorted((a, b) => a - b),
  )
  assert.ok(seen.length >= 3)
})

test('what is no image file is refused', async ({ pool, dir, image }) => {
  await rejectsCode('NO_SUCH_FILE', hashImage(join(dir, 'none'), pool, FIXED))
  await rejectsCode('BAD_FILE', hashImage(dir, pool, FIXED))
  await rejectsCode('BAD_FILE', hashImage('/dev/zero', pool, FIXED))
  const empty = join(dir, 'empty')
  await writeFile(empty, '')
  await rejectsCode('BAD_FILE', hashImage(empty, pool, FIXED))
  const fifo = join(dir, 'fifo')
  await promisify(execFile)('mkfifo', [fifo])
  await rejectsCode('BAD_FILE', hashImage(fifo, pool, FIXED))
  const below = join(dir, 'sub')
  await mkdir(below)
  await symlink(below, join(dir, 'link-to-directory'))
  await rejectsCode('BAD_FILE', hashImage(join(dir, 'link-to-directory'), pool, FIXED))
  await symlink(image, join(dir, 'link'))
  assert.ok((await hashImage(join(dir, 'link'), pool, FIXED)).table.blocks > 0)
  await rejectsCode('USAGE', hashImage(image, pool, { cut: 'fixed:1000', blockBytes: 65_536 }))
})

test('a full disk ends it, after all jobs have ended', async ({ image }) => {
  const pool = createPool({ threads: 2 })
  let running = 0
  const counting: Pool = {
    threads: 2,
    async run(job) {
      running++
      try {
        return await pool.run(job)
      } finally {
        running--
      }
    },
    close: () => pool.close(),
  }
  try {
    await rejectsCode(
      'NO_SPACE',
      hashImage(image, counting, { ...FIXED, to: '/dev/full' }).catch((error) => {
        throw asHotblockError(error)
      }),
    )
    assert.is(running, 0)
  } finally {
    await pool.close()
  }
})

test('at most two jobs a thread are in flight', async ({ image }) => {
  const inner = inlinePool()
  let running = 0
  let most = 0
  const slow: Pool = {
    threads: 1,
    async run(job) {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setTimeout(resolve, 5))
      running--
      return inner.run(job)
    },
    close: () => inner.close(),
  }
  const { table } = await hashImage(image, slow, { cut: 'fixed:512', blockBytes: 65_536 })
  assert.is(most, 2)
  assert.is(table.imageBytes, 20 * MIB + 77)
})

test('a file that is cut short while it is read', async ({ dir, bytes }) => {
  const path = join(dir, 'shrinks')
  await writeFile(path, bytes)
  const inner = inlinePool()
  let jobs = 0
  const pool: Pool = {
    async run(job) {
      if (jobs++ === 1) await truncate(path, 9 * MIB)
      return inner.run(job)
    },
    close: () => inner.close(),
  }
  await rejectsCode('BAD_FILE', hashImage(path, pool, FIXED))
})

test('pieces of an image: at the edges, across windows, beyond the end', async ({ image, bytes }) => {
  const reader = await openImage(image)
  try {
    assert.is(reader.size, bytes.length)
    const pieces = [
      [0, 0],
      [0, 1],
      [262_143, 2],
      [100, MIB],
      [19 * MIB, 2 * MIB],
      [bytes.length - 1, 5],
      [bytes.length, 5],
      [bytes.length + 5, 5],
      [5, bytes.length],
    ] as const
    for (let round = 0; round < 2; round++) {
      for (const [offset, length] of pieces) {
        const got = await reader.read(offset, length)
        assert.is(Buffer.compare(got, bytes.subarray(offset, offset + length)), 0, `${length} at ${offset}`)
      }
    }
  } finally {
    await reader.close()
  }
})

test('a reader that was closed fails, as does one that never opened', async ({ image, dir }) => {
  const reader = await openImage(image)
  await reader.close()
  await rejectsCode('BAD_FILE', reader.read(0, 1))
  await rejectsCode('NO_SUCH_FILE', openImage(join(dir, 'none')))
  const handle = await open(image)
  assert.ok(handle.fd < 100, 'descriptors are closed')
  await handle.close()
})

test.run()

import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { asHotblockError } from '../../../protocols/errors.ts'
import { rejectsCode } from '../../support/failures.ts'
import { hashesOf, MIB, offsetsOf, onEveryPool, PAGE, someBlocks, sparse } from '../../support/pools.ts'

const tests = onEveryPool((test) => {
  test('hash: rows of any length, zero rows, and a part of the file', async ({ pool, image, bytes }) => {
    const lengths = Uint32Array.of(1, 4095, 4096, 4097, MIB - 12_289 + 5, MIB - 5, 3 * MIB, PAGE)
    const offsets = offsetsOf(0, lengths)
    const { hashes, zero } = await pool.run<'hash'>({ kind: 'hash', path: image, offset: 0, lengths })
    assert.equal([...zero], [0, 0, 0, 0, 0, 1, 0, 0])
    const expected = hashesOf(bytes, offsets, lengths)
    expected.fill(0, 5 * 32, 6 * 32)
    assert.equal(new Uint8Array(hashes), expected)

    const one = await pool.run<'hash'>({ kind: 'hash', path: image, offset: 6 * MIB - 1, lengths: Uint32Array.of(1) })
    assert.equal(new Uint8Array(one.hashes), hashesOf(bytes, [6 * MIB - 1], [1]))
    const none = await pool.run<'hash'>({ kind: 'hash', path: image, offset: 0, lengths: new Uint32Array(0) })
    assert.is(none.zero.length, 0)
  })

  test('hash with a target: the same bytes, zero pages stay holes', async ({ pool, image, bytes, dir }) => {
    const to = await sparse(join(dir, 'hashed'), bytes.length)
    const lengths = new Uint32Array((2 * MIB) / 1000 + 1).fill(1000)
    lengths[lengths.length - 1] = (2 * MIB) % 1000
    await pool.run<'hash'>({ kind: 'hash', path: image, offset: 0, lengths, to })
    const written = await readFile(to)
    assert.is(Buffer.compare(written.subarray(0, 2 * MIB), bytes.subarray(0, 2 * MIB)), 0)
    assert.ok(written.subarray(2 * MIB).every((byte) => byte === 0))
    assert.ok((await stat(to)).blocks * 512 < 1.2 * MIB)
  })

  test('hash: a file that is shorter than it was', async ({ pool, image }) => {
    const lengths = Uint32Array.of(PAGE, PAGE)
    const job = { kind: 'hash', path: image, offset: 6 * MIB - 2 * PAGE + 1, lengths } as const
    await rejectsCode('BAD_FILE', pool.run<'hash'>(job))
    await rejectsCode('BAD_FILE', pool.run<'hash'>({ ...job, path: '/proc/self/mem', offset: 0 }))
  })

  test('verify: right, wrong, beyond the end, and no file', async ({ pool, image, bytes, dir }) => {
    const { offsets, lengths, hashes } = someBlocks(bytes)
    const job = { kind: 'verify', path: image, offsets, lengths, hashes } as const
    assert.equal([...(await pool.run<'verify'>(job)).good], new Array(10).fill(1))
    const wrong = hashes.slice()
    wrong[2 * 32 + 31]! ^= 1
    const beyond = offsets.slice()
    beyond[7] = 6 * MIB - 65_535
    beyond[9] = 7 * MIB
    const { good } = await pool.run<'verify'>({ ...job, offsets: beyond, hashes: wrong })
    assert.equal([...good], [1, 1, 0, 1, 1, 1, 1, 0, 1, 0])
    // /proc/self/mem cannot be read at these places, as a bad sector cannot.
    for (const path of [join(dir, 'none'), join(image, 'below'), dir, '/proc/self/mem']) {
      assert.equal([...(await pool.run<'verify'>({ ...job, path })).good], new Array(10).fill(0))
    }
  })

  test('copy: good blocks land where they belong, wrong ones are not written', async ({ pool, image, bytes, dir }) => {
    const { offsets, lengths, hashes } = someBlocks(bytes)
    const to = await sparse(join(dir, 'copied'), 3 * MIB)
    // The first two side by side there too, the next two the other way round, the rest apart.
    const toOffsets = Float64Array.of(10, 65_546, 80_000, 75_000, 100_000, 200_000, 300_000, 400_000, 500_000, 600_000)
    hashes[3 * 32]! ^= 1
    const job = { kind: 'copy', from: image, fromOffsets: offsets, to, toOffsets, lengths, hashes } as const
    const { good } = await pool.run<'copy'>(job)
    assert.equal([...good], [1, 1, 1, 0, 1, 1, 1, 1, 1, 1])
    const expected = Buffer.alloc(3 * MIB)
    for (const [i, ok] of good.entries()) {
      if (ok) expected.set(bytes.subarray(offsets[i]!, offsets[i]! + lengths[i]!), toOffsets[i]!)
    }
    assert.is(Buffer.compare(await readFile(to), expected), 0)

    const none = await pool.run<'copy'>({ ...job, from: join(dir, 'none') })
    assert.equal([...none.good], new Array(10).fill(0))
    await rejectsCode(
      'NO_SUCH_FILE',
      pool.run<'copy'>({ ...job, to: join(dir, 'none') }).catch((error) => {
        throw asHotblockError(error)
      }),
    )
  })

  test('copy: zeros in a block replace what was there before', async ({ pool, image, bytes, dir }) => {
    const to = join(dir, 'dirty')
    await writeFile(to, Buffer.alloc(64 * 1024, 0xff))
    const fromOffsets = Float64Array.of(MIB - PAGE)
    const lengths = Uint32Array.of(3 * PAGE)
    const hashes = hashesOf(bytes, fromOffsets, lengths)
    const toOffsets = Float64Array.of(PAGE)
    await pool.run<'copy'>({ kind: 'copy', from: image, fromOffsets, to, toOffsets, lengths, hashes })
    const written = await readFile(to)
    assert.is(Buffer.compare(written.subarray(PAGE, 4 * PAGE), bytes.subarray(MIB - PAGE, MIB + 2 * PAGE)), 0)
    assert.is(written[4 * PAGE], 0xff)
  })

  test('place: a part of the file, holes stay holes', async ({ pool, image, bytes, dir }) => {
    const to = await sparse(join(dir, 'placed'), 6 * MIB)
    const [start, end] = [PAGE + 7, 3 * MIB - 9]
    const job = { kind: 'place', from: image, to, offset: start, bytes: end - start } as const
    const { written } = await pool.run<'place'>(job)
    assert.is(written, end - start - MIB)
    const placed = await readFile(to)
    assert.is(Buffer.compare(placed.subarray(start, end), bytes.subarray(start, end)), 0)
    assert.ok(placed.subarray(0, start).every((byte) => byte === 0))
    assert.ok((await stat(to)).blocks * 512 <= 2.1 * MIB)
    await rejectsCode('BAD_FILE', pool.run<'place'>({ ...job, offset: 5 * MIB, bytes: MIB + 1 }))
  })
})

tests.run()

import { createHash } from 'node:crypto'
import { open, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import * as assert from 'uvu/assert'
import { ENCODING_PLAIN, ENCODING_ZSTD } from '../../../node/pool/jobs.ts'
import { asHotblockError } from '../../../protocols/errors.ts'
import { rejectsCode } from '../../support/failures.ts'
import { hashesOf, MIB, offsetsOf, onEveryPool, someBlocks, sparse } from '../../support/pools.ts'

const tests = onEveryPool((test) => {
  test('encode: blocks of several files, in order, without the wrong ones', async ({ pool, image, bytes, dir }) => {
    const other = join(dir, 'other')
    await writeFile(other, 'abcdef')
    const paths = [image, join(dir, 'none'), other]
    const files = Uint16Array.of(0, 0, 2, 1, 0, 2)
    const offsets = Float64Array.of(0, 4096, 1, 0, 3 * MIB, 5)
    const lengths = Uint32Array.of(4096, 100, 3, 10, 65_536, 2)
    const hashes = hashesOf(bytes, offsets, lengths)
    hashes.set(createHash('sha256').update('bcd').digest(), 2 * 32)
    const job = { kind: 'encode', paths, files, offsets, lengths, hashes, level: 0 } as const
    const answer = await pool.run<'encode'>(job)
    assert.equal([...answer.good], [1, 1, 1, 0, 1, 0])
    assert.is(answer.encoding, ENCODING_PLAIN)
    const expected = Buffer.concat([
      bytes.subarray(0, 4196),
      Buffer.from('bcd'),
      bytes.subarray(3 * MIB, 3 * MIB + 65_536),
    ])
    assert.is(answer.rawBytes, expected.length)
    assert.is(Buffer.compare(answer.payload, expected), 0)
    // Random bytes do not get smaller, so they go as they are.
    const level3 = await pool.run<'encode'>({ ...job, level: 3 })
    assert.is(level3.encoding, ENCODING_PLAIN)
    assert.is(Buffer.compare(level3.payload, expected), 0)
  })

  test('encode: zstd where it helps; nothing good, nothing sent', async ({ pool, image, bytes }) => {
    const offsets = Float64Array.of(5 * MIB, 5 * MIB + 65_536)
    const lengths = Uint32Array.of(65_536, 65_536)
    const hashes = hashesOf(bytes, offsets, lengths)
    const job = {
      kind: 'encode',
      paths: [image],
      files: new Uint16Array(2),
      offsets,
      lengths,
      hashes,
      level: 3,
    } as const
    const answer = await pool.run<'encode'>(job)
    assert.is(answer.encoding, ENCODING_ZSTD)
    assert.is(answer.rawBytes, 131_072)
    assert.ok(answer.payload.length < 1000)
    assert.is(answer.payload.buffer.byteLength, answer.payload.length)
    assert.is(Buffer.compare(zstdDecompressSync(answer.payload), bytes.subarray(5 * MIB, 5 * MIB + 131_072)), 0)

    const nothing = await pool.run<'encode'>({ ...job, hashes: new Uint8Array(64) })
    assert.equal([...nothing.good], [0, 0])
    assert.is(nothing.rawBytes, 0)
    assert.is(nothing.payload.length, 0)
    assert.is(nothing.encoding, ENCODING_PLAIN)
  })

  test('encode to decode: the blocks arrive, whatever the encoding', async ({ pool, image, bytes, dir }) => {
    const { offsets, lengths, hashes } = someBlocks(bytes)
    const toOffsets = offsetsOf(123, lengths)
    for (const level of [0, 3]) {
      const files = new Uint16Array(lengths.length)
      const frame = await pool.run<'encode'>({ kind: 'encode', paths: [image], files, offsets, lengths, hashes, level })
      const to = await sparse(join(dir, `decoded-${level}`), MIB)
      const { payload, encoding } = frame
      const job = { kind: 'decode', payload, encoding, lengths, hashes, to, toOffsets } as const
      const { good } = await pool.run<'decode'>(job)
      assert.equal([...good], new Array(lengths.length).fill(1))
      assert.is(payload.length, frame.payload.length, 'the caller keeps its payload')
      const written = await readFile(to)
      const sum = lengths.reduce((a, b) => a + b, 0)
      const expected = Array.from(lengths, (length, i) => bytes.subarray(offsets[i]!, offsets[i]! + length))
      assert.is(Buffer.compare(written.subarray(123, 123 + sum), Buffer.concat(expected)), 0)
      assert.ok(written.subarray(123 + sum).every((byte) => byte === 0))
    }
  })

  test('decode: a wrong block is left out, the others are written', async ({ pool, bytes, dir }) => {
    const to = await sparse(join(dir, 'partly'), MIB)
    const lengths = Uint32Array.of(100, 200, 300)
    const hashes = hashesOf(bytes, offsetsOf(0, lengths), lengths)
    const payload = Buffer.from(bytes.subarray(0, 600))
    payload[150]! ^= 1
    const toOffsets = Float64Array.of(0, 100, 300)
    const job = { kind: 'decode', payload, encoding: ENCODING_PLAIN, lengths, hashes, to, toOffsets } as const
    assert.equal([...(await pool.run<'decode'>(job)).good], [1, 0, 1])
    const written = await readFile(to)
    assert.is(Buffer.compare(written.subarray(0, 100), bytes.subarray(0, 100)), 0)
    assert.ok(written.subarray(100, 300).every((byte) => byte === 0))
    assert.is(Buffer.compare(written.subarray(300, 600), bytes.subarray(300, 600)), 0)
  })

  test('decode: a payload whose blocks are all right is kept where it shall, and no other', async ({
    pool,
    bytes,
    dir,
  }) => {
    const to = await sparse(join(dir, 'to'), MIB)
    await using kept = await open(join(dir, 'kept'), 'w+')
    const lengths = Uint32Array.of(40_000, 30_000)
    const hashes = hashesOf(bytes, offsetsOf(0, lengths), lengths)
    const toOffsets = Float64Array.of(0, 40_000)
    const raw = bytes.subarray(0, 70_000)
    const wrong = Buffer.from(raw)
    wrong[69_999]! ^= 1
    const decode = (payload: Uint8Array, fd: number) => {
      const job = { kind: 'decode', encoding: ENCODING_PLAIN, lengths, hashes, to, toOffsets } as const
      return pool.run<'decode'>({ ...job, payload: new Uint8Array(payload), keep: { fd, offset: 10 } })
    }
    const { good, kept: none } = await decode(wrong, kept.fd)
    assert.equal([[...good], none, (await kept.stat()).size], [[1, 0], undefined, 0])
    const right = await decode(raw, kept.fd)
    assert.equal([[...right.good], right.kept, right.payload.length], [[1, 1], crc32(raw), 0])
    assert.is(Buffer.compare((await readFile(join(dir, 'kept'))).subarray(10), raw), 0)
    const NO_FILE = 2 ** 20
    const failed = await decode(raw, NO_FILE)
    assert.equal([[...failed.good], failed.kept], [[1, 1], 'failed'])
    assert.is(Buffer.compare((await readFile(to)).subarray(0, 70_000), raw), 0)
  })

  test('decode: hostile payloads give nothing, and cost nothing', async ({ pool, bytes, dir }) => {
    const to = await sparse(join(dir, 'hostile'), MIB)
    const lengths = Uint32Array.of(4096)
    const hashes = hashesOf(bytes, [0], lengths)
    const raw = bytes.subarray(0, 4096)
    const packed = zstdCompressSync(raw)
    const payloads: [number, Uint8Array][] = [
      [ENCODING_ZSTD, new Uint8Array(0)],
      [ENCODING_ZSTD, raw],
      [ENCODING_ZSTD, packed.subarray(0, packed.length - 1)],
      [ENCODING_ZSTD, zstdCompressSync(Buffer.alloc(64 * MIB))],
      [ENCODING_ZSTD, zstdCompressSync(raw.subarray(1))],
      [ENCODING_PLAIN, raw.subarray(1)],
      [ENCODING_PLAIN, bytes.subarray(0, 4097)],
      [ENCODING_PLAIN, packed],
      [7, raw],
    ]
    for (const [encoding, payload] of payloads) {
      const job = { kind: 'decode', payload, encoding, lengths, hashes, to, toOffsets: Float64Array.of(0) } as const
      assert.equal([...(await pool.run<'decode'>(job)).good], [0])
    }
    assert.is((await stat(to)).blocks, 0)
  })

  test('measure: frames as they would be sent', async ({ pool, image, bytes }) => {
    const lengths = Uint32Array.of(65_536, 65_536, 65_536)
    const job = { kind: 'measure', path: image, lengths, frameBytes: 131_072 } as const
    const random = Float64Array.of(0, 65_536, 131_072)
    assert.is((await pool.run<'measure'>({ ...job, offsets: random, level: 3 })).bytes, 3 * 65_536)
    assert.is((await pool.run<'measure'>({ ...job, offsets: random, level: 0 })).bytes, 3 * 65_536)
    const text = random.map((offset) => 5 * MIB + offset)
    const [start, end] = [5 * MIB, 5 * MIB + 3 * 65_536]
    const expected =
      zstdCompressSync(bytes.subarray(start, start + 131_072)).length +
      zstdCompressSync(bytes.subarray(start + 131_072, end)).length
    const { bytes: measured } = await pool.run<'measure'>({ ...job, offsets: text, level: 3 })
    assert.ok(Math.abs(measured - expected) < 40, `${measured} is not about ${expected}`)
    const long = { ...job, frameBytes: 100, offsets: random, level: 0 }
    assert.is((await pool.run<'measure'>(long)).bytes, 3 * 65_536)
    await rejectsCode('BAD_FILE', pool.run<'measure'>({ ...job, offsets: Float64Array.of(0, 9, 6 * MIB), level: 3 }))
  })

  test('a frame that nobody asks for is a defect, not an allocation', async ({ pool, image }) => {
    const count = 20
    const job = {
      kind: 'encode',
      paths: [image],
      files: new Uint16Array(count),
      offsets: new Float64Array(count),
      lengths: new Uint32Array(count).fill(MIB),
      hashes: new Uint8Array(count * 32),
      level: 3,
    } as const
    await rejectsCode(
      'INTERNAL',
      pool.run<'encode'>(job).catch((error) => {
        throw asHotblockError(error)
      }),
    )
  })
})

tests.run()

import { open } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { ENCODING_PLAIN } from '../../../node/pool/jobs.ts'
import { asHotblockError, HotblockError } from '../../../protocols/errors.ts'
import { rejectsCode } from '../../support/failures.ts'
import { hashesOf, MIB, onEveryPool, PAGE, someBlocks, sparse } from '../../support/pools.ts'

const tests = onEveryPool((test, make) => {
  test('a full disk keeps its code', async ({ pool, image, bytes }) => {
    const lengths = Uint32Array.of(PAGE)
    const hashes = hashesOf(bytes, [0], lengths)
    const zeroOffset = Float64Array.of(0)
    const jobs = [
      pool.run<'hash'>({ kind: 'hash', path: image, offset: 0, lengths, to: '/dev/full' }),
      pool.run<'place'>({ kind: 'place', from: image, to: '/dev/full', offset: 0, bytes: PAGE }),
      pool.run<'copy'>({
        kind: 'copy',
        from: image,
        fromOffsets: zeroOffset,
        to: '/dev/full',
        toOffsets: zeroOffset,
        lengths,
        hashes,
      }),
      pool.run<'decode'>({
        kind: 'decode',
        payload: bytes.subarray(0, PAGE),
        encoding: ENCODING_PLAIN,
        lengths,
        hashes,
        to: '/dev/full',
        toOffsets: zeroOffset,
      }),
    ]
    for (const result of await Promise.allSettled(jobs)) {
      assert.is(result.status, 'rejected')
      const { reason } = result as PromiseRejectedResult
      assert.is(reason.code, 'ENOSPC')
      assert.is(asHotblockError(reason).code, 'NO_SPACE')
    }
  })

  test('a missing source or target is an error with a path', async ({ pool, image, dir }) => {
    const none = join(dir, 'none')
    for (const paths of [{ path: none }, { path: image, to: none }]) {
      try {
        await pool.run<'hash'>({ kind: 'hash', offset: 0, lengths: Uint32Array.of(1), ...paths })
        assert.unreachable()
      } catch (error) {
        const known = asHotblockError(error)
        assert.is(known.code, 'NO_SUCH_FILE')
        assert.is(known.data.path, none)
      }
    }
  })

  test('columns may be views of larger buffers, and stay the caller’s', async ({ pool, image, bytes }) => {
    const { offsets, lengths, hashes } = someBlocks(bytes)
    const table = { offsets: new Float64Array(100), lengths: new Uint32Array(100), hashes: Buffer.alloc(3200) }
    table.offsets.set(offsets, 7)
    table.lengths.set(lengths, 7)
    table.hashes.set(hashes, 7 * 32)
    const job = {
      kind: 'verify',
      path: image,
      offsets: table.offsets.subarray(7, 17),
      lengths: table.lengths.subarray(7, 17),
      hashes: table.hashes.subarray(7 * 32, 17 * 32),
    } as const
    for (let i = 0; i < 2; i++) assert.equal([...(await pool.run<'verify'>(job)).good], new Array(10).fill(1))
    assert.is(table.offsets[7 + 9], 6 * MIB - 1)
  })

  test('many jobs at once', async ({ pool, image, bytes }) => {
    const lengths = Uint32Array.of(PAGE)
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, i) => pool.run<'hash'>({ kind: 'hash', path: image, offset: i * PAGE, lengths })),
    )
    for (const [i, { hashes }] of answers.entries()) {
      assert.equal(new Uint8Array(hashes), hashesOf(bytes, [i * PAGE], lengths))
    }
  })

  test('no descriptor is left open, even where jobs fail', async ({ pool, image, dir }) => {
    const target = await sparse(join(dir, 'fds'), PAGE)
    for (let i = 0; i < 30; i++) {
      const job = { kind: 'hash', path: image, offset: 6 * MIB, lengths: Uint32Array.of(1), to: target } as const
      await rejectsCode('BAD_FILE', pool.run<'hash'>(job))
    }
    const handle = await open(target)
    assert.ok(handle.fd < 100)
    await handle.close()
  })

  test('a closed pool takes no jobs, but ends those it has', async ({ image }) => {
    const pool = make()
    const lengths = new Uint32Array(1500).fill(PAGE)
    const running = Array.from({ length: 6 }, () => pool.run<'hash'>({ kind: 'hash', path: image, offset: 0, lengths }))
    await Promise.all([pool.close(), pool.close()])
    for (const answer of await Promise.all(running)) assert.is(answer.zero.length, 1500)
    const error = await rejectsCode('CANCELLED', pool.run<'hash'>({ kind: 'hash', path: image, offset: 0, lengths }))
    assert.instance(error, HotblockError)
  })
})

tests.run()

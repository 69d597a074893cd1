import { execFileSync } from 'node:child_process'
import { writeSync } from 'node:fs'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FrameFile } from '../../../node/serve/frame-file.ts'
import type { ServedFrame } from '../../../protocols/blocks/server.ts'
import { type Log, silentLog } from '../../../protocols/ports.ts'
import { ROOT_RIGHTS } from '../../support/needed.ts'
import { integer, randomBytes, withSeedsAsync } from '../../support/seeds.ts'
import { withDirectory } from '../../support/temporary.ts'
import { testWith } from '../../support/tools.ts'

function withFile(bytesMax: number, use: (file: FrameFile, directory: string) => Promise<void>): Promise<void> {
  return withDirectory(async (directory) => {
    const file = (await FrameFile.open(join(directory, 'frames'), bytesMax, silentLog))!
    try {
      await use(file, directory)
    } finally {
      await file.close()
    }
  })
}

function frame(payload: Uint8Array, missing?: Uint8Array): ServedFrame {
  return { encoding: 1, payload, missing }
}

test('a frame comes back as it was put, at once and later; the file has no name', () =>
  withFile(1000, async (file, directory) => {
    assert.equal(await readdir(directory), [])
    const payload = Buffer.from('some bytes')
    file.put('a', frame(payload))
    for (let i = 0; i < 2; i++) {
      const kept = await file.get('a')
      assert.equal([kept?.encoding, Buffer.from(kept!.payload), kept?.missing], [1, payload, undefined])
    }
    assert.is(await file.get('b'), undefined)
    assert.equal([file.has('a'), file.has('b'), file.bytes], [true, false, payload.length])
  }))

test('frames that lack blocks, that are empty, or longer than the file are not kept', () =>
  withFile(1000, async (file) => {
    file.put('missing', frame(Buffer.alloc(10), Uint8Array.of(1)))
    file.put('empty', frame(Buffer.alloc(0)))
    file.put('long', frame(Buffer.alloc(1001)))
    file.put('all', frame(Buffer.alloc(1000)))
    assert.equal(
      ['missing', 'empty', 'long', 'all'].map((key) => file.has(key)),
      [false, false, false, true],
    )
  }))

test('a size of 0 makes no file, and a directory that is not there none either, with a warning', () =>
  withDirectory(async (directory) => {
    const warnings: unknown[] = []
    const log: Log = { ...silentLog, warn: (_: unknown, text?: string) => void warnings.push(text) }
    assert.is(await FrameFile.open(join(directory, 'frames'), 0, log), undefined)
    assert.is(warnings.length, 0)
    assert.is(await FrameFile.open(join(directory, 'absent', 'frames'), 1000, log), undefined)
    assert.equal(warnings, ['packed frames are not kept on the disk'])
  }))

test('whatever comes and in whatever sizes: what is here is right, the newest is, and the bytes are bounded', () =>
  withSeedsAsync(20, (random) =>
    withFile(1000, async (file) => {
      const put = new Map<string, Uint8Array>()
      for (let i = 0; i < 200; i++) {
        const key = `${i}`
        const payload = randomBytes(random, integer(random, 1, random() < 0.1 ? 1000 : 300))
        put.set(key, payload)
        file.put(key, frame(payload))
        assert.ok(file.has(key))
        assert.ok(file.bytes <= 1000)
        if (random() < 0.5) continue
        for (const [each, bytes] of put) {
          const known = file.has(each)
          const kept = await file.get(each)
          assert.is(kept !== undefined, known)
          if (kept !== undefined) assert.ok(Buffer.compare(kept.payload, bytes) === 0)
        }
      }
    }),
  ))

test('who reads a frame while another takes its place gets nothing, and never the other', () =>
  withFile(100, async (file) => {
    file.put('old', frame(Buffer.alloc(100, 1)))
    const reading = file.get('old')
    file.put('new', frame(Buffer.alloc(100, 2)))
    const old = await reading
    assert.ok(old === undefined || old.payload.every((byte) => byte === 1))
    assert.ok((await file.get('new'))!.payload.every((byte) => byte === 2))
    assert.is(await file.get('old'), undefined)
  }))

test('room that is reserved is waited for, and holds a frame only once that is there', () =>
  withFile(1000, async (file) => {
    const payload = Buffer.from('some bytes')
    const right = file.reserve('a', 1, payload.length)!
    const reading = file.get('a')
    assert.equal([file.has('a'), file.reserve('a', 1, 5), file.reserve('b', 1, 1001)], [true, undefined, undefined])
    writeSync(right.fd, payload, 0, payload.length, right.offset)
    right.done(crc32(payload))
    assert.equal(Buffer.from((await reading)!.payload), payload)
    const wrong = file.reserve('c', 1, 10)!
    const inVain = file.get('c')
    wrong.done(undefined)
    assert.equal([await inVain, file.has('c'), file.bytes], [undefined, false, payload.length])
  }))

test('a file that cannot be written any more is given up; it is closed when nobody writes to it', async () => {
  await withDirectory(async (directory) => {
    const file = (await FrameFile.open(join(directory, 'frames'), 1000, silentLog))!
    file.put('old', frame(Buffer.alloc(10)))
    const [failing, late] = [file.reserve('a', 1, 10)!, file.reserve('b', 1, 10)!]
    failing.done('failed')
    assert.equal([file.has('old'), file.reserve('c', 1, 10), file.bytes], [false, undefined, 0])
    let closed = false
    const closing = file.close().then(() => {
      closed = true
    })
    await setTimeout(20)
    assert.not(closed)
    late.done(undefined)
    await closing
  })
})

testWith(ROOT_RIGHTS)(
  'a disk that is full: nothing fails, its space comes back, and no frames are kept from then on',
  () =>
    withDirectory(async (directory) => {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', directory])
      try {
        const warnings: unknown[] = []
        const log: Log = { ...silentLog, warn: (_: unknown, text?: string) => void warnings.push(text) }
        const file = (await FrameFile.open(join(directory, 'frames'), 1024 ** 3, log))!
        const payload = Buffer.alloc(1024 * 1024, 1)
        for (let i = 0; i < 10 && warnings.length === 0; i++) {
          file.put(`${i}`, frame(payload))
          await file.get(`${i}`)
        }
        assert.equal(warnings, ['packed frames are kept on the disk no longer'])
        file.put('later', frame(payload))
        assert.equal([file.has('later'), await file.get('0'), file.bytes], [false, undefined, 0])
        await writeFile(join(directory, 'other'), Buffer.alloc(3 * 1024 * 1024))
        await file.close()
      } finally {
        execFileSync('umount', [directory])
      }
    }),
)

test.run()

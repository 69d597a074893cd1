import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FrameFile } from '../../../node/serve/frame-file.ts'
import { type Asked, Frames, RECENT_BYTES } from '../../../node/serve/frames.ts'
import type { ServedFrame } from '../../../protocols/blocks/server.ts'
import { HotblockError } from '../../../protocols/errors.ts'
import { silentLog } from '../../../protocols/ports.ts'
import { HASH_BYTES } from '../../../protocols/table/constants.ts'
import { rejectsCode } from '../../support/failures.ts'
import { withDirectory } from '../../support/temporary.ts'

function asked(block: number, length = 4096): Asked {
  return { hashes: new Uint8Array(HASH_BYTES).fill(block), lengths: Uint32Array.of(length) }
}

function frame(block: number, bytes = 10): ServedFrame {
  return { encoding: 1, payload: Buffer.alloc(bytes, block), missing: undefined }
}

const never = (): Promise<ServedFrame> => assert.unreachable() as never

function withFrames(use: (frames: Frames) => Promise<void>): Promise<void> {
  return withDirectory(async (directory) => {
    const file = await FrameFile.open(join(directory, 'frames'), 64 * 1024 * 1024, silentLog)
    await use(new Frames(file))
    await file?.close()
  })
}

test('a frame is made once, for those who ask at the same time and for those who ask later', () =>
  withFrames(async (frames) => {
    const made = Promise.withResolvers<ServedFrame>()
    const first = frames.frame(asked(1), () => made.promise)
    const second = frames.frame(asked(1), never)
    made.resolve(frame(1))
    assert.is((await first).payload, (await second).payload)
    assert.equal((await frames.frame(asked(1), never)).payload, frame(1).payload)
    assert.equal(frames.counters, { kept: 1, made: 1 })
  }))

test('who asks with wrong lengths neither gets what others asked for nor spoils it for them', () =>
  withFrames(async (frames) => {
    const lacking: ServedFrame = { ...frame(1, 0), missing: Uint8Array.of(1) }
    const wrong = frames.frame(asked(1, 5), async () => lacking)
    const right = frames.frame(asked(1), async () => frame(1))
    assert.is(await wrong, lacking)
    assert.is((await right).missing, undefined)
  }))

test('what could not be made is made anew for the next', () =>
  withFrames(async (frames) => {
    const fail = async (): Promise<ServedFrame> => {
      throw new HotblockError('BAD_FILE', 'gone')
    }
    await rejectsCode('BAD_FILE', frames.frame(asked(1), fail))
    assert.ok(await frames.frame(asked(1), async () => frame(1)))
  }))

test('what a peer sent, and what was prepared, is served though more came since than memory keeps', () =>
  withFrames(async (frames) => {
    frames.keep(asked(1), frame(1))
    assert.is(await frames.prepare(asked(2), async () => frame(2)), 10)
    assert.is(await frames.prepare(asked(2), never), 0, 'it is there')
    frames.keep(asked(3), frame(3, RECENT_BYTES))
    for (const block of [1, 2]) assert.equal((await frames.frame(asked(block), never)).payload, frame(block).payload)
    assert.is(frames.bytes, 20 + RECENT_BYTES)
  }))

test('who joins while a frame is prepared has it whole, also where it cannot be kept', () =>
  withDirectory(async (directory) => {
    const file = (await FrameFile.open(join(directory, 'frames'), 1024, silentLog))!
    const frames = new Frames(file)
    // Longer than the file, so that it is given up at once, and than what shares Node's pool.
    const bytes = 4 * Buffer.poolSize
    const long = frame(1, bytes)
    const made = Promise.withResolvers<ServedFrame>()
    const prepared = frames.prepare(asked(1), () => made.promise)
    const joined = Promise.all([frames.frame(asked(1), never), frames.frame(asked(1), never)])
    await setTimeout(10)
    made.resolve(long)
    assert.is(await prepared, bytes)
    for (const { payload } of await joined) assert.equal(payload, frame(1, bytes).payload)
    await file.close()
  }))

test('the memory of a frame is given back when all who have it are done with it, and it is in the file', () =>
  withFrames(async (frames) => {
    const bytes = 4 * Buffer.poolSize
    const made = Promise.withResolvers<ServedFrame>()
    const asking = [1, 2].map(() => frames.frame(asked(1), () => made.promise))
    made.resolve(frame(1, bytes))
    const [first, second] = await Promise.all(asking)
    const { payload } = first!
    first!.release!()
    const kept = await frames.frame(asked(1), never)
    assert.equal(kept.payload, frame(1, bytes).payload)
    assert.is(payload.length, bytes)
    second!.release!()
    assert.is(payload.length, 0)
    assert.is(kept.payload.length, bytes)
    kept.release!()
    assert.is(kept.payload.length, 0)
  }))

test('without a file the last frames are kept, and nothing is prepared', async () => {
  const frames = new Frames()
  frames.keep(asked(1), frame(1))
  assert.ok(await frames.frame(asked(1), never))
  assert.equal([await frames.prepare(asked(2), never), frames.bytes, frames.bytesMax], [0, 0, 0])
})

test.run()

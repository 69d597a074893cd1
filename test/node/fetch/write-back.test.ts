import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { WRITE_BACK_BYTES, WriteBack } from '../../../node/fetch/write-back.ts'
import { withDirectory } from '../../support/temporary.ts'

test('the disk is told for each so many bytes, and not again before it is done', async () => {
  const syncs: (() => void)[] = []
  const writeBack = new WriteBack('image', (path) => {
    assert.is(path, 'image')
    return new Promise((resolve) => syncs.push(resolve))
  })
  writeBack.wrote(WRITE_BACK_BYTES - 1)
  assert.is(syncs.length, 0)
  writeBack.wrote(1)
  assert.is(syncs.length, 1)
  writeBack.wrote(3 * WRITE_BACK_BYTES)
  assert.is(syncs.length, 1, 'one at a time')
  syncs[0]!()
  await setTimeout(0)
  writeBack.wrote(1)
  assert.is(syncs.length, 2, 'what came meanwhile counts')
})

test('a file that is written to, that is gone, or a disk that fails: nothing is thrown', () =>
  withDirectory(async (directory) => {
    const path = join(directory, 'image')
    await writeFile(path, 'bytes')
    for (const each of [path, join(directory, 'absent'), '/dev/full']) {
      new WriteBack(each).wrote(WRITE_BACK_BYTES)
      await setTimeout(50)
    }
  }))

test.run()

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { frameLevel, LEVEL_FAST, LEVEL_SMALL } from '../../../node/decisions/frame-level.ts'

test('frames are made fast while peers take them as they come, and small once they lie about', () => {
  assert.is(frameLevel(0), LEVEL_FAST)
  assert.is(frameLevel(1), LEVEL_FAST)
  assert.is(frameLevel(2), LEVEL_SMALL)
  assert.is(frameLevel(60), LEVEL_SMALL)
})

test.run()

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { NEWS_MS_FIRST, NEWS_MS_MAX, NEWS_MS_MIN, newsDelayMs } from '../../../node/decisions/news.ts'

test('news goes out at once after a pause', () => {
  for (const sessions of [0, 1, 24, 512]) {
    assert.is(newsDelayMs(sessions, Number.POSITIVE_INFINITY), NEWS_MS_FIRST)
    assert.is(newsDelayMs(sessions, NEWS_MS_MAX), NEWS_MS_FIRST)
  }
})

test('in a stream of it, the more seldom the more are told, within bounds', () => {
  assert.is(newsDelayMs(0, 0), NEWS_MS_MIN)
  assert.is(newsDelayMs(1000, 0), NEWS_MS_MAX)
  let last = 0
  for (let sessions = 0; sessions < 100; sessions++) {
    const delay = newsDelayMs(sessions, 0)
    assert.ok(delay >= last)
    last = delay
  }
})

test.run()

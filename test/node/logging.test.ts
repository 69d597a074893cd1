import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LOG_LEVELS } from '../../node/config.ts'
import { createLogger, readableLine } from '../../node/logging.ts'
import { captured } from '../support/command-line.ts'

test('every level of the settings is one of the logger', () => {
  for (const level of LOG_LEVELS) assert.is(createLogger(level, captured(false)).level, level)
})

test('a log that is no terminal gets a JSON line an event, from its level on', () => {
  const target = captured(false)
  const log = createLogger('info', target)
  log.debug('not this')
  log.info({ name: 'a\nb' }, 'one')
  log.error({ err: new Error('boom') }, 'two')
  const lines = target.text.split('\n')
  assert.is(lines.length, 3)
  assert.is(JSON.parse(lines[0]!).name, 'a\nb')
  assert.is(JSON.parse(lines[1]!).err.message, 'boom')
})

test('a terminal gets a readable line an event', () => {
  const target = captured(true)
  const log = createLogger('debug', target)
  log.warn({ name: 'a', bytes: 5, list: [1] }, 'slow')
  log.error({ err: new Error('boom') }, 'broken')
  const [first, second, end] = target.text.split('\n')
  assert.match(first!, /^\d\d:\d\d:\d\d warn {2}slow name=a bytes=5 list=\[1\]$/)
  assert.match(second!, /^\d\d:\d\d:\d\d error broken error="boom"$/)
  assert.is(end, '')
})

test('what peers wrote forges no line of a log', () => {
  const event = { level: 30, time: 0, msg: 'said\n00:00:00 info  forged', name: '\x1b[2J', '\r': '\u202e' }
  const line = readableLine(JSON.stringify(event))
  assert.not.match(line, /[\p{Cc}\u202e]/u)
  assert.match(line, /^00:00:00 info {2}said\\u000a00:00:00 info {2}forged name=\\u001b\[2J \\u000d=\\u202e$/)
})

test.run()

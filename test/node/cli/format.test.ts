import { stripVTControlCharacters } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  formatBytes,
  formatCount,
  formatPart,
  formatPercent,
  formatSeconds,
  formatSpeed,
  keyValues,
  makeStyle,
  shortId,
  table,
} from '../../../node/cli/format.ts'
import { printable } from '../../../node/printable.ts'

const PLAIN = makeStyle(false)
const COLOURED = makeStyle(true)
/** What a hostile peer might put where people look: clear the screen, a title, a forged line, turned direction. */
const HOSTILE = 'a\x1b[2J\x1b]0;t\x07\r\nok\x9b31m\u202eb\x7f'

test('bytes, counts and speeds', () => {
  assert.is(formatBytes(0), '0 B')
  assert.is(formatBytes(1023), '1023 B')
  assert.is(formatBytes(1024), '1 KiB')
  assert.is(formatBytes(2 ** 31), '2 GiB')
  assert.is(formatCount(27_000), '27,000')
  assert.is(formatSpeed(2 ** 29), '512 MiB/s')
  assert.is(formatSpeed(Number.POSITIVE_INFINITY), '-')
})

test('percentages: small ones keep their digits, none is no number', () => {
  for (const [fraction, text] of [
    [0, '0 %'],
    [0.000049, '< 0.01 %'],
    [0.00005, '0.01 %'],
    [0.00033, '0.03 %'],
    [0.00994, '0.99 %'],
    [0.00996, '1.0 %'],
    [0.539, '53.9 %'],
    [1, '100.0 %'],
    [Number.NaN, '-'],
    [Number.POSITIVE_INFINITY, '-'],
  ] as const) {
    assert.is(formatPercent(fraction), text)
  }
  assert.is(formatPart(2 ** 30, 2 ** 31), '1 GiB        50.0 %')
  assert.is(formatPart(0, 0), '0 B               -')
  assert.is(formatPart(1023 * 1024, 2 ** 30).length, formatPart(2 ** 30, 2 ** 30).length)
})

test('durations', () => {
  for (const [seconds, text] of [
    [0, '0.0 s'],
    [0.0123, '0.012 s'],
    [0.1, '0.1 s'],
    [59.9, '59.9 s'],
    [60, '1 min 0 s'],
    [3599.4, '59 min 59 s'],
    [3600, '1 h 0 min'],
    [86_399, '23 h 59 min'],
    [86_400, '1 d 0 h'],
    [1e6, '11 d 13 h'],
  ] as const) {
    assert.is(formatSeconds(seconds), text)
  }
})

test('ids are told apart by their end', () => {
  assert.is(shortId('12D3KooWSdeE2QRm257HTPdV5kDu3wG73qj5G3v7cKZC2EiJ1iLs'), '…2EiJ1iLs')
  assert.is(shortId('-'), '-')
  assert.is(shortId(''), '')
})

test('keys and values are aligned, with and without colours', () => {
  const rows = [
    ['a', 'x'],
    ['longer', ['y', 'z']],
    ['absent', undefined],
    ['empty', []],
  ] as const
  const plain = keyValues(rows, PLAIN)
  assert.is(plain, '  a       x\n  longer  y\n          z\n  empty   none')
  const coloured = keyValues([['a', COLOURED.bold('x')], ...rows.slice(1)], COLOURED)
  assert.is(stripVTControlCharacters(coloured), plain)
  assert.is.not(coloured, plain)
})

test('tables are aligned, have no trailing blanks and no colours of their own', () => {
  const columns = [{ head: 'name' }, { head: 'size', right: true }, { head: 'x' }]
  const rows = [
    ['a', '1', 'p'],
    ['bookworm', '1,000', ''],
  ]
  const plain = table(columns, rows, PLAIN)
  assert.is(plain, '  name       size  x\n  a             1  p\n  bookworm  1,000')
  assert.is(stripVTControlCharacters(table(columns, rows, COLOURED)), plain)
})

test('what peers wrote cannot move the cursor, forge a line or turn the text', () => {
  const control = /(?![\n])[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/u
  assert.not.match(printable(HOSTILE), /[\p{Cc}\u202e]/u)
  const inTable = table([{ head: 'name' }], [[HOSTILE]], PLAIN)
  assert.not.match(inTable, control)
  assert.is(inTable.split('\n').length, 2)
  const inRows = keyValues(
    [
      [HOSTILE, HOSTILE],
      ['list', [HOSTILE, HOSTILE]],
    ],
    PLAIN,
  )
  assert.not.match(inRows, control)
  assert.is(inRows.split('\n').length, 3)
  assert.is(printable('bücher 日本 🙂'), 'bücher 日本 🙂')
})

test.run()

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseRate, parseSize } from '../../protocols/quantities.ts'
import { integer, withSeeds } from '../support/seeds.ts'

test('sizes', () => {
  for (const [text, bytes] of [
    ['0', 0],
    ['4096', 4096],
    ['1B', 1],
    ['1K', 1024],
    ['1k', 1024],
    ['1KiB', 1024],
    ['1Ki', 1024],
    ['1KB', 1000],
    ['1.5 GB', 1.5e9],
    ['20G', 20 * 1024 ** 3],
    ['20GiB', 20 * 1024 ** 3],
    ['20gib', 20 * 1024 ** 3],
    ['0.3K', 307],
    ['2T', 2 * 1024 ** 4],
    ['1P', 1024 ** 5],
    [' 7M ', 7 * 1024 ** 2],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
  ] as const) {
    assert.is(parseSize(text), bytes, text)
  }
})

test('rates: bits are decimal, everything else is a size', () => {
  for (const [text, bytes] of [
    ['100M', 100 * 1024 ** 2],
    ['100MB/s', 100e6],
    ['100M/sec', 100 * 1024 ** 2],
    ['1Gbit', 125e6],
    ['1Gbit/s', 125e6],
    ['1 gbps', 125e6],
    ['8bit', 1],
    ['8bits', 1],
    ['8Kibit', 1024],
    ['4096', 4096],
  ] as const) {
    assert.is(parseRate(text), bytes, text)
  }
})

test('what is neither', () => {
  const bad = [
    '',
    ' ',
    '-1',
    '+1',
    '1e3',
    '0x10',
    'G',
    '1X',
    '1 G B',
    '1iB',
    '1,5G',
    'NaN',
    'Infinity',
    '1G1',
    '١',
    '.5G',
    '1.',
  ]
  for (const text of [...bad, '9007199254740992', '9P0', '1'.repeat(17), '99999999P']) {
    assert.is(parseSize(text), undefined, text)
    assert.is(parseRate(text), undefined, text)
  }
  for (const text of ['1bit', '1Gbit', '1G/s']) assert.is(parseSize(text), undefined, text)
  for (const text of ['1Gb it', '1ibit', '1G/m']) assert.is(parseRate(text), undefined, text)
})

test('whole sizes of every unit are exact', () => {
  withSeeds(200, (random) => {
    const count = integer(random, 0, 7)
    const power = integer(random, 0, 5)
    const letter = ['', 'K', 'M', 'G', 'T', 'P'][power]!
    assert.is(parseSize(`${count}${letter}`), count * 1024 ** power)
    assert.is(parseSize(`${count}${letter}B`), count * 1000 ** power)
  })
})

test.run()

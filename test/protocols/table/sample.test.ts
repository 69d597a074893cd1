import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { HASH_BYTES, HOOK_BITS, HOOK_KEY_BYTES } from '../../../protocols/table/constants.ts'
import { hookKeys, isHook } from '../../../protocols/table/sample.ts'
import { hashAt } from '../../../protocols/table/table.ts'
import { withSeeds } from '../../support/seeds.ts'
import { build, randomRows, zeroRow } from '../../support/tables.ts'

function hashOf(...first: number[]): Uint8Array {
  const hash = new Uint8Array(HASH_BYTES).fill(0xff)
  hash.set(first)
  return hash
}

test('exactly the first bits count', () => {
  assert.ok(isHook(hashOf(0xff), 0))
  assert.not(isHook(hashOf(0x80), 1))
  assert.ok(isHook(hashOf(0x7f), 1))
  assert.ok(isHook(hashOf(0x01), 7))
  assert.not(isHook(hashOf(0x01), 8))
  assert.ok(isHook(hashOf(0x00, 0x7f), 9))
  assert.not(isHook(hashOf(0x00, 0x80), 9))
  assert.ok(isHook(hashOf(0x00, 0x7f)))
  assert.ok(isHook(hashOf(0, 0, 0, 1), 31))
  assert.not(isHook(hashOf(0, 0, 0, 1), 32))
  assert.ok(isHook(hashOf(0, 0, 0, 0), 32))
})

test('the hooks of a table: different, in order, blocks only', () => {
  withSeeds(5, (random) => {
    const rows = randomRows(random, 4000)
    const { table } = build(rows, zeroRow(4096), rows)
    for (const bits of [0, 1, 4, HOOK_BITS]) {
      const expected: string[] = []
      for (let row = 0; row < 4000; row++) {
        const hash = hashAt(table, row)
        if (isHook(hash, bits)) expected.push(Buffer.from(hash.subarray(0, HOOK_KEY_BYTES)).toString('hex'))
      }
      const keys = hookKeys(table, bits).map((key) => Buffer.from(key).toString('hex'))
      assert.equal(keys, expected)
    }
  })
})

test('keys are copies, which do not keep the table in memory', () => {
  withSeeds(1, (random) => {
    const { table } = build(randomRows(random, 10))
    for (const key of hookKeys(table, 0)) assert.is(key.buffer.byteLength, HOOK_KEY_BYTES)
  })
})

test('a table of zeros has none', () => {
  assert.equal(hookKeys(build(zeroRow(4096)).table, 0), [])
})

test.run()

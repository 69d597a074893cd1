import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeVarints, encodeVarints } from '../../../protocols/table/varint.ts'
import { throwsCode } from '../../support/failures.ts'
import { integer, withSeeds } from '../../support/seeds.ts'

test('numbers at the edges of each length', () => {
  const values = [0, 1, 127, 128, 16_383, 16_384, 2 ** 31, 2 ** 32, 2 ** 42 - 1, 2 ** 42, 2 ** 49 - 1]
  const bytes = encodeVarints(values)
  assert.equal([...decodeVarints(bytes, values.length)], values)
  assert.is(Buffer.from(encodeVarints([300, 1])).toString('hex'), 'ac0201')
  assert.is(decodeVarints(new Uint8Array(0), 0).length, 0)
})

test('random series come back', () => {
  withSeeds(50, (random) => {
    const values = Array.from({ length: integer(random, 0, 200) }, () => Math.floor(2 ** (random() * 49)))
    assert.equal([...decodeVarints(encodeVarints(values), 200)], values)
  })
})

test('what is not minimal, cut off, too long or too many is refused', () => {
  for (const hex of ['8000', '01ff00', '80', '0180', 'ffffffffffffff01', 'ffffffffffffffffffff01']) {
    throwsCode('BAD_TABLE', () => decodeVarints(Buffer.from(hex, 'hex'), 10))
  }
  throwsCode('BAD_TABLE', () => decodeVarints(Uint8Array.of(1, 2, 3), 2))
})

test.run()

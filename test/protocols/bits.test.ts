import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { bitFieldBytes, clearBit, getBit, newBits, packBits, setBit, unpackBits } from '../../protocols/bits.ts'
import { integer, withSeeds } from '../support/seeds.ts'

test('a bit field is as long as it needs to be', () => {
  assert.equal([0, 1, 7, 8, 9, 16, 17].map(bitFieldBytes), [0, 1, 1, 1, 2, 2, 3])
})

test('bit i is bit i mod 8 of byte i / 8', () => {
  const bits = newBits(16)
  setBit(bits, 0)
  setBit(bits, 7)
  setBit(bits, 9)
  assert.equal([...bits], [0b1000_0001, 0b10])
  clearBit(bits, 7)
  assert.equal([...bits], [1, 0b10])
})

test('a bit beyond the field is not set', () => {
  assert.not(getBit(newBits(0), 0))
  assert.not(getBit(Uint8Array.of(0xff), 8))
})

test('packed flags come back', () => {
  withSeeds(50, (random) => {
    const flags = Uint8Array.from({ length: integer(random, 0, 40) }, () => integer(random, 0, 1))
    const bits = packBits(flags)
    assert.is(bits.length, bitFieldBytes(flags.length))
    assert.equal(unpackBits(bits, flags.length), flags)
    flags.forEach((flag, i) => {
      assert.is(getBit(bits, i), flag === 1)
    })
  })
})

test.run()

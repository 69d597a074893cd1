import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ADVERTISED_KEYS_MAX, advertiseChange, keysToAdvertise } from '../../../node/decisions/advertise.ts'

const key = (byte: number): Uint8Array => new Uint8Array(12).fill(byte)

test('roots of images that serve are advertised, and hooks, each once', () => {
  const images = [
    { key: key(1), serves: true },
    { key: key(2), serves: false },
  ]
  const keys = keysToAdvertise(images, [key(3), key(3), key(1)])
  assert.equal([...keys.values()], [key(1), key(3)])
})

test('hooks are left out beyond the limit, roots never', () => {
  const distinct = (count: number, first: number): Uint8Array[] =>
    Array.from({ length: count }, (_, i) => new Uint8Array(Uint32Array.of(first + i).buffer))
  const roots = distinct(5, 0).map((root) => ({ key: root, serves: true }))
  assert.is(keysToAdvertise(roots, distinct(ADVERTISED_KEYS_MAX - 5, 100)).size, ADVERTISED_KEYS_MAX)
  const crowded = keysToAdvertise(roots, distinct(ADVERTISED_KEYS_MAX, 100))
  assert.is(crowded.size, ADVERTISED_KEYS_MAX)
  assert.equal([...crowded.values()].slice(0, 5), distinct(5, 0))
  const many = distinct(ADVERTISED_KEYS_MAX + 1, 0).map((root) => ({ key: root, serves: true }))
  assert.is(keysToAdvertise(many, [key(9)]).size, ADVERTISED_KEYS_MAX + 1)
})

test('a change is what came and what went', () => {
  const before = keysToAdvertise([], [key(1), key(2)])
  const after = keysToAdvertise([], [key(2), key(3)])
  assert.equal(advertiseChange(before, after), { advertise: [key(3)], withdraw: [key(1)] })
  assert.equal(advertiseChange(after, after), { advertise: [], withdraw: [] })
  assert.equal(advertiseChange(new Map(), after).advertise.length, 2)
})

test.run()

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { rackKey } from '../../../protocols/discovery/rack-key.ts'

test('each rack of each image has a key of its own, the same on all nodes', () => {
  const [a, b] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
  const keys = [rackKey(a, 'r1'), rackKey(a, 'r2'), rackKey(b, 'r1')].map((key) => Buffer.from(key).toString('hex'))
  assert.is(new Set(keys).size, 3)
  // Nodes of other versions have to come to the same.
  assert.is(keys[0], '75607a8e485f2915c30d7313daba2d79ea2727019e89987853bd5c1ea33f710f')
})

test.run()

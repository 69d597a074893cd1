/** Finding the peers of a fetch by what they advertise. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { rackKey } from '../../../protocols/discovery/rack-key.ts'
import { seededRandom } from '../../../protocols/ports.ts'
import { imageOf, MemoryMesh } from '../../support/memory-mesh.ts'
import { withDirectory } from '../../support/temporary.ts'

test('peers of the own rack are found by the key of image and rack, and no others are', () =>
  withDirectory(async (directory) => {
    const mesh = new MemoryMesh(directory)
    const builder = await mesh.node('builder')
    const { target } = await builder.publish(imageOf(seededRandom(1), 400))
    const mate = await mesh.node('mate', 'r1')
    await mate.fetch(target)
    mesh.provide(rackKey(target.root.multihash.digest, 'r1'), 'mate')
    const peersOf = async (name: string, rack: string): Promise<string[]> => {
      const node = await mesh.node(name, rack)
      // The builder would tell of the others.
      node.deps.mesh.open = (peer) =>
        peer === 'builder' ? Promise.reject(new Error('away')) : mesh.connect(node, peer)
      const signal = AbortSignal.timeout(3000)
      const { peers } = await node.fetch(target, signal).catch(() => ({ peers: [] }))
      return peers.map(({ peer }) => peer)
    }
    assert.equal(await peersOf('near', 'r1'), ['mate'])
    assert.equal(await peersOf('far', 'r2'), [])
    await mesh.close()
  }))

test.run()

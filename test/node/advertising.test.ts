import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Advertising } from '../../node/advertising.ts'
import { MemoryNetwork } from '../../protocols/discovery/memory.ts'
import { rackKey } from '../../protocols/discovery/rack-key.ts'
import { seededRandom, silentLog } from '../../protocols/ports.ts'
import { imageOf, MemoryMesh } from '../support/memory-mesh.ts'
import { withDirectory } from '../support/temporary.ts'

test('a node is found by the image that it has, by its blocks, and by the image and its rack if it knows that', () =>
  withDirectory(async (directory) => {
    const mesh = new MemoryMesh(directory)
    const { store, publish } = await mesh
      .node('node')
      .then((node) => ({ store: node.store, publish: node.publish.bind(node) }))
    const { table } = await publish(imageOf(seededRandom(1), 100))
    const { digest } = table.root.multihash
    const network = new MemoryNetwork()
    const looking = network.join({ peer: 'looking', addresses: [] })
    for (const rack of [undefined, 'r1']) {
      const discovery = network.join({ peer: `in ${rack}`, addresses: [] })
      const advertising = new Advertising({ store, discovery, hookBits: 2, rack, log: silentLog })
      await advertising.flush()
      const found = await looking.find([
        digest,
        rackKey(digest, 'r1'),
        store.blocks.sampled(2)[Symbol.iterator]().next().value!,
      ])
      const names = found.map(({ providers }) => providers.map(({ peer }) => peer))
      assert.equal(names, [[`in ${rack}`], rack === undefined ? [] : [`in ${rack}`], [`in ${rack}`]])
      await advertising.close()
      await discovery.close()
    }
    await mesh.close()
  }))

test.run()

/** Blocks that workers hold only in another image are found by their advertised hashes and taken from those workers. */
import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { copyPackages, makeImage, sameBytes } from '../support/images.ts'
import { fetchOn, publishOn, withMesh } from '../support/nodes.ts'
import { withDirectory } from '../support/temporary.ts'

const MIB = 1024 * 1024
const ADVERTISED_WAIT_MS = 20_000

test('an empty worker takes most of what others hold in another image from them, not from the builder', () =>
  withDirectory(async (directory) => {
    const [oldTree, newTree] = [join(directory, 'old'), join(directory, 'new')]
    await mkdir(oldTree)
    await copyPackages(oldTree, ['@biomejs', '@typescript'])
    await mkdir(newTree)
    await cp(oldTree, newTree, { recursive: true })
    await copyPackages(newTree, ['libp2p', '@libp2p', 'zod', 'fastify', 'typescript'])
    const oldImage = await makeImage(oldTree, join(directory, 'old'), 256 * MIB)
    const newImage = await makeImage(newTree, join(directory, 'new'), 256 * MIB)
    await withMesh(directory, 2, async ({ builder, workers, worker }) => {
      await publishOn(builder, oldImage.path, 'old')
      const [old] = await Promise.all(workers.map((node) => fetchOn(node, 'old')))
      // All blocks of the old image are in the new one too.
      const shared = {
        blocks: old!.peers.reduce((sum, peer) => sum + peer.blocks, 0),
        bytes: old!.wireBytes - old!.tableBytes,
      }
      await publishOn(builder, newImage.path, 'new')
      for (const node of workers) await advertised(node.api)
      // A worker that has looked at a plan is known as one of the image's swarm, and is asked all the same.
      await workers[0]!.api.plan('new')
      const empty = await worker('e')
      const report = await fetchOn(empty, 'new')
      assert.ok(await sameBytes(report.path, newImage.path))

      const text = JSON.stringify(report)
      const others = report.peers.filter(({ peer }) => workers.some((node) => node.peer === peer))
      assert.is(others.length, 2, text)
      const bytes = others.reduce((sum, peer) => sum + peer.bytes, 0)
      const blocks = others.reduce((sum, peer) => sum + peer.blocks, 0)
      const sent = `${blocks} of ${shared.blocks} shared blocks, ${bytes} of ${shared.bytes} bytes came from them: ${text}`
      assert.ok(blocks > 0.6 * shared.blocks && bytes > 0.6 * shared.bytes, sent)
    })
  }))

async function advertised(api: { status(): Promise<{ dht: { advertisedKeys: number } }> }): Promise<void> {
  for (let waited = 0; (await api.status()).dht.advertisedKeys < 2; waited += 100) {
    assert.ok(waited < ADVERTISED_WAIT_MS, 'the workers did not advertise their blocks')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

test.run()

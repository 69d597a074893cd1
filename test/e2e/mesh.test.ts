/** Names and images over time: news, names wanted before they exist, and restarts of nearly everything. */
import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../support/hosts.ts'
import { copyPackages, makeTar, sameBytes } from '../support/images.ts'
import { fetchOn, publishOn, type RunningNode, startNode, withMesh } from '../support/nodes.ts'
import { withDirectory } from '../support/temporary.ts'

const WAIT_MS = 60_000

async function knows(node: RunningNode, name: string): Promise<boolean> {
  return (await node.api.images({ mesh: true })).some((row) => row.name === name)
}

/** Path of the image's file, once it is complete. */
async function arrives(node: RunningNode, name: string): Promise<string> {
  await until(
    async () => (await node.api.images({ mesh: false })).some((row) => row.name === name && row.state === 'complete'),
    `${name} is on the node`,
    WAIT_MS,
  )
  return (await fetchOn(node, name)).path
}

async function makeOne(directory: string): Promise<string> {
  const tree = join(directory, 'tree')
  await mkdir(tree)
  await copyPackages(tree, ['libp2p', 'zod'])
  return makeTar(tree, join(directory, 'one.tar'))
}

test('a new record reaches four connected workers, and a name asked for before it existed is fetched', () =>
  withDirectory(async (directory) => {
    const image = await makeOne(directory)
    await withMesh(directory, 4, async ({ builder, workers }) => {
      const asked = performance.now()
      assert.equal(await workers[3]!.api.prefetch(['later']), { accepted: ['later'] })
      const acceptedMs = performance.now() - asked
      assert.ok(acceptedMs < 5_000, `prefetch was accepted after ${acceptedMs} ms`)
      assert.equal((await workers[3]!.api.status()).wants, ['later'])

      const small = join(directory, 'small')
      await writeFile(small, randomBytes(4096))
      const reached: number[] = []
      for (const name of ['news-1', 'news-2', 'news-3']) {
        const startedAt = performance.now()
        const publishing = publishOn(builder, small, name)
        await Promise.all(workers.map((worker) => until(() => knows(worker, name), `${name} is known`, 10_000)))
        reached.push(performance.now() - startedAt)
        await publishing
      }
      console.log(`publish to known on four workers: ${reached.map((ms) => `${Math.round(ms)} ms`).join(', ')}`)

      await publishOn(builder, image, 'later')
      assert.ok(await sameBytes(await arrives(workers[3]!, 'later'), image))
      await until(async () => (await workers[3]!.api.status()).wants.length === 0, 'nothing is waited for any more')
    })
  }))

test('a name published while a worker was down reaches it from the one peer that is left', () =>
  withDirectory(async (directory) => {
    const image = await makeOne(directory)
    await withMesh(directory, 2, async ({ builder, workers: [left, away], worker }) => {
      await away!.api.prefetch(['later'])
      await until(async () => (await away!.api.status()).connections === 2, 'it has met the other worker', WAIT_MS)
      await away!.stop()
      await publishOn(builder, image, 'later')
      await fetchOn(left!, 'later')
      await builder.stop()
      // The bootstrap peer that it is given is gone; it remembers the other.
      const back = await worker('w2')
      assert.ok(await sameBytes(await arrives(back, 'later'), image))
    })
  }))

test('a record outlives its builder on a peer that does not want the image, and the image comes when the builder is back', () =>
  withDirectory(async (directory) => {
    const image = await makeOne(directory)
    const nodes: RunningNode[] = []
    const start = async (...[options]: Parameters<typeof startNode>): Promise<RunningNode> => {
      const node = await startNode(options)
      nodes.push(node)
      return node
    }
    try {
      // It trusts no builder: only what the DHT gives it to keep does it keep.
      const keeper = await start({ home: join(directory, 'k') })
      const bootstrap = [keeper.address]
      const builder = await start({ home: join(directory, 'b'), bootstrap })
      const w1 = await start({ home: join(directory, 'w1'), bootstrap, trust: [builder.peer] })
      await until(async () => (await keeper.api.status()).connections === 2, 'the keeper has both')
      await w1.stop()
      await publishOn(builder, image, 'later')
      await builder.stop()

      const w2 = await start({ home: join(directory, 'w2'), bootstrap, trust: [builder.peer] })
      const again = await start({ home: join(directory, 'w1'), bootstrap, trust: [builder.peer] })
      for (const node of [w2, again]) await node.api.prefetch(['later'])
      // The keeper has no book of the builder to push from.
      assert.equal(await keeper.api.images({ mesh: true }), [])
      for (const node of [w2, again]) await until(() => knows(node, 'later'), 'the DHT gives the record', WAIT_MS)

      await start({ home: join(directory, 'b'), bootstrap })
      const backAt = performance.now()
      for (const node of [w2, again]) assert.ok(await sameBytes(await arrives(node, 'later'), image))
      console.log(`the image came ${((performance.now() - backAt) / 1000).toFixed(1)} s after its builder was back`)
    } finally {
      await Promise.all(nodes.map((node) => node.stop()))
    }
  }))

test.run()

/** Frames that are packed ahead are those that are asked for. */
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FrameFile } from '../../../node/serve/frame-file.ts'
import { Packing } from '../../../node/serve/packing.ts'
import { BlockServer } from '../../../node/serve/source.ts'
import { seededRandom, silentLog } from '../../../protocols/ports.ts'
import { until } from '../../support/hosts.ts'
import { imageOf, MemoryMesh, type MemoryNode } from '../../support/memory-mesh.ts'
import { withDirectory } from '../../support/temporary.ts'

const PAGES = 600

interface Fixture {
  readonly builder: MemoryNode
  readonly worker: MemoryNode
  readonly packing: Packing
  readonly server: BlockServer
}

/** A builder that keeps so many bytes of frames, and a worker. */
function withBuilder(bytesMax: number, use: (fixture: Fixture) => Promise<void>): Promise<void> {
  return withDirectory(async (directory) => {
    const mesh = new MemoryMesh(directory)
    const frameFile = await FrameFile.open(join(directory, 'frames'), bytesMax, silentLog)
    try {
      const [builder, worker] = [await mesh.node('builder'), await mesh.node('worker')]
      const { store, pool, clock, random, traffic } = builder.deps
      const addressesOf = async (): Promise<string[]> => ['/memory']
      const server = new BlockServer({ store, pool, clock, random, traffic, addressesOf, frameFile })
      builder.source = server
      const packing = new Packing({ store, server, log: silentLog })
      await use({ builder, worker, packing, server })
      await packing.close()
      server.close()
    } finally {
      await mesh.close()
      await frameFile?.close()
    }
  })
}

const packed = (packing: Packing): Promise<void> => until(() => packing.count === 0, 'all is packed')

test('a worker that has nothing gets only frames that were packed ahead', () =>
  withBuilder(64 * 1024 * 1024, async ({ builder, worker, packing, server }) => {
    const bytes = imageOf(seededRandom(1), PAGES)
    const { image, target } = await builder.publish(bytes)
    packing.add(image)
    await packed(packing)
    const { made } = server.frames.counters
    assert.ok(made > 1)
    await worker.fetch(target)
    assert.equal(await worker.bytesOf(target), bytes)
    assert.equal(server.frames.counters, { made, kept: made })
  }))

test('so does one that has the image before: of a new one it lacks what the builder saw to be new', () =>
  withBuilder(64 * 1024 * 1024, async ({ builder, worker, packing, server }) => {
    const old = imageOf(seededRandom(1), PAGES)
    await worker.fetch((await builder.publish(old)).target)
    const bytes = Buffer.from(old)
    imageOf(seededRandom(2), PAGES / 3).copy(bytes, (PAGES / 3) * 4096)
    const { image, target } = await builder.publish(bytes)
    packing.add(image)
    await packed(packing)
    const before = { ...server.frames.counters }
    await worker.fetch(target)
    assert.equal(await worker.bytesOf(target), bytes)
    assert.is(server.frames.counters.made, before.made)
    assert.ok(server.frames.counters.kept > before.kept)
  }))

test('an image whose frames do not fit is packed in part, and served all the same', () =>
  withBuilder(1024 * 1024, async ({ builder, worker, packing, server }) => {
    const bytes = imageOf(seededRandom(1), PAGES)
    const { image, target } = await builder.publish(bytes)
    packing.add(image)
    await packed(packing)
    assert.ok(server.frames.bytes <= 1024 * 1024)
    await worker.fetch(target)
    assert.equal(await worker.bytesOf(target), bytes)
  }))

test('where no frames are kept, and for an image that is gone, nothing is packed', async () => {
  await withBuilder(0, async ({ builder, packing, server }) => {
    packing.add((await builder.publish(imageOf(seededRandom(1), 10))).image)
    assert.is(packing.count, 0)
    assert.is(server.frames.counters.made, 0)
  })
  await withBuilder(1024 * 1024, async ({ builder, packing, server }) => {
    packing.add(undefined)
    const { image } = await builder.publish(imageOf(seededRandom(1), 10))
    await builder.store.remove(image.root)
    packing.add(image)
    await packed(packing)
    assert.is(server.frames.counters.made, 0)
  })
})

test('it ends in the middle when the node does', () =>
  withBuilder(64 * 1024 * 1024, async ({ builder, packing, server }) => {
    packing.add((await builder.publish(imageOf(seededRandom(1), PAGES))).image)
    await packing.close()
    packing.add((await builder.publish(imageOf(seededRandom(2), 10))).image)
    assert.is(packing.count, 0)
    assert.is(server.frames.counters.made, 0)
  }))

test.run()

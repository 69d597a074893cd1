/** What a worker keeps: damaged images are found and mended from the mesh, and a quota takes the least recently used. */
import { chmod, mkdir, open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { FetchReport } from '../../node/api.ts'
import { HotblockError } from '../../protocols/errors.ts'
import { copyPackages, makeImage, makeTar, sameBytes } from '../support/images.ts'
import { fetchOn, publishOn, type RunningNode, withMesh } from '../support/nodes.ts'
import { withDirectory } from '../support/temporary.ts'

const MIB = 1024 * 1024

/** Inverts one byte at each offset, as a bad disk might; the size stays. */
async function damage(path: string, offsets: readonly number[]): Promise<void> {
  await chmod(path, 0o644)
  const file = await open(path, 'r+')
  try {
    for (const offset of offsets) {
      const byte = Buffer.alloc(1)
      await file.read(byte, 0, 1, offset)
      byte[0]! ^= 0xff
      await file.write(byte, 0, 1, offset)
    }
    await file.sync()
  } finally {
    await file.close()
  }
  await chmod(path, 0o444)
}

/** Offsets in a file where its bytes are not zero, each in a megabyte of its own. */
async function dataOffsets(path: string, count: number): Promise<number[]> {
  const { size } = await stat(path)
  const file = await open(path)
  const found: number[] = []
  const block = Buffer.alloc(4096)
  try {
    for (let at = 0; at < size && found.length < count; at += MIB) {
      for (let offset = at; offset < Math.min(size, at + MIB); offset += block.length) {
        const { bytesRead } = await file.read(block, 0, block.length, offset)
        const first = block.subarray(0, bytesRead).findIndex((byte) => byte !== 0)
        if (first < 0) continue
        found.push(offset + first)
        break
      }
    }
  } finally {
    await file.close()
  }
  return found
}

test('a damaged image is found by verify, and repair fetches just the broken blocks', () =>
  withDirectory(async (directory) => {
    const tree = join(directory, 'tree')
    await mkdir(tree)
    await copyPackages(tree, ['libp2p', 'zod', 'typescript'])
    const { path: image } = await makeImage(tree, join(directory, 'one'), 64 * MIB)
    await withMesh(directory, 2, async ({ builder, workers: [first, second] }) => {
      await publishOn(builder, image, 'one')
      const report = await fetchOn(first!, 'one')
      await fetchOn(second!, 'one')
      const offsets = await dataOffsets(report.path, 5)
      assert.is(offsets.length, 5)
      await damage(report.path, offsets)
      assert.not.ok(await sameBytes(report.path, image))

      const { badBlocks, checkedBytes } = await first!.api.verify('one', () => {})
      assert.is(badBlocks, 5)
      assert.is(checkedBytes, report.imageBytes - report.zeroBytes)
      const receivedBefore = await received(first!)
      const repaired = await first!.api.repair('one', () => {})
      assert.is(repaired.repairedBlocks, 5)
      assert.ok(await sameBytes(report.path, image))
      // Five blocks of at most 64 KiB, and what the sessions say besides.
      const moved = (await received(first!)) - receivedBefore
      assert.ok(moved > 0 && moved < 5 * 65_536 + 100_000, `${moved} bytes came for five blocks`)
      assert.is((await first!.api.verify('one', () => {})).badBlocks, 0)
      assert.is((await first!.api.images({ mesh: false }))[0]!.state, 'complete')
    })
  }))

/** Bytes of the block exchange that a node has received. */
async function received(node: RunningNode): Promise<number> {
  return (await node.api.peers()).reduce((sum, { receivedBytes }) => sum + receivedBytes, 0)
}

test('a quota takes the least recently used image, never a pinned one, and says when nothing may go', () =>
  withDirectory(async (directory) => {
    const packages = { a: ['libp2p', 'multiformats'], b: ['zod'], c: ['fastify', 'typescript'], d: ['@noble'] }
    const images = new Map<string, string>()
    for (const [name, names] of Object.entries(packages)) {
      const tree = join(directory, name)
      await mkdir(tree)
      await copyPackages(tree, names)
      images.set(name, await makeTar(tree, `${tree}.tar`))
    }
    const bytes = async (name: string): Promise<number> => (await stat(images.get(name)!)).blocks * 512
    // Room for a, b and c, a little short of d as well.
    const quota = (await bytes('a')) + (await bytes('b')) + (await bytes('c')) + Math.floor((await bytes('d')) / 2)
    await withMesh(directory, 0, async ({ builder, worker }) => {
      for (const [name, path] of images) await publishOn(builder, path, name)
      const node = await worker('w', ['--quota', String(quota)])
      const names = async () => (await node.api.images({ mesh: false })).map(({ name }) => name).sort()
      const get = async (name: string): Promise<FetchReport> => {
        const report = await fetchOn(node, name)
        assert.ok(await sameBytes(report.path, images.get(name)!))
        return report
      }
      for (const name of ['a', 'b', 'c']) await get(name)
      assert.equal(await names(), ['a', 'b', 'c'])
      await node.api.pin('a', true)
      const plan = await node.api.plan('d')
      const root = (await node.api.images({ mesh: false })).find(({ name }) => name === 'b')!.root
      assert.ok(plan.fits)
      assert.equal(plan.evicts, [root], 'the plan says what would go')
      await get('d')
      assert.equal(await names(), ['a', 'c', 'd'], 'the oldest is pinned, so the next went')

      for (const name of ['c', 'd']) await node.api.pin(name, true)
      assert.is((await node.api.plan('b')).fits, false)
      const refused: unknown = await fetchOn(node, 'b').catch((error) => error)
      assert.instance(refused, HotblockError)
      assert.is((refused as HotblockError).code, 'NO_SPACE')
      assert.equal(await names(), ['a', 'c', 'd'], 'what was here is here')
      assert.is((await node.api.verify(undefined, () => {})).badBlocks, 0)

      await node.api.pin('c', false)
      await get('b')
      assert.equal(await names(), ['a', 'b', 'd'])
    })
  }))

test.run()

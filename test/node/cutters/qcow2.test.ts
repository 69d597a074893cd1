import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cutImage } from '../../../node/cutters/cut.ts'
import { qcow2Cuts } from '../../../node/cutters/qcow2.ts'
import type { Random } from '../../../protocols/ports.ts'
import { integer, withSeedsAsync } from '../../support/seeds.ts'
import { withDirectory } from '../../support/temporary.ts'
import { testWith, tool } from '../../support/tools.ts'
import { AUTO, BLOCK_BYTES, KIB, memoryReader, randomBytes, rowHashes, rowLengths } from './helpers.ts'

const CLUSTER_BITS = 12
const CLUSTER = 2 ** CLUSTER_BITS

/**
 * A qcow2 image of a disk, its clusters in this order; those that are not named are not there.
 * @param order numbers of the disk's clusters
 */
function qcow2Of(disk: Uint8Array, order: readonly number[]): Buffer {
  // Header, one table of the first level, one of the second, then data: the disk has at most 512 clusters.
  const image = Buffer.alloc((3 + order.length) * CLUSTER)
  image.write('QFI\xfb', 0, 'latin1')
  image.writeUInt32BE(3, 4)
  image.writeUInt32BE(CLUSTER_BITS, 20)
  image.writeBigUInt64BE(BigInt(disk.length), 24)
  image.writeUInt32BE(1, 36)
  image.writeBigUInt64BE(BigInt(CLUSTER), 40)
  image.writeUInt32BE(104, 100)
  image.writeBigUInt64BE((1n << 63n) | BigInt(2 * CLUSTER), CLUSTER)
  for (const [i, cluster] of order.entries()) {
    const at = (3 + i) * CLUSTER
    image.writeBigUInt64BE((1n << 63n) | BigInt(at), 2 * CLUSTER + cluster * 8)
    image.set(disk.subarray(cluster * CLUSTER, (cluster + 1) * CLUSTER), at)
  }
  return image
}

function shuffled(count: number, random: Random): number[] {
  const order = Array.from({ length: count }, (_none, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const j = integer(random, 0, i)
    const [a = 0, b = 0] = [order[i], order[j]]
    order[i] = b
    order[j] = a
  }
  return order
}

test('clusters in any order: the rows of the disk', async () => {
  await withSeedsAsync(20, async (random) => {
    const clusters = integer(random, 1, 60)
    const disk = randomBytes(clusters * CLUSTER, integer(random, 1, 1e6))
    const order = shuffled(clusters, random).slice(0, integer(random, 1, clusters))
    const image = qcow2Of(disk, order)
    const cuts = await cutImage(memoryReader(image), AUTO)
    assert.is(cuts.format, 'qcow2')
    assert.is(cuts.cutter, 'qcow2+fixed:4096')
    const hashes = rowHashes(image, rowLengths(cuts, image.length))
    const raw = rowHashes(disk, rowLengths(await cutImage(memoryReader(disk), AUTO), disk.length))
    assert.is([...raw.keys()].filter((hash) => hashes.has(hash)).length, order.length)
  })
})

test('images that lie are cut all the same; kinds that are not read are cut blindly', async () => {
  const disk = randomBytes(8 * CLUSTER, 1)
  const good = qcow2Of(disk, [0, 1, 2, 3, 4, 5, 6, 7])
  const changed = (change: (image: Buffer) => void) => {
    const image = Buffer.from(good)
    change(image)
    return image
  }
  for (const image of [
    changed((one) => one.writeUInt32BE(9, 4)),
    changed((one) => one.writeUInt32BE(40, 20)),
    changed((one) => one.writeBigUInt64BE(1n << 62n, 24)),
    changed((one) => one.writeBigUInt64BE(0n, 24)),
    changed((one) => one.writeUInt32BE(1, 32)),
    changed((one) => one.writeBigUInt64BE(16n, 72)),
    changed((one) => one.writeBigUInt64BE(1n << 50n, 40)),
    good.subarray(0, 80),
  ]) {
    assert.is(await qcow2Cuts(memoryReader(image), BLOCK_BYTES), undefined)
    assert.is((await cutImage(memoryReader(image), AUTO)).cutter, 'fixed:65536')
  }
  for (const image of [
    // Tables beyond the end, entries that are compressed, zero, beyond the end, twice the same, or not aligned.
    changed((one) => one.writeBigUInt64BE(1n << 40n, CLUSTER)),
    changed((one) => one.writeBigUInt64BE((1n << 62n) | 5n, 2 * CLUSTER)),
    changed((one) => one.writeBigUInt64BE(1n, 2 * CLUSTER + 8)),
    changed((one) => one.writeBigUInt64BE(1n << 40n, 2 * CLUSTER + 16)),
    changed((one) => one.writeBigUInt64BE(BigInt(4 * CLUSTER), 2 * CLUSTER + 24)),
    changed((one) => one.writeBigUInt64BE(BigInt(4 * CLUSTER + 512), 2 * CLUSTER + 24)),
    good.subarray(0, good.length - 100),
  ]) {
    const cuts = await cutImage(memoryReader(image), AUTO)
    assert.is(cuts.cutter, 'qcow2+fixed:4096')
    rowLengths(cuts, image.length)
  }
})

testWith('qemu-img', 'mke2fs')('a file system in qcow2 is the blocks that it is as a raw disk', async () => {
  await withDirectory(async (directory) => {
    const [tree, raw, qcow2] = ['tree', 'disk.img', 'disk.qcow2'].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ]
    mkdirSync(tree)
    for (let i = 0; i < 40; i++) writeFileSync(join(tree, `f${i}`), randomBytes(i * 7 * KIB + i * 13, i))
    writeFileSync(raw, '')
    truncateSync(raw, 64 * KIB * KIB)
    tool('mke2fs', ['-q', '-F', '-t', 'ext4', '-d', tree, raw])
    tool('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, qcow2])
    const [one, two] = [readFileSync(raw), readFileSync(qcow2)]
    const [rawCuts, cuts] = [await cutImage(memoryReader(one), AUTO), await cutImage(memoryReader(two), AUTO)]
    assert.is(cuts.cutter, 'qcow2+ext4')
    const [wanted, found] = [
      rowHashes(one, rowLengths(rawCuts, one.length)),
      rowHashes(two, rowLengths(cuts, two.length)),
    ]
    assert.equal(
      [...wanted.keys()].filter((hash) => !found.has(hash)),
      [],
    )
  })
})

test.run()

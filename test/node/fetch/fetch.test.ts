/** Whole fetches between nodes with real stores, over streams in memory. */
import { chmod, open, stat } from 'node:fs/promises'
import { zstdCompressSync } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { FetchResult } from '../../../node/fetch/fetch.ts'
import type { BlockSource, ServedFrame } from '../../../protocols/blocks/server.ts'
import { seededRandom } from '../../../protocols/ports.ts'
import { rejectsCode } from '../../support/failures.ts'
import { until } from '../../support/hosts.ts'
import { imageOf, MemoryMesh, type MemoryNode, PAGE } from '../../support/memory-mesh.ts'
import { withDirectory } from '../../support/temporary.ts'

const PAGES = 1200

function withMesh(use: (mesh: MemoryMesh) => Promise<void>): () => Promise<void> {
  return () =>
    withDirectory(async (directory) => {
      const mesh = new MemoryMesh(directory)
      try {
        await use(mesh)
      } finally {
        await mesh.close()
      }
    })
}

/** Answers like the server of a node, but for what the test changes. */
function changed(node: MemoryNode, changes: Partial<BlockSource>): BlockSource {
  const { server } = node
  return {
    holdings: (root) => server.holdings(root),
    tableBytes: (cid) => server.tableBytes(cid),
    hasPrefix: (prefixes) => server.hasPrefix(prefixes),
    openSession: (peer) => server.openSession(peer),
    joined: (root, client, tell) => server.joined(root, client, tell),
    turnedAway: (root, client) => server.turnedAway(root, client),
    admits: (root, rack) => server.admits(root, rack),
    claimed: (root, peer, claim) => server.claimed(root, peer, claim),
    heardOf: (root, peers) => server.heardOf(root, peers),
    ...changes,
  }
}

/** Frames of the node's server, as the test changes them. */
function withFrames(node: MemoryNode, change: (frame: ServedFrame) => ServedFrame | Promise<ServedFrame>): BlockSource {
  return changed(node, {
    openSession: (peer) => {
      const session = node.server.openSession(peer)!
      return {
        ...session,
        frame: async (request, hashes, lengths) => {
          const frame = await session.frame(request, hashes, lengths)
          return frame === undefined ? undefined : change(frame)
        },
      }
    },
  })
}

function bytesFrom(result: FetchResult, peer: string): number {
  return result.peers.find((row) => row.peer === peer)?.bytes ?? 0
}

function blocksFrom(result: FetchResult, peer: string): number {
  return result.peers.find((row) => row.peer === peer)?.blocks ?? 0
}

test(
  'a fetched image is the published one, holes stay holes, and every byte is accounted for',
  withMesh(async (mesh) => {
    const bytes = imageOf(seededRandom(1), PAGES)
    const builder = await mesh.node('builder')
    const { target, table } = await builder.publish(bytes)
    const worker = await mesh.node('worker')
    const result = await worker.fetch(target)
    assert.ok((await worker.bytesOf(target)).equals(bytes))
    const { blocks } = await stat(worker.store.image(target.root)!.path)
    assert.ok(blocks * 512 < bytes.length - table.zeroBytes / 2, 'zeros take no room')
    assert.is(result.image.state, 'complete')
    assert.is(result.hotBytes, 0)
    assert.is(result.coldBytes, table.imageBytes - table.zeroBytes)
    assert.is(result.resumedBytes, 0)
    assert.ok(result.tableBytes > 0)
    assert.is(
      result.wireBytes,
      result.peers.reduce((sum, { bytes: received }) => sum + received, 0),
    )
    assert.is(worker.deps.traffic.with('builder').received, result.wireBytes)
    assert.is(blocksFrom(result, 'builder'), result.peers[0]!.blocks)
    const distinct = new Set<string>()
    for (let page = 0; page < PAGES; page++) {
      distinct.add(bytes.subarray(page * PAGE, (page + 1) * PAGE).toString('base64'))
    }
    assert.is(blocksFrom(result, 'builder'), distinct.size - 1, 'every block but the zero one came once')
    assert.ok(result.wireBytes < (distinct.size - 1) * PAGE * 1.05 + result.tableBytes + 20_000, 'repeats came once')
  }),
)

test(
  'blocks that are on the node are copied, not transferred',
  withMesh(async (mesh) => {
    const first = imageOf(seededRandom(1), PAGES)
    const second = imageOf(seededRandom(2), PAGES)
    second.set(first.subarray(0, (PAGES / 2) * PAGE), (PAGES / 2) * PAGE)
    const builder = await mesh.node('builder')
    const published = [await builder.publish(first), await builder.publish(second)]
    const worker = await mesh.node('worker')
    await worker.fetch(published[0]!.target)
    const result = await worker.fetch(published[1]!.target)
    assert.ok((await worker.bytesOf(published[1]!.target)).equals(second))
    assert.ok(result.hotBytes > 0.35 * second.length, `${result.hotBytes} hot`)
    assert.ok(result.wireBytes < 0.5 * second.length, `${result.wireBytes} on the wire`)
    assert.is(result.hotBytes + result.coldBytes, second.length - published[1]!.table.zeroBytes)
  }),
)

test(
  'a hot block that is damaged on the disk is fetched from the mesh',
  withMesh(async (mesh) => {
    const bytes = imageOf(seededRandom(1), PAGES)
    const longer = Buffer.concat([bytes, imageOf(seededRandom(3), 100)])
    const builder = await mesh.node('builder')
    const published = [await builder.publish(bytes), await builder.publish(longer)]
    const worker = await mesh.node('worker')
    const { image } = await worker.fetch(published[0]!.target)
    await chmod(image.path, 0o600)
    const file = await open(image.path, 'r+')
    await file.write(Buffer.from('damage'), 0, 6, 10 * PAGE + 100)
    await file.close()
    const result = await worker.fetch(published[1]!.target)
    assert.ok((await worker.bytesOf(published[1]!.target)).equals(longer))
    assert.ok(result.coldBytes > 0)
  }),
)

test(
  'blocks that another node holds in another image come from there',
  withMesh(async (mesh) => {
    const other = imageOf(seededRandom(4), 3 * PAGES)
    const wanted = Buffer.concat([other.subarray(0, 2 * PAGES * PAGE), imageOf(seededRandom(5), 300)])
    const builder = await mesh.node('builder')
    const { target } = await builder.publish(wanted)
    const holder = await mesh.node('holder')
    await holder.publish(other)
    mesh.advertise(holder)
    // However loaded the machine is: the builder is the slower of the two.
    builder.source = withFrames(builder, async (frame) => {
      await new Promise((resolve) => setTimeout(resolve, 100))
      return frame
    })
    const worker = await mesh.node('worker')
    const result = await worker.fetch(target)
    assert.ok((await worker.bytesOf(target)).equals(wanted))
    const from = { holder: blocksFrom(result, 'holder'), builder: blocksFrom(result, 'builder') }
    assert.ok(from.holder > from.builder, JSON.stringify(from))
  }),
)

test(
  'several workers at once all have the image',
  withMesh(async (mesh) => {
    const bytes = imageOf(seededRandom(6), 2 * PAGES)
    const builder = await mesh.node('builder')
    const { target } = await builder.publish(bytes)
    const workers = await Promise.all(['a', 'b', 'c'].map((name) => mesh.node(name)))
    for (const worker of workers) mesh.provide(target.root.multihash.digest, worker.name)
    await Promise.all(workers.map((worker) => worker.fetch(target)))
    for (const worker of workers) assert.ok((await worker.bytesOf(target)).equals(bytes))
  }),
)

test(
  'a peer that sends wrong blocks is dropped and remembered, and the fetch goes on without it',
  withMesh(async (mesh) => {
    const bytes = imageOf(seededRandom(7), PAGES)
    const builder = await mesh.node('builder')
    const { target } = await builder.publish(bytes)
    const liar = await mesh.node('liar')
    await liar.publish(bytes)
    liar.source = withFrames(liar, (frame) => {
      const payload = frame.payload.slice()
      payload[payload.length >> 1]! ^= 1
      return { ...frame, payload }
    })
    const worker = await mesh.node('worker')
    await worker.fetch(target)
    assert.ok((await worker.bytesOf(target)).equals(bytes))
    assert.ok(worker.offenders.has('liar'))
    assert.not(worker.offenders.has('builder'))
  }),
)

test(
  'a frame that unpacks to gigabytes is refused unopened',
  withMesh(async (mesh) => {
    const bytes = imageOf(seededRandom(8), 200)
    const builder = await mesh.node('builder')
    const { target } = await builder.publish(bytes)
    const bomber = await mesh.node('bomber')
    await bomber.publish(bytes)
    const bomb = zstdCompressSync(Buffer.alloc(512 * 1024 * 1024))
    bomber.source = withFrames(bomber, () => ({ encoding: 1, payload: bomb, missing: undefined }))
    const worker = await mesh.node('worker')
    const before = process.memoryUsage().rss
    await worker.fetch(target)
    assert.ok(process.memoryUsage().rss - before < 200 * 1024 * 1024)
    assert.ok((await worker.bytesOf(target)).equals(bytes))
    assert.ok(worker.offenders.has('bomber'))
  }),
)

test(
  'a peer whose table is not what its root says is dropped and remembered, and nothing of it is kept',
  withMesh(async (mesh) => {
    const bytes = imageOf(seededRandom(9), PAGES)
    const builder = await mesh.node('builder')
    const { target } = await builder.publish(bytes)
    const wrong = await mesh.node('wrong')
    await wrong.publish(bytes)
    wrong.source = changed(wrong, { tableBytes: () => new Uint8Array(500).fill(7) })
    const onlyWrong = await mesh.node('victim')
    await rejectsCode(
      'NO_PEERS',
      onlyWrong.fetch({ ...target, builder: 'wrong' }, AbortSignal.timeout(1)).catch(asNoPeers),
    )
    const worker = await mesh.node('worker')
    // The right one is reached only when the wrong one has been asked.
    const connect = mesh.connect.bind(mesh)
    mesh.connect = async (from, to) => {
      if (to === 'builder') await until(() => worker.offenders.has('wrong'), 'the offence')
      return connect(from, to)
    }
    await worker.fetch({ ...target, builder: 'wrong' })
    assert.ok((await worker.bytesOf(target)).equals(bytes))
    assert.ok(worker.offenders.has('wrong'))
  }),
)

/** A fetch that was stopped while it looked for peers had none. */
function asNoPeers(error: { code?: string }): never {
  if (error.code === 'CANCELLED') Object.assign(error, { code: 'NO_PEERS' })
  throw error
}

test(
  'a stopped fetch keeps what it has, and the next one goes on from there',
  withMesh(async (mesh) => {
    const bytes = imageOf(seededRandom(10), 3 * PAGES)
    const builder = await mesh.node('builder')
    const { target } = await builder.publish(bytes)
    let frames = 0
    const abort = new AbortController()
    builder.source = withFrames(builder, async (frame) => {
      if (++frames > 4) await new Promise((resolve) => setTimeout(resolve, 200))
      return frame
    })
    const worker = await mesh.node('worker')
    const stopped = worker.fetch(target, abort.signal)
    stopped.catch(() => {})
    await until(() => (worker.fetches.transfers[0]?.doneBytes ?? 0) > bytes.length / 4, 'a part of it')
    abort.abort()
    await rejectsCode('CANCELLED', stopped)
    builder.source = builder.server
    const result = await worker.fetch(target)
    assert.ok((await worker.bytesOf(target)).equals(bytes))
    assert.ok(result.resumedBytes > 0, 'something was there')
    assert.is(
      result.resumedBytes + result.hotBytes + result.coldBytes,
      bytes.length - builder.store.image(target.root)!.zeroBytes,
    )
  }),
)

test(
  'a peer that ends in the middle is replaced by another',
  withMesh(async (mesh) => {
    const bytes = imageOf(seededRandom(11), 2 * PAGES)
    const builder = await mesh.node('builder')
    const { target } = await builder.publish(bytes)
    const second = await mesh.node('second')
    await second.publish(bytes)
    let frames = 0
    builder.source = withFrames(builder, (frame) => {
      if (++frames === 2) for (const stream of builder.inbound) stream.abort(new Error('killed'))
      return frame
    })
    const worker = await mesh.node('worker')
    const result = await worker.fetch(target)
    assert.ok((await worker.bytesOf(target)).equals(bytes))
    assert.ok(bytesFrom(result, 'second') > 0)
  }),
)

test(
  'two who want the same image share one fetch, which ends when both have gone',
  withMesh(async (mesh) => {
    const bytes = imageOf(seededRandom(12), PAGES)
    const builder = await mesh.node('builder')
    const { target } = await builder.publish(bytes)
    const worker = await mesh.node('worker')
    const gate = Promise.withResolvers<void>()
    builder.source = withFrames(builder, async (frame) => {
      await gate.promise
      return frame
    })
    const first = new AbortController()
    const second = new AbortController()
    const results = [worker.fetch(target, first.signal), worker.fetch(target, second.signal)]
    for (const result of results) result.catch(() => {})
    await until(() => worker.fetches.transfers[0]?.phase === 'cold', 'the fetch')
    assert.is(worker.fetches.transfers.length, 1)
    first.abort()
    await rejectsCode('CANCELLED', results[0]!)
    assert.ok(worker.fetches.isRunning(target.root.toString()), 'the other still waits')
    second.abort()
    await rejectsCode('CANCELLED', results[1]!)
    // Who comes while the fetch winds down gets the image, not the end of somebody else's fetch.
    const late = worker.fetch(target)
    gate.resolve()
    await late
    assert.ok((await worker.bytesOf(target)).equals(bytes))
  }),
)

test(
  'a node that stops ends its fetches and begins no more',
  withMesh(async (mesh) => {
    const builder = await mesh.node('builder')
    const { target } = await builder.publish(imageOf(seededRandom(13), PAGES))
    builder.source = withFrames(builder, () => new Promise(() => {}))
    const worker = await mesh.node('worker')
    const running = worker.fetch(target)
    running.catch(() => {})
    await until(() => worker.fetches.transfers[0]?.phase === 'cold', 'the fetch')
    await worker.fetches.close()
    await rejectsCode('CANCELLED', running)
    await rejectsCode('CANCELLED', worker.fetch(target))
  }),
)

test.run()

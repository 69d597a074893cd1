/** The node's server on a real store. */
import { chmod, open } from 'node:fs/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { SESSION_QUEUE_MAX, SESSIONS_MAX } from '../../../node/decisions/serve.ts'
import { inlinePool } from '../../../node/pool/pool.ts'
import { BlockServer } from '../../../node/serve/source.ts'
import { getBit } from '../../../protocols/bits.ts'
import { seededRandom } from '../../../protocols/ports.ts'
import { HASH_BYTES } from '../../../protocols/table/constants.ts'
import type { Table } from '../../../protocols/table/table.ts'
import { rejectsCode } from '../../support/failures.ts'
import { until } from '../../support/hosts.ts'
import { imageOf, MemoryMesh, type MemoryNode, PAGE } from '../../support/memory-mesh.ts'
import { withDirectory } from '../../support/temporary.ts'

interface Fixture {
  readonly node: MemoryNode
  readonly table: Table
  readonly bytes: Buffer
  readonly path: string
}

function withImage(use: (fixture: Fixture) => Promise<void>): () => Promise<void> {
  return () =>
    withDirectory(async (directory) => {
      const mesh = new MemoryMesh(directory)
      try {
        const node = await mesh.node('server')
        const bytes = imageOf(seededRandom(1), 60)
        const { table, image } = await node.publish(bytes)
        await use({ node, table, bytes, path: image.path })
      } finally {
        await mesh.close()
      }
    })
}

function hashOf(table: Table, row: number): Uint8Array {
  return table.hashes.slice(row * HASH_BYTES, (row + 1) * HASH_BYTES)
}

/** Pages 0, 1 and 2 of the image are rows of their own. */
function firstHashes(table: Table, count: number): Uint8Array {
  return Buffer.concat(Array.from({ length: count }, (_, row) => hashOf(table, row)))
}

test(
  'a frame has the blocks that were asked for, and the upload is counted',
  withImage(async ({ node, table, bytes }) => {
    const session = node.server.openSession('peer')!
    const frame = await session.frame(1, firstHashes(table, 3), new Uint32Array(3).fill(PAGE))
    assert.is(frame!.missing, undefined)
    assert.ok(Buffer.from(frame!.payload).equals(bytes.subarray(0, 3 * PAGE)))
    session.sent(1, 5000)
    assert.equal(node.server.counters, { bytes: 5000, blocks: 3, refused: 0 })
    assert.is(node.deps.traffic.with('peer').sent, 5000)
    session.close()
  }),
)

test(
  'who asks for a block with a wrong length gets nothing, and takes nothing out of the index',
  withImage(async ({ node, table }) => {
    const before = node.store.blocks.size
    const session = node.server.openSession('peer')!
    for (const [i, length] of [1, PAGE - 1, PAGE + 1, 65_536].entries()) {
      const frame = await session.frame(i, hashOf(table, 1), Uint32Array.of(length))
      assert.is(frame!.payload.length, 0)
      assert.ok(getBit(frame!.missing!, 0))
      session.sent(i, 0)
    }
    assert.is(node.store.blocks.size, before)
    const right = await session.frame(9, hashOf(table, 1), Uint32Array.of(PAGE))
    assert.is(right!.missing, undefined)
    session.close()
  }),
)

test(
  'a damaged block is not served, and its place is forgotten',
  withImage(async ({ node, table, path }) => {
    await chmod(path, 0o600)
    const file = await open(path, 'r+')
    await file.write(Buffer.from('damage'), 0, 6, PAGE + 10)
    await file.close()
    const session = node.server.openSession('peer')!
    const frame = await session.frame(1, firstHashes(table, 3), new Uint32Array(3).fill(PAGE))
    assert.equal(
      [0, 1, 2].map((i) => getBit(frame!.missing!, i)),
      [false, true, false],
    )
    assert.is(frame!.payload.length, 2 * PAGE)
    assert.equal([...node.store.blocks.has(firstHashes(table, 3))], [1, 0, 1])
    session.close()
  }),
)

test(
  'a request number that is used twice breaks the protocol, and leaves nothing behind',
  withImage(async ({ node, table }) => {
    const session = node.server.openSession('peer')!
    const first = session.frame(1, hashOf(table, 0), Uint32Array.of(PAGE))
    await rejectsCode('BAD_MESSAGE', (async () => session.frame(1, hashOf(table, 0), Uint32Array.of(PAGE)))())
    await first
    session.sent(1, 0)
    session.close()
    const next = node.server.openSession('peer')!
    assert.ok(await next.frame(1, hashOf(table, 0), Uint32Array.of(PAGE)))
    next.close()
  }),
)

test(
  'requests beyond the queue are told to come back; those that wait when the session ends are given up',
  withImage(async ({ node, table }) => {
    const gate = Promise.withResolvers<void>()
    const pool = inlinePool()
    const { store, clock, random, traffic } = node.deps
    const slow = { ...pool, run: async (job: Parameters<typeof pool.run>[0]) => gate.promise.then(() => pool.run(job)) }
    const server = new BlockServer({
      store,
      clock,
      random,
      traffic,
      addressesOf: async () => [],
      pool: slow as typeof pool,
    })
    const session = server.openSession('peer')!
    const asked: Promise<unknown>[] = []
    let refused = 0
    for (let i = 0; i < SESSION_QUEUE_MAX + 10; i++) {
      asked.push(
        session.frame(i, hashOf(table, i % 3), Uint32Array.of(PAGE)).then(
          (frame) => {
            if (frame === undefined) refused++
          },
          (error) => error.code,
        ),
      )
    }
    await until(() => refused > 0, 'a refusal')
    assert.is(refused, 10 - 4, 'four are in the making, the queue is full, the rest is refused')
    session.close()
    gate.resolve()
    const ends = await Promise.all(asked)
    assert.is(ends.filter((end) => end === 'CANCELLED').length, SESSION_QUEUE_MAX)
    // The four that were begun are done with; the next peer is served.
    for (let i = 0; i < 4; i++) session.sent(i, 0)
    const next = server.openSession('peer')!
    assert.ok(await next.frame(1, hashOf(table, 0), Uint32Array.of(PAGE)))
    server.close()
  }),
)

test(
  'a cancelled request is answered as if all were missing',
  withImage(async ({ node, table }) => {
    const gate = Promise.withResolvers<void>()
    const pool = inlinePool()
    const { store, clock, random, traffic } = node.deps
    const slow = { ...pool, run: async (job: Parameters<typeof pool.run>[0]) => gate.promise.then(() => pool.run(job)) }
    const init = { store, clock, random, traffic, addressesOf: async () => [], pool: slow as typeof pool }
    const session = new BlockServer(init).openSession('peer')!
    const frames = [0, 1, 2, 3, 4].map((i) => session.frame(i, firstHashes(table, 2), Uint32Array.of(PAGE, PAGE)))
    session.cancel(4)
    const cancelled = await frames[4]
    assert.equal([...cancelled!.missing!], [0b11])
    session.cancel(0)
    gate.resolve()
    assert.is((await frames[0])!.missing, undefined, 'what was begun is sent')
  }),
)

test(
  'sessions are bounded',
  withImage(async ({ node }) => {
    const sessions = Array.from({ length: SESSIONS_MAX }, () => node.server.openSession('peer')!)
    assert.is(node.server.openSession('late'), undefined)
    assert.is(node.server.counters.refused, 1)
    sessions[0]!.close()
    assert.ok(node.server.openSession('late'))
  }),
)

test(
  'peers of an image hear of each other even when the address of one cannot be found',
  withImage(async ({ node, table }) => {
    const { store, clock, random, traffic, pool } = node.deps
    const init = { store, clock, random, traffic, pool }
    const server = new BlockServer({
      ...init,
      addressesOf: async (peer) => {
        if (peer === 'a') throw new Error('not found')
        return ['/memory']
      },
    })
    const told: string[] = []
    server.joined(table.root, { id: 'a' }, (peers) => told.push(...peers.map(({ id }) => id)))
    const leave = server.joined(table.root, { id: 'gone' }, () => assert.unreachable())
    leave()
    server.joined(table.root, { id: 'b' }, () => {})
    await until(() => told.length > 0, 'a hears')
    assert.equal(told, ['b'])
  }),
)

test.run()

/** Peers that lie to real nodes: each is refused by name, nothing of it is kept, and the image comes from the others. */
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Stream } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { CID } from 'multiformats/cid'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { FetchReport } from '../../node/api.ts'
import { encodeMessage, type ServerHeader } from '../../protocols/blocks/messages.ts'
import { serveBlocks } from '../../protocols/blocks/server.ts'
import { newKey, until } from '../support/hosts.ts'
import { copyPackages, makeImage, sameBytes } from '../support/images.ts'
import { isRefused, Liar, LyingSource, logOf, type Serve } from '../support/liar.ts'
import { fetchOn, publishOn, type RunningNode, startNode } from '../support/nodes.ts'
import { recordOf, rootOf } from '../support/records.ts'
import { withDirectory } from '../support/temporary.ts'

const MIB = 1024 * 1024
const LOG_MS = 20_000

interface Scene {
  directory: string
  image: string
  root: CID
  /** Both have the image. */
  builder: RunningNode
  worker: RunningNode
  /** Those of the two that run. */
  honest: RunningNode[]
  /** Two workers without the image, new for each test. */
  victims: RunningNode[]
  liars: Liar[]
}

const test = suite<Scene>('hostile')

test.before(async (scene) => {
  const directory = await mkdtemp(join(tmpdir(), 'hotblock-hostile-'))
  const tree = join(directory, 'tree')
  await mkdir(tree)
  await copyPackages(tree, ['libp2p', 'zod', 'typescript'])
  const image = (await makeImage(tree, join(directory, 'one'), 64 * MIB)).path
  const builder = await startNode({ home: join(directory, 'b') })
  Object.assign(scene, { directory, image, builder, victims: [], liars: [] })
  const trust = [builder.peer]
  scene.worker = await startNode({ home: join(directory, 'w'), bootstrap: [builder.address], trust })
  scene.honest = [builder, scene.worker]
  scene.root = CID.parse((await publishOn(builder, image, 'one')).root)
  await fetchOn(scene.worker, 'one')
})

test.before.each(async (scene) => {
  const { directory, builder, worker } = scene
  const start = () => {
    const home = join(directory, `v${++homes}`)
    return startNode({ home, bootstrap: [builder.address, worker.address], trust: [builder.peer] })
  }
  scene.victims = await Promise.all([start(), start()])
  for (const { api } of scene.victims) {
    await until(async () => (await api.images({ mesh: true })).length === 1, 'the record has come')
  }
})

test.after.each(async ({ liars, victims }) => {
  await Promise.all([...liars.splice(0).map((liar) => liar.stop()), ...victims.splice(0).map((node) => node.stop())])
})

test.after(async ({ directory, honest }) => {
  await Promise.all(honest.map((node) => node.stop()))
  await rm(directory, { recursive: true, force: true })
})

let homes = 0

async function liarIn(scene: Scene, serve: Serve): Promise<Liar> {
  const { honest, victims, root } = scene
  const liar = await Liar.start({ nodes: [...honest, ...victims], root, serve })
  scene.liars.push(liar)
  return liar
}

/** A liar that keeps to the protocol, and what it was asked by whom. */
async function sourceIn(
  scene: Scene,
  lies: ConstructorParameters<typeof LyingSource>[0],
): Promise<{ liar: Liar; askedBy: (peer: string) => LyingSource }> {
  const sources = new Map<string, LyingSource>()
  const askedBy = (peer: string): LyingSource => {
    const source = sources.get(peer) ?? new LyingSource(lies)
    sources.set(peer, source)
    return source
  }
  return { liar: await liarIn(scene, (stream, peer) => serveBlocks(stream, peer, askedBy(peer))), askedBy }
}

/** Honest nodes that stand still for as long as `use` runs, so that only liars answer. */
async function whileFrozen(nodes: readonly RunningNode[], use: () => Promise<void>): Promise<void> {
  for (const { pid } of nodes) process.kill(pid, 'SIGSTOP')
  try {
    await use()
  } finally {
    for (const { pid } of nodes) process.kill(pid, 'SIGCONT')
  }
}

/** Both victims fetch while the honest nodes stand still until all `lied`; then it is as if no liar had been there. */
async function fetchAmongLiars(scene: Scene, lied: (victim: RunningNode) => boolean): Promise<void> {
  const { honest, image, victims, liars } = scene
  let fetches: Promise<FetchReport[]> = Promise.resolve([])
  await whileFrozen(honest, async () => {
    fetches = Promise.all(victims.map((victim) => fetchOn(victim, 'one')))
    fetches.catch(() => {})
    await until(() => victims.every(lied), 'the liars are asked', 20_000)
  })
  for (const report of await fetches) {
    assert.ok(await sameBytes(report.path, image))
    for (const { peer, blocks } of report.peers) {
      if (liars.some((liar) => liar.peer === peer)) assert.is(blocks, 0, 'a block of a liar was taken')
    }
  }
  for (const victim of victims) {
    const { badBlocks, checkedBytes } = await victim.api.verify('one', () => {})
    assert.is(badBlocks, 0)
    assert.ok(checkedBytes > 0)
  }
}

/** Waits until the logs of all victims name the liar with the code, and say that it is left alone. */
async function refused(victims: readonly RunningNode[], liar: Liar, code: string): Promise<void> {
  for (const victim of victims) {
    await until(() => isRefused(victim, liar.peer, code), `the log names the liar with ${code}`, LOG_MS)
    const lines = await logOf(victim, liar.peer)
    const left = lines.some(({ msg }) => msg === 'the peer is left alone for an hour')
    assert.ok(left, JSON.stringify(lines))
  }
}

test('wrong bytes in good frames, and frames that do not unpack: BAD_BLOCK, and not one of them is kept', async (scene) => {
  const { victims } = scene
  // So that it is for blocks that the liars are asked first.
  for (const { api } of victims) await api.plan('one')
  const plain = async (lengths: Uint32Array) => {
    const payload = randomBytes(lengths.reduce((sum, length) => sum + length, 0))
    return { encoding: 0, payload, missing: undefined }
  }
  const packed = async () => ({ encoding: 1, payload: randomBytes(5000), missing: undefined })
  const lies = [await sourceIn(scene, { frame: plain }), await sourceIn(scene, { frame: packed })]
  await fetchAmongLiars(scene, ({ peer }) => lies.every(({ askedBy }) => askedBy(peer).askedBytes > 0))
  for (const { liar } of lies) await refused(victims, liar, 'BAD_BLOCK')
})

test('garbage in place of messages: BAD_MESSAGE, and the fetch goes on with the others', async (scene) => {
  const send = (...parts: Uint8Array[]): Serve => {
    return async (stream) => {
      for (const part of parts) await write(stream, part)
    }
  }
  const state: ServerHeader = { t: 'state', holds: 'all', total: 1 }
  const garbage = [
    // No header, though the length is right.
    send(Buffer.concat([Buffer.of(0, 0, 0, 64), randomBytes(64)])),
    // Half the memory of the node, if it were believed.
    send(Buffer.of(0x7f, 0xff, 0xff, 0xff), randomBytes(100)),
    // A frame that nobody asked for.
    send(...encodeMessage(state), ...encodeMessage({ t: 'frame', id: 4_000_000, enc: 0 }, randomBytes(1000))),
    // Bit fields of more segments than it sends.
    send(...encodeMessage({ t: 'state', holds: 'some', total: 1000 }, randomBytes(3))),
  ]
  const liars = await Promise.all(garbage.map((serve) => liarIn(scene, serve)))
  await fetchAmongLiars(scene, ({ peer }) => liars.every(({ sessions }) => sessions.includes(peer)))
  for (const liar of liars) await refused(scene.victims, liar, 'BAD_MESSAGE')
})

async function write(stream: Stream, bytes: Uint8Array): Promise<void> {
  if (!stream.send(bytes)) await stream.onDrain()
}

test('peers that fall silent, at once, at the table or at the blocks: the fetch ends without them', async (scene) => {
  const { victims } = scene
  await victims[0]!.api.plan('one')
  const never = (): Promise<never> => new Promise(() => {})
  const mute = await liarIn(scene, never)
  // Answers what it holds, and then nothing: one victim asks it for blocks, the other for the table.
  const idle = await liarIn(scene, async (stream) => {
    for (const part of encodeMessage({ t: 'state', holds: 'all', total: 1 })) await write(stream, part)
    await never()
  })
  const startedAt = performance.now()
  await fetchAmongLiars(scene, ({ peer }) => [mute, idle].every(({ sessions }) => sessions.includes(peer)))
  console.log(`silent peers: two fetches and their checks in ${seconds(startedAt)} s`)
})

function seconds(startedAt: number): string {
  return ((performance.now() - startedAt) / 1000).toFixed(1)
}

test('a table that is not that of the root: BAD_TABLE, and the right one comes from a worker', async (scene) => {
  const { victims, builder, worker, image } = scene
  await builder.stop()
  scene.honest = [worker]
  const { liar, askedBy } = await sourceIn(scene, { table: () => randomBytes(3000) })
  await fetchAmongLiars(scene, ({ peer }) => askedBy(peer).askedTables.length > 0)
  await refused(victims, liar, 'BAD_TABLE')
  // It is not asked again, though it is still advertised.
  const victim = victims[0]!
  const sessions = (): number => liar.sessions.filter((peer) => peer === victim.peer).length
  const before = sessions()
  await victim.api.remove('one')
  assert.ok(await sameBytes((await fetchOn(victim, 'one')).path, image))
  assert.is(sessions(), before)
})

test('records that are forged, of a stranger, or older: the mesh stays as it was, and the log says why', () =>
  withDirectory(async (directory) => {
    const [key, strange] = [await newKey(), await newKey()]
    const builder = peerIdFromPrivateKey(key).toString()
    const worker = await startNode({ home: join(directory, 'w'), trust: [builder] })
    const other = await startNode({ home: join(directory, 'o'), trust: [builder], bootstrap: [worker.address] })
    const liars: Liar[] = []
    try {
      const liar = async (): Promise<Liar> => {
        const one = await Liar.start({ nodes: [worker] })
        liars.push(one)
        return one
      }
      const first = await liar()
      const known = await recordOf(key, { name: 'image', sequence: 7 })
      await first.push(worker, [known])
      const images = (node: RunningNode) => node.api.images({ mesh: true })
      // Any peer may bring a genuine record, and it goes on to the others.
      await until(async () => (await images(other)).length === 1, 'the genuine record has come to both')
      const before = JSON.stringify(await images(worker))

      const forged = await recordOf(key, { name: 'image', sequence: 8, root: rootOf(9) })
      forged[forged.length - 1]! ^= 1
      const borrowed = await recordOf(strange, { name: 'image', sequence: 9 })
      const cases: [string, Uint8Array][] = [
        ['BAD_RECORD', forged],
        ['BAD_RECORD', randomBytes(200)],
        ['UNTRUSTED', borrowed],
        ['STALE_RECORD', await recordOf(key, { name: 'image', sequence: 6, root: rootOf(6) })],
        ['STALE_RECORD', await recordOf(key, { name: 'image', sequence: 7, root: rootOf(5) })],
      ]
      for (const [code, record] of cases) {
        const one = await liar()
        await one.push(worker, [record])
        await until(() => isRefused(worker, one.peer, code), `the log names the liar with ${code}`, LOG_MS)
        assert.is(JSON.stringify(await images(worker)), before, code)
        assert.is(JSON.stringify(await images(other)), before, code)
      }
      // What is genuine is taken as before.
      await first.push(worker, [await recordOf(key, { name: 'image', sequence: 8 })])
      await until(async () => (await images(other))[0]!.sequence === 8, 'the next genuine record is at both')
    } finally {
      await Promise.all(liars.map((one) => one.stop()))
      await Promise.all([worker.stop(), other.stop()])
    }
  }))

test.run()

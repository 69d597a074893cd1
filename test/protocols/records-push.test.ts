import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { messageStreamToDuplex } from '@libp2p/utils'
import { pipe } from 'it-pipe'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Host } from '../../node/net/host.ts'
import { HotblockError } from '../../protocols/errors.ts'
import { RecordBook } from '../../protocols/records/book.ts'
import { RECORD_BYTES_MAX } from '../../protocols/records/constants.ts'
import { PUSH_PROTOCOL, RECORDS_PER_STREAM_MAX } from '../../protocols/records/push/constants.ts'
import { RecordPush } from '../../protocols/records/push/handler.ts'
import { decodeFrames, encodeFrames } from '../../protocols/records/push/messages.ts'
import { connect, newHost, newKey, until } from '../support/hosts.ts'
import { memoryRows, recordOf } from '../support/records.ts'

const key = await newKey()
const builder = peerIdFromPrivateKey(key).toString()

interface Node {
  host: Host
  book: RecordBook
  offences: string[]
  stop(): Promise<void>
}
const running: Node[] = []

async function newNode(trust = [builder]): Promise<Node> {
  const host = await newHost()
  const book = await RecordBook.open({ rows: memoryRows(), trust })
  const offences: string[] = []
  const push = new RecordPush({ libp2p: host.libp2p, book, onOffence: (_peer, code) => offences.push(code) })
  await push.start()
  await host.start()
  const stop = async () => {
    await push.stop()
    await host.stop()
  }
  const node = { host, book, offences, stop }
  running.push(node)
  return node
}

test.after.each(async () => {
  await Promise.all(running.splice(0).map((node) => node.stop()))
})

/** Sends bytes as a peer that does not keep to the protocol. */
async function send(from: Node, to: Node, bytes: Uint8Array[]): Promise<void> {
  const [connection] = from.host.libp2p.getConnections(to.host.libp2p.peerId)
  const stream = await connection!.newStream(PUSH_PROTOCOL)
  await pipe(bytes, messageStreamToDuplex(stream).sink).catch(() => {})
  await stream.close().catch(() => {})
}

async function frames(chunks: Uint8Array[]): Promise<Uint8Array[]> {
  const records: Uint8Array[] = []
  for await (const record of decodeFrames(chunks)) records.push(record)
  return records
}

async function breaks(chunks: Uint8Array[], code = 'BAD_MESSAGE'): Promise<void> {
  try {
    await frames(chunks)
  } catch (error) {
    assert.instance(error, HotblockError)
    assert.is((error as HotblockError).code, code)
    return
  }
  throw new Error('broken frames were read')
}

test('frames come back in whatever pieces they arrive', async () => {
  const records = [1, 2, 255, 256, RECORD_BYTES_MAX].map((length) => new Uint8Array(length).fill(length))
  const bytes = Buffer.concat([...encodeFrames(records)])
  for (const size of [1, 2, 3, 1000, bytes.length]) {
    const chunks: Uint8Array[] = []
    for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
    assert.equal(
      (await frames(chunks)).map((one) => one.length),
      records.map((one) => one.length),
    )
  }
  assert.equal(await frames([]), [])
})

test('frames that are empty, too long or too many are refused; those cut off are of a lost peer', async () => {
  await breaks([Uint8Array.of(0, 0)])
  await breaks([Uint8Array.of((RECORD_BYTES_MAX + 1) >> 8, (RECORD_BYTES_MAX + 1) & 255)])
  await breaks([Uint8Array.of(0)], 'NO_PEERS')
  await breaks([Uint8Array.of(0, 2, 1)], 'NO_PEERS')
  const one = Uint8Array.of(0, 1, 7)
  assert.is((await frames(Array(RECORDS_PER_STREAM_MAX).fill(one))).length, RECORDS_PER_STREAM_MAX)
  await breaks(Array(RECORDS_PER_STREAM_MAX + 1).fill(one))
})

test('news reaches the end of a chain of three', async () => {
  const [a, b, c] = [await newNode(), await newNode(), await newNode()]
  await connect(a.host, b.host)
  await connect(b.host, c.host)
  await until(() => b.host.libp2p.getPeers().length === 2, 'the chain is connected')
  // Identify has to say first that the peers speak the protocol; a first record shows that it has.
  await a.book.accept(await recordOf(key, { sequence: 1 }))
  await until(() => c.book.find('slc4-batch') !== undefined, 'the first record is at the end')
  await a.book.accept(await recordOf(key, { sequence: 2 }))
  await until(() => c.book.find('slc4-batch')?.record.sequence === 2, 'the second record is at the end')
  assert.equal([...a.offences, ...b.offences, ...c.offences], [])
})

test('a new connection exchanges what both sides have, more than one stream of it', async () => {
  const [a, b] = [await newNode(), await newNode()]
  const count = RECORDS_PER_STREAM_MAX + 10
  for (let i = 0; i < count; i++) await a.book.accept(await recordOf(key, { name: `a${i}` }))
  await b.book.accept(await recordOf(key, { name: 'b' }))
  await connect(a.host, b.host)
  await until(() => a.book.list().length === count + 1 && b.book.list().length === count + 1, 'both have all')
})

test('news reaches all workers of a builder, and one that connects later gets it then', async () => {
  const [hub, ...workers] = await Promise.all(Array.from({ length: 5 }, () => newNode()))
  for (const worker of workers) await connect(worker.host, hub!.host)
  await hub!.book.accept(await recordOf(key, { sequence: 1 }))
  const has = (node: Node, sequence: number) => node.book.find('slc4-batch')?.record.sequence === sequence
  await until(() => workers.every((worker) => has(worker, 1)), 'all workers have it')
  for (let sequence = 2; sequence <= 30; sequence++) await hub!.book.accept(await recordOf(key, { sequence }))
  await until(() => workers.every((worker) => has(worker, 30)), 'all workers have the last of many in a row')
  const late = await newNode()
  await connect(late.host, hub!.host)
  await until(() => has(late, 30), 'the late one has it')
  assert.equal(
    [hub!, ...workers, late].flatMap((node) => node.offences),
    [],
  )
})

test('a peer that pushes and does not say that it receives leaves nothing behind, and floods no more than others', async () => {
  const good = await newNode()
  const host = await newHost()
  await host.start()
  try {
    const sender = { host } as Node
    await connect(host, good.host)
    const batch = [...encodeFrames(Array(RECORDS_PER_STREAM_MAX).fill(await recordOf(key)))]
    for (let i = 0; i < 60 && good.offences.length === 0; i++) {
      // A new connection does not refill what it may send.
      if (i === 10) {
        await host.libp2p.hangUp(good.host.libp2p.peerId)
        await connect(host, good.host)
      }
      await send(sender, good, batch)
    }
    await until(() => good.offences.includes('BAD_MESSAGE'), 'the flood is noticed')
  } finally {
    await host.stop()
  }
})

test('a node that was away gets what it missed, and a stale push is answered with the newer record', async () => {
  const [a, b] = [await newNode(), await newNode()]
  await a.book.accept(await recordOf(key, { sequence: 1 }))
  await b.book.accept(await recordOf(key, { sequence: 2 }))
  await connect(a.host, b.host)
  await until(() => a.book.find('slc4-batch')?.record.sequence === 2, 'the newer record won')
  await send(a, b, [...encodeFrames([await recordOf(key, { sequence: 1 })])])
  await until(() => b.host.libp2p.getPeers().length === 1, 'still connected')
  assert.is(b.book.find('slc4-batch')?.record.sequence, 2)
  assert.equal(b.offences, [])
})

test('two records of one sequence do not chase each other', async () => {
  const [a, b] = [await newNode(), await newNode()]
  await a.book.accept(await recordOf(key, { imageBytes: 1 }))
  await b.book.accept(await recordOf(key, { imageBytes: 2 }))
  await connect(a.host, b.host)
  await new Promise((resolve) => setTimeout(resolve, 300))
  assert.is(a.book.find('slc4-batch')?.record.imageBytes, 1)
  assert.is(b.book.find('slc4-batch')?.record.imageBytes, 2)
  assert.equal([...a.offences, ...b.offences], [])
})

test('forged, broken and oversized pushes are offences; what is before them counts', async () => {
  const [bad, good] = [await newNode(), await newNode()]
  await connect(bad.host, good.host)
  const forged = await recordOf(key)
  forged[forged.length - 1]! ^= 1
  await send(bad, good, [...encodeFrames([await recordOf(key, { name: 'before' }), forged])])
  await until(() => good.offences.length === 1, 'the forged record is noticed')
  await send(bad, good, [Uint8Array.of(255, 255)])
  await until(() => good.offences.length === 2, 'the oversized frame is noticed')
  // A peer that was stopped or lost may break off anywhere.
  await send(bad, good, [Uint8Array.of(0, 9, 1)])
  await send(bad, good, [Uint8Array.of(0, 0)])
  await until(() => good.offences.length === 3, 'the empty frame is noticed')
  assert.equal(good.offences, ['BAD_RECORD', 'BAD_MESSAGE', 'BAD_MESSAGE'])
  assert.equal(
    good.book.list().map(({ record }) => record.name),
    ['before'],
  )
})

test('a record of a builder that is not trusted is no offence and does not travel', async () => {
  const stranger = await newKey()
  const strange = peerIdFromPrivateKey(stranger).toString()
  const [a, b, c] = [await newNode([strange, builder]), await newNode(), await newNode([strange, builder])]
  await connect(a.host, b.host)
  await connect(b.host, c.host)
  await a.book.accept(await recordOf(stranger, { name: 'strange' }))
  await a.book.accept(await recordOf(key))
  await until(() => c.book.find('slc4-batch') !== undefined, 'the trusted record is at the end')
  assert.is(c.book.find('strange'), undefined)
  assert.equal([...b.offences, ...c.offences], [])
})

test('a flood is an offence', async () => {
  const [bad, good] = [await newNode(), await newNode()]
  await connect(bad.host, good.host)
  const known = await recordOf(key)
  const batch = [...encodeFrames(Array(RECORDS_PER_STREAM_MAX).fill(known))]
  for (let i = 0; i < 40 && good.offences.length === 0; i++) await send(bad, good, batch)
  await until(() => good.offences.includes('BAD_MESSAGE'), 'the flood is noticed')
})

test.run()

import { deflateRawSync, gzipSync } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cutImage } from '../../../node/cutters/cut.ts'
import { gzipHeaderBytes } from '../../../node/cutters/gzip-header.ts'
import { readGzipMember } from '../../../node/cutters/gzip-member.ts'
import { seededRandom } from '../../../protocols/ports.ts'
import { AUTO, BLOCK_BYTES, KIB, memoryReader, randomBytes, rowLengths, rowStarts } from './helpers.ts'

const LIMITS = { inputBytesMax: 64 * 1024 * KIB, outputBytesMax: 1024 * 1024 * KIB }

/** What a member holds: compressible in part, so that input and output differ in length. */
function content(length: number, seed: number): Uint8Array {
  const bytes = randomBytes(length, seed)
  bytes.fill(97, 0, length >> 1)
  return bytes
}

async function cut(bytes: Uint8Array, blockBytes = BLOCK_BYTES): Promise<{ cutter: string; lengths: number[] }> {
  const cuts = await cutImage(memoryReader(bytes), { cut: 'auto', blockBytes })
  assert.is(cuts.format, 'tar.gz')
  return { cutter: cuts.cutter, lengths: rowLengths(cuts, bytes.length, blockBytes) }
}

test('many members: cut where each begins, and every block from there', async () => {
  const lengths = [0, 1, 100, 4095, 4096, 65536, 200_000, 3_000_000, 1, 700_000, 50]
  const members = lengths.map((length, i) => gzipSync(content(length, i), { level: 1 + (i % 9) }))
  const { cutter, lengths: rows } = await cut(Buffer.concat(members))
  assert.is(cutter, 'gzip-members')
  const expected = members.flatMap((member) => {
    const full = Math.floor(member.length / BLOCK_BYTES)
    const rest = member.length % BLOCK_BYTES
    return [...Array.from({ length: full }, () => BLOCK_BYTES), ...(rest > 0 ? [rest] : [])]
  })
  assert.equal(rows, expected)
})

test('a member that is equal in two archives is equal rows', async () => {
  const same = gzipSync(content(500_000, 1))
  const one = await cut(Buffer.concat([gzipSync(content(10, 2)), same]))
  const other = await cut(Buffer.concat([gzipSync(content(100_000, 3)), same, gzipSync('end')]))
  const rows = one.lengths.slice(1)
  assert.ok(other.lengths.join().includes(rows.join()))
})

test('streams that end next to the edge of what is read at once', async () => {
  // Stored blocks, so that the length of the stream is known: 5 bytes for each of up to 65,535.
  for (const edge of [128 * KIB, 256 * KIB, 512 * KIB]) {
    for (let off = -3; off <= 3; off++) {
      const blocks = Math.ceil(edge / 65540)
      const data = randomBytes(edge + off - 5 * blocks, edge + off)
      const member = gzipSync(data, { level: 0 })
      const stream = member.length - 18
      assert.ok(Math.abs(stream - edge) < 40, `${stream}`)
      const found = await readGzipMember(memoryReader(Buffer.concat([member, member])), 0, LIMITS)
      assert.equal(found, { end: member.length, outputBytes: data.length }, `${edge} ${off}`)
      assert.equal((await readGzipMember(memoryReader(member), 0, LIMITS))?.end, member.length)
    }
  }
})

test('streams whose length is exactly the edge', async () => {
  for (const edge of [128 * KIB, 256 * KIB, 512 * KIB]) {
    for (let length = edge - 60; length < edge; length++) {
      const stream = deflateRawSync(new Uint8Array(randomBytes(length, 5)), { level: 0 })
      if (Math.abs(stream.length - edge) > 1) continue
      const trailer = new Uint8Array(8)
      new DataView(trailer.buffer).setUint32(4, length, true)
      const member = Buffer.concat([Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3), stream, trailer])
      const found = await readGzipMember(memoryReader(Buffer.concat([member, member])), 0, LIMITS)
      assert.equal(found, { end: member.length, outputBytes: length })
    }
  }
})

test('one member is plain data', async () => {
  const bytes = gzipSync(randomBytes(300_000, 1))
  const { cutter, lengths } = await cut(bytes)
  assert.is(cutter, 'gzip-plain')
  assert.is(lengths.length, Math.ceil(bytes.length / BLOCK_BYTES))
})

test('a large foreign file is given up early', async () => {
  const bytes = gzipSync(randomBytes(40 * 1024 * KIB, 1), { level: 1 })
  const reader = memoryReader(bytes)
  assert.is((await cutImage(reader, AUTO)).cutter, 'gzip-plain')
  assert.ok(reader.readBytes < 20 * 1024 * KIB, `${reader.readBytes}`)
})

test('a bomb is given up', async () => {
  const bomb = gzipSync(new Uint8Array(64 * 1024 * KIB))
  const limits = { inputBytesMax: 1024 * KIB, outputBytesMax: 16 * 1024 * KIB }
  assert.is(await readGzipMember(memoryReader(bomb), 0, limits), undefined)
  assert.is((await readGzipMember(memoryReader(bomb), 0, LIMITS))?.end, bomb.length)
})

test('what follows the last sound member is plain data', async () => {
  const members = [content(1000, 1), content(2000, 2)].map((data) => gzipSync(data))
  const garbage = randomBytes(100_000, 3)
  const { cutter, lengths } = await cut(Buffer.concat([...members, garbage]))
  assert.is(cutter, 'gzip-members')
  assert.equal(lengths, [...members.map((member) => member.length), BLOCK_BYTES, 100_000 - BLOCK_BYTES])
})

test('a trailer with another length is no boundary', async () => {
  const member = gzipSync(content(1000, 1))
  member[member.length - 4]! ^= 1
  assert.is(await readGzipMember(memoryReader(member), 0, LIMITS), undefined)
})

test('headers with every field', () => {
  const fixed = (flags: number) => [0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3]
  assert.is(gzipHeaderBytes(Uint8Array.from(fixed(0))), 10)
  assert.is(gzipHeaderBytes(Uint8Array.from([...fixed(0x02), 1, 2])), 12)
  assert.is(gzipHeaderBytes(Uint8Array.from([...fixed(0x04), 3, 0, 9, 9, 9])), 15)
  assert.is(gzipHeaderBytes(Uint8Array.from([...fixed(0x08), 97, 0])), 12)
  assert.is(gzipHeaderBytes(Uint8Array.from([...fixed(0x1e), 1, 0, 9, 97, 0, 98, 99, 0, 1, 2])), 20)
  for (const bad of [
    [],
    fixed(0).slice(0, 9),
    [0x1f, 0x8c, ...fixed(0).slice(2)],
    [0x1f, 0x8b, 7, ...fixed(0).slice(3)],
    fixed(0x20),
    fixed(0x02),
    [...fixed(0x04), 3, 0, 9, 9],
    [...fixed(0x04), 3],
    [...fixed(0x08), 97],
    [...fixed(0x10), 97],
  ]) {
    assert.is(gzipHeaderBytes(Uint8Array.from(bad)), undefined, bad.join())
  }
})

test('property: truncated and damaged', async () => {
  const whole = Buffer.concat(
    [0, 10, 5000, 300_000, 20, 900_000, 70_000].map((length, i) => gzipSync(content(length, i))),
  )
  for (let seed = 1; seed <= 100; seed++) {
    const random = seededRandom(seed)
    const bytes = Uint8Array.from(
      whole.subarray(0, random() < 0.4 ? Math.floor(random() * whole.length) : whole.length),
    )
    for (let i = 0; i < random() * 3; i++) {
      const at = Math.floor(random() * (random() < 0.5 ? 200 : bytes.length))
      if (at < bytes.length && at > 1) bytes[at] = Math.floor(random() * 256)
    }
    if (bytes.length < 2) continue
    try {
      const { lengths } = await cut(bytes, 4096 * (1 + Math.floor(random() * 16)))
      assert.is(rowStarts(lengths).at(-1), bytes.length)
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error })
    }
  }
})

test.run()

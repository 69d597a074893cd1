import { Uint8ArrayList } from 'uint8arraylist'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readMessages } from '../../../protocols/blocks/framing.ts'
import { rejectsCode } from '../../support/failures.ts'
import { integer, randomBytes, withSeeds } from '../../support/seeds.ts'

const MAX = 1000

function framed(bodies: Uint8Array[]): Uint8Array {
  return Buffer.concat(
    bodies.flatMap((body) => {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(body.length)
      return [length, body]
    }),
  )
}

async function* inChunks(bytes: Uint8Array, sizes: () => number): AsyncGenerator<Uint8Array | Uint8ArrayList> {
  let asList = false
  for (let at = 0; at < bytes.length; ) {
    const end = at + sizes()
    const chunk = bytes.slice(at, end)
    asList = !asList
    yield asList ? new Uint8ArrayList(chunk.slice(0, 1), chunk.slice(1)) : chunk
    at = end
  }
}

async function read(
  chunks: AsyncIterable<Uint8Array | Uint8ArrayList>,
): Promise<{ bodies: Uint8Array[]; bytes: number }> {
  const bodies: Uint8Array[] = []
  let bytes = 0
  for await (const body of readMessages(chunks, MAX, (count) => {
    bytes += count
  })) {
    bodies.push(body)
  }
  return { bodies, bytes }
}

test('messages come whole, however their bytes are cut', async () => {
  const pending: Promise<void>[] = []
  withSeeds(60, (random) => {
    const sizes = [0, 1, 3, 4, 5, MAX - 1, MAX]
    const bodies = Array.from({ length: integer(random, 0, 8) }, () =>
      randomBytes(random, random() < 0.5 ? sizes[integer(random, 0, 6)]! : integer(random, 0, 50)),
    )
    const bytes = framed(bodies)
    const most = [1, 3, 7, 100, 5000][integer(random, 0, 4)]!
    pending.push(
      read(inChunks(bytes, () => integer(random, 1, most))).then((result) => {
        assert.equal(result.bodies, bodies)
        assert.is(result.bytes, bytes.length, 'every byte is counted, prefixes included')
      }),
    )
  })
  await Promise.all(pending)
})

test('a message that is longer than a frame comes whole too', async () => {
  const body = Buffer.alloc(3 * 1024 * 1024, 'long')
  const chunks = inChunks(framed([body, Uint8Array.of(1)]), () => 100_000)
  const bodies: Uint8Array[] = []
  for await (const each of readMessages(chunks, body.length)) bodies.push(each)
  assert.is(Buffer.compare(bodies[0]!, body), 0)
  assert.equal([...bodies[1]!], [1])
})

test('a body stays what it was while later ones arrive', async () => {
  const chunk = framed([Uint8Array.of(1, 2), Uint8Array.of(3, 4)])
  async function* reused(): AsyncGenerator<Uint8Array> {
    yield chunk
    chunk.fill(9)
  }
  const { bodies } = await read(reused())
  assert.equal(
    bodies.map((body) => [...body]),
    [
      [1, 2],
      [3, 4],
    ],
  )
})

test('a message that is too long is refused before it arrives', async () => {
  let taken = 0
  async function* endless(): AsyncGenerator<Uint8Array> {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(MAX + 1)
    yield length
    for (;;) {
      taken++
      yield new Uint8Array(100)
    }
  }
  await rejectsCode('BAD_MESSAGE', read(endless()))
  assert.is(taken, 0)
})

test('a stream that ends within a message is a peer that was lost, and no offence', async () => {
  const bytes = framed([Uint8Array.of(1, 2, 3)])
  for (let end = 1; end < bytes.length; end++) {
    await rejectsCode('NO_PEERS', read(inChunks(bytes.slice(0, end), () => 2)))
  }
  assert.equal((await read(inChunks(new Uint8Array(0), () => 1))).bodies, [])
})

test.run()

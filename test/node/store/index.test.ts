import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inlinePool } from '../../../node/pool/pool.ts'
import { BlockRows } from '../../../node/store/block-rows.ts'
import { DiskBlockIndex, type ManagedBlockIndex } from '../../../node/store/blocks.ts'
import { MemoryBlockIndex } from '../../../node/store/memory-index.ts'
import { IMAGE_NUMBER_MAX, KEY_BYTES, PLACES_MAX } from '../../../node/store/place.ts'
import type { Place } from '../../../node/store/store.ts'
import { seededRandom } from '../../../protocols/ports.ts'
import { integer, randomBytes, withSeedsAsync } from '../../support/seeds.ts'
import { withDirectory } from '../../support/temporary.ts'

type State = 'complete' | 'partial' | undefined
type Contract = (index: ManagedBlockIndex, states: Map<number, State>) => Promise<void>

const COMPLETE: State = 'complete'

/** Runs a contract against both indexes, each with its own states of images; unless told otherwise they are complete. */
function both(name: string, contract: Contract): void {
  const stateOf = (states: Map<number, State>) => (image: number) => (states.has(image) ? states.get(image) : COMPLETE)
  test(`in memory: ${name}`, async () => {
    const states = new Map<number, State>()
    await contract(new MemoryBlockIndex(stateOf(states)), states)
  })
  test(`on disk: ${name}`, () =>
    withDirectory(async (path) => {
      const states = new Map<number, State>()
      const rows = new BlockRows(join(path, 'blocks.db'))
      try {
        await contract(new DiskBlockIndex(rows, stateOf(states)), states)
      } finally {
        await rows.close()
      }
    }))
}

function hash(seed: number): Uint8Array {
  return randomBytes(seededRandom(seed), 32)
}

function together(...hashes: Uint8Array[]): Uint8Array {
  return Buffer.concat(hashes)
}

const [A, B, C] = [hash(1), hash(2), hash(3)] as const

both('what was added is found, with its offset, and nothing else', async (index) => {
  const offsets = Float64Array.of(0, 2 ** 46 - 1)
  await index.add(1, offsets, together(A, B))
  assert.equal(index.find(together(A, C, B)), [
    [{ image: 1, offset: 0 }],
    [],
    [{ image: 1, offset: 2 ** 46 - 1 }],
  ] satisfies Place[][])
  assert.equal(index.has(together(A, C, B)), Uint8Array.of(1, 0, 1))
  assert.equal(index.hasPrefix(together(...[A, C, B].map((each) => each.subarray(0, 8)))), Uint8Array.of(1, 0, 1))
  assert.is(index.size, 2)
  assert.equal(index.find(new Uint8Array(0)), [])
  assert.equal(index.has(new Uint8Array(0)), new Uint8Array(0))
})

both('of many hashes at once each is found as it is by itself', async (index) => {
  const hashes = Array.from({ length: 3000 }, (_, i) => hash(1000 + i))
  const [written, pending, taken] = [hashes.slice(0, 1000), hashes.slice(500, 2000), hashes.slice(900, 1100)]
  await index.add(
    1,
    Float64Array.from(written, (_, i) => i),
    together(...written),
  )
  // What waits is written with it.
  await index.dropImage(9, [hashes[0]!])
  await index.add(
    2,
    Float64Array.from(pending, (_, i) => i),
    together(...pending),
  )
  await index.dropImage(1, [together(...taken)])
  await index.add(3, Float64Array.of(7), hashes[950]!)
  const wanted = [...hashes, ...hashes.slice(990, 1010), hashes[0]!]
  assert.equal(
    index.find(together(...wanted)),
    wanted.map((each) => index.find(each)[0]),
  )
  assert.equal(
    index.has(together(...wanted)),
    Uint8Array.from(wanted, (each) => index.has(each)[0]!),
  )
  assert.is(
    index.has(together(...hashes)).reduce((sum, has) => sum + has, 0),
    2000,
  )
})

both('the last image number and offsets at their bounds come back unharmed', async (index) => {
  const offsets = [1, 2 ** 24 - 1, 2 ** 24, 2 ** 32 - 1, 2 ** 32, 64 * 1024 ** 4]
  const hashes = offsets.map((_, i) => hash(100 + i))
  await index.add(IMAGE_NUMBER_MAX, Float64Array.from(offsets), together(...hashes))
  assert.equal(
    index.find(together(...hashes)),
    offsets.map((offset) => [{ image: IMAGE_NUMBER_MAX, offset }]),
  )
})

both('of a block that lies twice in an image the first place is noted', async (index) => {
  await index.add(1, Float64Array.of(8, 16), together(A, A))
  await index.add(1, Float64Array.of(24), A)
  assert.equal(index.find(A), [[{ image: 1, offset: 8 }]])
})

both('complete images come first, at most as many as asked for', async (index, states) => {
  for (let image = 1; image <= 6; image++) {
    states.set(image, image % 2 === 0 ? 'complete' : 'partial')
    await index.add(image, Float64Array.of(image), A)
  }
  const numbers = (most?: number) => index.find(A, most)[0]!.map(({ image }) => image)
  assert.equal(numbers(), [2, 4, 6, 1])
  assert.equal(numbers(2), [2, 4])
  assert.equal(numbers(64), [2, 4, 6, 1, 3, 5])
  states.set(1, 'complete')
  assert.equal(numbers(3), [1, 2, 4], 'a state counts as it is now')
})

both('images that are gone are not told of, though places speak of them', async (index, states) => {
  await index.add(1, Float64Array.of(0, 0), together(A, B))
  await index.add(2, Float64Array.of(7), B)
  states.set(1, undefined)
  assert.equal(index.find(together(A, B)), [[], [{ image: 2, offset: 7 }]])
  assert.equal(index.has(together(A, B)), Uint8Array.of(0, 1))
})

both('blocks that come after their image was removed are not noted for good', async (index, states) => {
  states.set(1, undefined)
  await index.add(1, Float64Array.of(0), A)
  assert.is(index.size, 0)
  assert.equal(index.sampled(0), [])
})

both('a dropped place is gone, others of the block stay', async (index) => {
  await index.add(1, Float64Array.of(5), A)
  await index.add(2, Float64Array.of(6), A)
  await index.drop(A, { image: 1, offset: 4 })
  await index.drop(B, { image: 1, offset: 5 })
  assert.is(index.find(A)[0]!.length, 2, 'another offset, another block')
  await index.drop(A, { image: 1, offset: 5 })
  assert.equal(index.find(A), [[{ image: 2, offset: 6 }]])
  await index.drop(A, { image: 2, offset: 6 })
  assert.is(index.size, 0)
  assert.equal(index.hasPrefix(A.subarray(0, 8)), Uint8Array.of(0))
})

for (const scan of [false, true]) {
  both(
    `an image is forgotten ${scan ? 'by looking through the index' : 'by its hashes'}, others stay`,
    async (index) => {
      const hashes = Array.from({ length: 100 }, (_, i) => hash(i))
      const offsets = Float64Array.from(hashes, (_, i) => i)
      await index.add(1, offsets, together(...hashes))
      await index.add(2, offsets.subarray(50), together(...hashes.slice(50)))
      const portions = [together(...hashes.slice(0, 30)), new Uint8Array(0), together(...hashes.slice(30), C)]
      await index.dropImage(1, scan ? undefined : portions)
      const places = index.find(together(...hashes))
      assert.equal(places.slice(0, 50), Array(50).fill([]))
      assert.equal(
        places.slice(50),
        hashes.slice(50).map((_, i) => [{ image: 2, offset: 50 + i }]),
      )
      assert.is(index.size, 50)
      await index.dropImage(2, scan ? undefined : [together(...hashes, A)])
      assert.is(index.size, 0)
    },
  )
}

both('a scan goes through more rows than one slice has, and forgets each', async (index) => {
  const count = 9000
  const hashes = randomBytes(seededRandom(7), count * 32)
  await index.add(1, new Float64Array(count), hashes)
  await index.add(2, new Float64Array(1), hashes.subarray(0, 32))
  await index.dropImage(1)
  assert.is(index.size, 1)
  assert.equal(index.find(hashes.subarray(0, 32)), [[{ image: 2, offset: 0 }]])
})

both('more rows than wait in memory are all there, while they are written and after', async (index) => {
  const count = 70_000
  const hashes = randomBytes(seededRandom(8), count * 32)
  const portions = Array.from({ length: 10 }, (_, i) => hashes.subarray(i * 7000 * 32, (i + 1) * 7000 * 32))
  const adds = portions.map((portion, i) => index.add(1 + (i % 2), new Float64Array(7000), portion))
  assert.is(index.has(hashes.subarray(0, 3200)).indexOf(0), -1)
  await Promise.all(adds)
  assert.is(index.size, count)
  assert.is(index.has(hashes).indexOf(0), -1)
  await index.dropImage(
    2,
    portions.filter((_, i) => i % 2 === 1),
  )
  assert.is(index.size, count / 2)
  assert.is(index.sampled(0).length, count / 2)
})

both('blocks with the same first bytes share an entry and lose nothing', async (index) => {
  const twin = Uint8Array.from(A)
  twin[KEY_BYTES] = A[KEY_BYTES]! ^ 1
  const near = Uint8Array.from(A)
  near[KEY_BYTES - 1] = A[KEY_BYTES - 1]! ^ 1
  await index.add(1, Float64Array.of(1), A)
  await index.add(2, Float64Array.of(2), twin)
  await index.add(3, Float64Array.of(3), near)
  assert.is(index.size, 2)
  const places = [
    { image: 1, offset: 1 },
    { image: 2, offset: 2 },
  ]
  assert.equal(index.find(together(A, twin, near)), [places, places, [{ image: 3, offset: 3 }]])
  await index.drop(twin, { image: 2, offset: 2 })
  assert.equal(index.find(A), [[{ image: 1, offset: 1 }]])
  await index.drop(A, { image: 1, offset: 1 })
  assert.equal(index.hasPrefix(A.subarray(0, 8)), Uint8Array.of(1), 'the near one still has the prefix')
})

both('a block that lies in very many images is noted for PLACES_MAX of them', async (index) => {
  for (let image = 1; image <= PLACES_MAX + 2; image++) await index.add(image, Float64Array.of(image), A)
  const images = () => index.find(A, 1000)[0]!.map(({ image }) => image)
  assert.equal(
    images(),
    Array.from({ length: PLACES_MAX }, (_, i) => i + 1),
  )
  await index.drop(A, { image: 3, offset: 3 })
  await index.add(PLACES_MAX + 2, Float64Array.of(9), A)
  assert.is(images().length, PLACES_MAX)
  assert.is(images().at(-1), PLACES_MAX + 2)
})

both('a sample has the keys whose first bits are zero, in order', async (index) => {
  const heads = [0x00, 0x01, 0x07, 0x08, 0x0f, 0x10, 0x80, 0xff]
  const hashes = heads.map((head) => Uint8Array.from(hash(head), (byte, at) => (at === 0 ? head : byte)))
  const zeros = new Uint8Array(32)
  await index.add(1, new Float64Array(9), together(...[...hashes].reverse(), zeros))
  const keys = [zeros, ...hashes].map((each) => Buffer.from(each.subarray(0, KEY_BYTES)).toString('hex'))
  keys.sort()
  const sampled = (bits: number) => index.sampled(bits).map((key) => Buffer.from(key).toString('hex'))
  assert.equal(sampled(0), keys)
  assert.equal(sampled(1), keys.slice(0, 7))
  assert.equal(sampled(3), keys.slice(0, 7).slice(0, 1 + heads.filter((head) => head < 0x20).length))
  assert.equal(sampled(4), keys.slice(0, 6))
  assert.equal(sampled(5), keys.slice(0, 4))
  assert.equal(sampled(7), keys.slice(0, 3))
  assert.equal(sampled(8), keys.slice(0, 2))
  assert.equal(sampled(96), keys.slice(0, 1))
})

both('many writers at once: each row is there, none undoes another', async (index) => {
  const hashes = Array.from({ length: 40 }, (_, i) => hash(i))
  const writes = Array.from({ length: 30 }, (_, i) =>
    index.add(
      i + 1,
      Float64Array.from(hashes, (_, at) => at),
      together(...hashes),
    ),
  )
  await Promise.all([...writes, index.dropImage(5, [together(...hashes)])])
  for (const places of index.find(together(...hashes), 64)) {
    assert.equal(
      places.map(({ image }) => image),
      Array.from({ length: 30 }, (_, i) => i + 1).filter((image) => image !== 5),
    )
  }
})

both('any series of changes gives what a plain list of places gives', (index, states) =>
  withSeedsAsync(1, async (random) => {
    const hashes = Array.from({ length: 12 }, () => randomBytes(random, 32))
    const model = hashes.map((): Place[] => [])
    for (let change = 0; change < 150; change++) {
      const image = integer(random, 1, 5)
      const at = integer(random, 0, hashes.length - 1)
      const kind = random()
      if (kind < 0.6) {
        const offset = integer(random, 0, 3)
        await index.add(image, Float64Array.of(offset), hashes[at]!)
        if (!model[at]!.some((place) => place.image === image)) model[at]!.push({ image, offset })
      } else if (kind < 0.85) {
        const offset = integer(random, 0, 3)
        await index.drop(hashes[at]!, { image, offset })
        model[at] = model[at]!.filter((place) => place.image !== image || place.offset !== offset)
      } else {
        await index.dropImage(image, random() < 0.5 ? undefined : hashes)
        for (let i = 0; i < model.length; i++) model[i] = model[i]!.filter((place) => place.image !== image)
      }
    }
    states.set(2, 'partial').set(3, undefined)
    const expected = model.map((places) =>
      [...places.filter(({ image }) => ![2, 3].includes(image)), ...places.filter(({ image }) => image === 2)].slice(
        0,
        4,
      ),
    )
    assert.equal(index.find(together(...hashes)), expected)
    assert.is(index.size, model.filter((places) => places.length > 0).length)
  }),
)

test('the log is taken over by whoever is told to, and changes wait for that', () =>
  withDirectory(async (path) => {
    const file = join(path, 'blocks.db')
    const pool = inlinePool()
    const begun: number[] = []
    const rows = new BlockRows(file, async () => {
      begun.push((await stat(file)).size)
      await pool.run<'checkpoint'>({ kind: 'checkpoint', path: file })
    })
    try {
      const index = new DiskBlockIndex(rows, () => COMPLETE)
      const count = 20_000
      const hashes = Buffer.concat(Array.from({ length: count }, (_, i) => hash(i)))
      await index.add(
        1,
        Float64Array.from({ length: count }, (_, i) => i),
        hashes,
      )
      await index.flush()
      // A change begins when the log has been taken over.
      await rows.begin()
      rows.commit(rows.entries)
      assert.ok(begun.length > 0)
      assert.ok((await stat(file)).size > begun[0]!, 'the database has grown')
      assert.is(index.find(hashes).filter(([place]) => place !== undefined).length, count)
    } finally {
      await rows.close()
    }
  }))

test('a log that cannot be taken over now stays until the next time', () =>
  withDirectory(async (path) => {
    const rows = new BlockRows(join(path, 'blocks.db'), () => Promise.reject(new Error('busy')))
    const index = new DiskBlockIndex(rows, () => COMPLETE)
    const hashes = Buffer.concat(Array.from({ length: 20_000 }, (_, i) => hash(i)))
    await index.add(1, new Float64Array(20_000), hashes)
    await index.flush()
    await index.add(2, Float64Array.of(0), A)
    await index.flush()
    assert.ok(index.find(A)[0]!.some(({ image }) => image === 2))
    await rows.close()
  }))

test.run()

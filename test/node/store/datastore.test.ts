import { Key } from 'interface-datastore'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Store } from '../../../node/store/store.ts'
import { withStore } from '../../support/stores.ts'
import { withDirectory } from '../../support/temporary.ts'

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text))
}

async function all<T>(items: AsyncIterable<T> | Iterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

async function fill(store: Store, ...names: string[]): Promise<void> {
  for (const name of names) await store.datastore.put(new Key(name), bytes(name))
}

test('what is put is got, had and deleted, and outlives a restart', () =>
  withDirectory(async (home) => {
    const key = new Key('/peers/a')
    await withStore(home, {}, async ({ datastore }) => {
      assert.is(await datastore.has(key), false)
      assert.equal(await datastore.put(key, bytes('one')), key)
      await datastore.put(key, bytes('two'))
      assert.is(await datastore.has(key), true)
    })
    await withStore(home, {}, async ({ datastore }) => {
      assert.equal(await datastore.get(key), bytes('two'))
      await datastore.delete(key)
      await datastore.delete(key)
      assert.is(await datastore.has(key), false)
      try {
        await datastore.get(key)
        assert.unreachable()
      } catch (error) {
        assert.is((error as Error).name, 'NotFoundError')
      }
    })
  }))

test('a query gives the pairs with a prefix, in order, filtered and bounded', () =>
  withDirectory((home) =>
    withStore(home, {}, async (store) => {
      await fill(store, '/dht/b', '/dht/a', '/dht/c', '/dhu', '/peers/z', '/dht')
      const { datastore } = store
      const pairs = await all(datastore.query({ prefix: '/dht/' }))
      assert.equal(
        pairs.map(({ key, value }) => [key.toString(), value]),
        ['/dht/a', '/dht/b', '/dht/c'].map((name) => [name, bytes(name)]),
      )
      assert.is((await all(datastore.query({}))).length, 6)
      assert.equal((await all(datastore.queryKeys({ prefix: '/none' }))).length, 0)
      const keys = await all(
        datastore.queryKeys({ prefix: '/dht/', offset: 1, limit: 1, filters: [(key) => key.toString() !== '/dht/b'] }),
      )
      assert.equal(keys.map(String), ['/dht/c'])
      const last = await all(
        datastore.query({ prefix: '/dht/', orders: [(a, b) => (a.key.toString() < b.key.toString() ? 1 : -1)] }),
      )
      assert.is(last[0]!.key.toString(), '/dht/c')
    }),
  ))

test('a query goes on past one slice of rows, while rows that it has given are deleted', () =>
  withDirectory((home) =>
    withStore(home, {}, async ({ datastore }) => {
      const batch = datastore.batch()
      for (let i = 0; i < 700; i++) batch.put(new Key(`/many/${1000 + i}`), bytes(`${i}`))
      await batch.commit()
      const seen: string[] = []
      for await (const { key, value } of datastore.query({ prefix: '/many/' })) {
        seen.push(Buffer.from(value).toString())
        await datastore.delete(key)
      }
      assert.equal(
        seen,
        Array.from({ length: 700 }, (_, i) => `${i}`),
      )
      assert.equal(await all(datastore.queryKeys({})), [])
    }),
  ))

test('a batch does nothing before it is committed, and everything once then', () =>
  withDirectory((home) =>
    withStore(home, {}, async (store) => {
      await fill(store, '/old')
      const { datastore } = store
      const batch = datastore.batch()
      batch.put(new Key('/new'), bytes('1'))
      batch.delete(new Key('/old'))
      assert.is(await datastore.has(new Key('/new')), false)
      await batch.commit()
      assert.equal((await all(datastore.queryKeys({}))).map(String), ['/new'])
      await datastore.put(new Key('/new'), bytes('2'))
      await batch.commit()
      assert.equal(await datastore.get(new Key('/new')), bytes('2'), 'a second commit does not repeat the first')
    }),
  ))

test('many at once: putMany, getMany, deleteMany', () =>
  withDirectory((home) =>
    withStore(home, {}, async ({ datastore }) => {
      const pairs = ['/a', '/b', '/c'].map((name) => ({ key: new Key(name), value: bytes(name) }))
      const keys = pairs.map(({ key }) => key)
      assert.is((await all(datastore.putMany(pairs))).length, 3)
      assert.equal(
        (await all(datastore.getMany(keys))).map(({ value }) => value),
        pairs.map(({ value }) => value),
      )
      await all(datastore.deleteMany(keys.slice(0, 2)))
      assert.equal((await all(datastore.queryKeys({}))).map(String), ['/c'])
    }),
  ))

test("hotblock's own rows and libp2p's do not meet", () =>
  withDirectory((home) =>
    withStore(home, {}, async (store) => {
      await store.put('/x', bytes('own'))
      await fill(store, '/x')
      await store.datastore.delete(new Key('/x'))
      assert.equal(store.get('/x'), bytes('own'))
    }),
  ))

test.run()

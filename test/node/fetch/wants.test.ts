import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { WANTS_MAX, Wants } from '../../../node/fetch/wants.ts'
import type { Store } from '../../../node/store/store.ts'
import { HotblockError } from '../../../protocols/errors.ts'
import type { Priority } from '../../../protocols/orders/priority.ts'
import { silentLog } from '../../../protocols/ports.ts'
import { rejectsCode } from '../../support/failures.ts'
import { until } from '../../support/hosts.ts'
import { memoryRows } from '../../support/records.ts'

/** Wants over rows in memory, and the images that can be had. */
class Bench {
  readonly rows = new Map<string, Uint8Array>()
  readonly known = new Set<string>()
  readonly tried: string[] = []
  /** What the last one is wanted for. */
  priority: (() => Priority) | undefined
  active = 0
  most = 0
  gate: Promise<void> = Promise.resolve()

  wants(): Wants {
    const rows = memoryRows(this.rows)
    const store = {
      ...rows,
      delete: async (key: string) => {
        this.rows.delete(key)
      },
    } as unknown as Store
    return new Wants({ store, log: silentLog, get: (name, signal, priority) => this.#get(name, signal, priority) })
  }

  async #get(name: string, signal: AbortSignal, priority: () => Priority): Promise<void> {
    this.tried.push(name)
    this.priority = priority
    this.most = Math.max(this.most, ++this.active)
    try {
      await Promise.race([this.gate, new Promise((_, reject) => signal.addEventListener('abort', reject))])
      if (!this.known.has(name)) throw new HotblockError('NOT_FOUND', `no image of that name: ${name}`)
    } finally {
      this.active--
    }
  }
}

test('a name that can be had is fetched, and wanted no more', async () => {
  const bench = new Bench()
  bench.known.add('a')
  const wants = bench.wants()
  wants.start()
  await wants.add(['a'])
  await until(() => wants.names.length === 0, 'a')
  assert.equal(bench.tried, ['a'])
  assert.is(bench.rows.size, 0)
  await wants.close()
})

test('a name that nobody knows is waited for, and fetched when its record comes', async () => {
  const bench = new Bench()
  const wants = bench.wants()
  wants.start()
  await wants.add(['later'])
  await until(() => bench.tried.length === 1 && bench.active === 0, 'the first try')
  assert.equal(wants.names, ['later'])
  bench.known.add('later')
  wants.nudge('other')
  wants.nudge('later')
  await until(() => wants.names.length === 0, 'later')
  assert.equal(bench.tried, ['later', 'later'])
  await wants.close()
})

test('what is wanted is remembered over a restart', async () => {
  const bench = new Bench()
  const first = bench.wants()
  first.start()
  await first.add(['a', 'b'])
  await first.close()
  bench.known.add('a').add('b')
  const second = bench.wants()
  second.start()
  await until(() => second.names.length === 0 && bench.rows.size === 0, 'both')
  await second.close()
})

test('few are fetched at a time, and all in the end', async () => {
  const bench = new Bench()
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  for (const name of names) bench.known.add(name)
  const gate = Promise.withResolvers<void>()
  bench.gate = gate.promise
  const wants = bench.wants()
  wants.start()
  await wants.add(names)
  await until(() => bench.active > 0, 'the first')
  gate.resolve()
  await until(() => wants.names.length === 0, 'all')
  assert.is(bench.most, 2)
  await wants.close()
})

test('a name that is no longer wanted is forgotten, over a restart too', async () => {
  const bench = new Bench()
  const wants = bench.wants()
  await wants.add(['a'])
  await wants.remove('a')
  assert.equal([wants.names, bench.rows.size], [[], 0])
  await wants.close()
})

test('names that are remembered are bounded, and too many change nothing', async () => {
  const bench = new Bench()
  bench.gate = new Promise(() => {})
  const wants = bench.wants()
  const names = Array.from({ length: WANTS_MAX }, (_, i) => `n${i}`)
  await wants.add(names)
  await rejectsCode('NO_SPACE', wants.add(['one-more']))
  await wants.add(['n1', 'n2'])
  assert.is(wants.names.length, WANTS_MAX)
  await wants.close()
})

test('a node that stops ends what is under way and still wants it the next time', async () => {
  const bench = new Bench()
  bench.gate = new Promise(() => {})
  const wants = bench.wants()
  wants.start()
  await wants.add(['a'])
  await until(() => bench.active === 1, 'the fetch')
  await wants.close()
  assert.is(bench.active, 0)
  assert.is(bench.rows.size, 1)
})

test('however often and for whatever an image is asked for, it is wanted once, as urgently as anybody said', async () => {
  const bench = new Bench()
  bench.gate = new Promise(() => {})
  const wants = bench.wants()
  wants.start()
  await wants.add(['a'], { priority: 'reseed', forJob: true })
  await until(() => bench.active === 1, 'the fetch')
  assert.is(bench.priority?.(), 'reseed')
  for (let job = 0; job < 1000; job++) await wants.add(['a'], { priority: 'seed', forJob: true })
  await wants.add(['a'], { priority: 'allocated', forJob: true })
  await wants.add(['a'], { priority: 'seed', forJob: true })
  assert.is(bench.priority?.(), 'allocated')
  assert.equal([bench.tried, wants.names, bench.rows.size], [['a'], ['a'], 1])
  await wants.close()
  const again = bench.wants()
  again.start()
  assert.is(again.priorityOf('a'), 'allocated')
  await again.close()
})

test('what jobs want makes room for more, what was asked for by hand does not', async () => {
  const bench = new Bench()
  const wants = bench.wants()
  await wants.add(['mine'])
  for (let at = 0; at < WANTS_MAX; at += 64) {
    const names = Array.from({ length: 64 }, (_, i) => `n${at + i}`)
    await wants.add(at + 64 >= WANTS_MAX ? names.slice(1) : names, { forJob: true })
  }
  assert.is(wants.names.length, WANTS_MAX)
  await until(() => bench.active === 0, 'all were tried')
  await wants.add(['late-1', 'late-2'], { forJob: true })
  assert.is(wants.names.length, WANTS_MAX)
  assert.ok(['mine', 'late-1', 'late-2'].every((name) => wants.names.includes(name)))
  assert.is(bench.rows.size, WANTS_MAX)
  await wants.close()
})

test('rows of earlier versions, and rows that are damaged, are wants all the same', async () => {
  const bench = new Bench()
  bench.rows.set('want/old', new Uint8Array(0))
  bench.rows.set('want/odd', Buffer.from('{"priority":"never","until":"x"}'))
  bench.rows.set('want/over', Buffer.from(`{"priority":"seed","until":${Date.now() - 1}}`))
  const wants = bench.wants()
  wants.start()
  await until(() => bench.rows.size === 2, 'what is over is forgotten')
  assert.equal([wants.priorityOf('old'), wants.priorityOf('odd')], ['allocated', 'allocated'])
  assert.not(bench.tried.includes('over'))
  await wants.close()
})

test.run()

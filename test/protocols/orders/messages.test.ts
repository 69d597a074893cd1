import * as cbor from '@ipld/dag-cbor'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  NAMES_PER_ORDER_MAX,
  ORDER_BYTES_MAX,
  ORDERS_BURST_MAX,
  ORDERS_PER_SECOND_MAX,
} from '../../../protocols/orders/constants.ts'
import { OrderGate } from '../../../protocols/orders/handler.ts'
import { isJob } from '../../../protocols/orders/job.ts'
import {
  decodeOrder,
  decodeResult,
  encodeOrder,
  encodeResult,
  ORDER_PRIORITIES,
  ORDER_RESULTS,
  type Order,
} from '../../../protocols/orders/messages.ts'
import { silentLog } from '../../../protocols/ports.ts'
import { rejectsCode, throwsCode } from '../../support/failures.ts'
import { integer, withSeeds } from '../../support/seeds.ts'

const PEER = '12D3KooWSdeE2QRm257HTPdV5kDu3wG73qj5G3v7cKZC2EiJ1iLs'
const ORDER: Order = { priority: 'allocated', job: '12_3', names: ['base', `web@${PEER}`] }

test('orders and results come out as they went in', () => {
  for (const priority of ORDER_PRIORITIES) {
    for (const job of ['', '12', '12[3].server.org', 'schedd@host#12.0#17000']) {
      const order = { ...ORDER, priority, job }
      assert.equal(decodeOrder(encodeOrder(order)), order)
    }
  }
  for (const result of ORDER_RESULTS) assert.is(decodeResult(encodeResult(result)), result)
})

test('the largest order fits into a message', () => {
  const name = `${'n'.repeat(128)}@${'1'.repeat(128)}`
  const names = Array.from({ length: NAMES_PER_ORDER_MAX }, () => name)
  assert.ok(encodeOrder({ priority: 'reseed', job: 'j'.repeat(128), names }).length <= ORDER_BYTES_MAX)
})

test('names of jobs', () => {
  for (const job of ['1', '12[3]', 'a.b', 'x#1', '0'.repeat(128)]) assert.ok(isJob(job), job)
  for (const job of ['', ' 1', '-1', '1 2', '1\n', '$(id)', '../1', 'é', '1'.repeat(129), 12, null]) {
    assert.not(isJob(job), String(job))
  }
})

test('what is no order is BAD_MESSAGE', () => {
  const wrong = [
    [],
    ['allocated', '1'],
    ['allocated', '1', []],
    ['allocated', '1', ['a'], 1],
    ['job', '1', ['a']],
    ['allocated', '$(id)', ['a']],
    ['allocated', 1, ['a']],
    ['allocated', '1', 'a'],
    ['allocated', '1', [1]],
    ['allocated', '1', ['../a']],
    ['allocated', '1', ['']],
    ['allocated', '1', Array.from({ length: NAMES_PER_ORDER_MAX + 1 }, () => 'a')],
    { priority: 'allocated' },
    null,
  ]
  for (const value of wrong) throwsCode('BAD_MESSAGE', () => decodeOrder(cbor.encode(value)))
  for (const value of [[], ['maybe'], [1], 'taken']) throwsCode('BAD_MESSAGE', () => decodeResult(cbor.encode(value)))
  withSeeds(500, (random) => {
    const bytes = encodeOrder(ORDER)
    for (let i = integer(random, 1, 4); i > 0; i--)
      bytes[integer(random, 0, bytes.length - 1)] = integer(random, 0, 255)
    const cut = bytes.subarray(0, integer(random, 0, bytes.length))
    for (const each of [bytes, cut]) {
      try {
        const { names } = decodeOrder(each)
        assert.ok(names.every((name) => /^[A-Za-z0-9][A-Za-z0-9._+-]*(@[1-9A-HJ-NP-Za-km-z]+)?$/.test(name)))
      } catch (error) {
        assert.is((error as { code?: string }).code, 'BAD_MESSAGE', String(error))
      }
    }
  })
})

test('who is none of the schedulers orders nothing, and fills no log', async () => {
  const said: object[] = []
  const log = { ...silentLog, warn: (data: object) => void said.push(data) }
  let taken = 0
  const clock = { now: () => 0 }
  const take = async (): Promise<void> => void taken++
  const gate = new OrderGate({ schedulers: new Set(['s']), take, onOffence: () => {}, clock, log })
  for (let i = 0; i < 10; i++) assert.is(await gate.answer('other', encodeOrder(ORDER)), 'untrusted')
  assert.is(await gate.answer('other', new Uint8Array(3)), 'untrusted')
  assert.is(await gate.answer('s', encodeOrder(ORDER)), 'taken')
  await rejectsCode('BAD_MESSAGE', gate.answer('s', new Uint8Array(3)))
  assert.equal([taken, said.length], [1, 1])
})

test('a scheduler orders so much in a second, and is told when it is too much', async () => {
  let now = 0
  const take = async (): Promise<void> => {}
  const init = { schedulers: new Set(['s', 't']), take, onOffence: () => {}, log: silentLog, clock: { now: () => now } }
  const gate = new OrderGate(init)
  const count = async (peer: string, tries: number): Promise<number> => {
    let taken = 0
    for (let i = 0; i < tries; i++) if ((await gate.answer(peer, encodeOrder(ORDER))) === 'taken') taken++
    return taken
  }
  assert.is(await count('s', ORDERS_BURST_MAX + 50), ORDERS_BURST_MAX)
  assert.is(await count('t', 1), 1)
  now = 2000
  assert.is(await count('s', 1000), 2 * ORDERS_PER_SECOND_MAX)
})

test('an order that cannot be remembered is answered as failed', async () => {
  const take = async (): Promise<void> => {
    throw new Error('full')
  }
  const clock = { now: () => 0 }
  const gate = new OrderGate({ schedulers: new Set(['s']), take, onOffence: () => {}, clock, log: silentLog })
  assert.is(await gate.answer('s', encodeOrder(ORDER)), 'failed')
})

test.run()

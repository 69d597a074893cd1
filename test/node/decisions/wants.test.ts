import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DownloadRates } from '../../../node/decisions/rates.ts'
import { chooseWants, standsBack, UNDER_WAY_MS, WORKING_ALL_MAX, WORKING_MAX } from '../../../node/decisions/wants.ts'
import { moreUrgent, PRIORITIES, type Priority, rank } from '../../../protocols/orders/priority.ts'
import { integer, withSeeds } from '../../support/seeds.ts'

const want = (name: string, priority: Priority) => ({ name, priority })

test('the order of urgency', () => {
  assert.equal(
    [...PRIORITIES].sort((a, b) => rank(b) - rank(a)),
    ['job', 'allocated', 'seed', 'reseed'],
  )
  assert.is(moreUrgent('seed', 'allocated'), 'allocated')
  assert.is(moreUrgent('job', 'reseed'), 'job')
})

test('what is most urgent begins first, and of equal urgency what came first', () => {
  const waiting = [want('r', 'reseed'), want('s', 'seed'), want('a1', 'allocated'), want('a2', 'allocated')]
  assert.equal(chooseWants(waiting, []), ['a1', 'a2'])
  assert.equal(chooseWants(waiting.slice(0, 2), []), ['s', 'r'])
})

test('what is more urgent begins though less urgent work fills the places, up to a bound', () => {
  assert.equal(chooseWants([want('a', 'allocated')], ['seed', 'seed']), ['a'])
  assert.equal(chooseWants([want('s', 'seed')], ['seed', 'seed']), [])
  assert.equal(chooseWants([want('s', 'seed')], ['allocated', 'allocated']), [])
  assert.equal(chooseWants([want('s', 'seed')], ['allocated', 'reseed']), ['s'])
  const full: Priority[] = ['reseed', 'reseed', 'seed', 'seed']
  assert.is(full.length, WORKING_ALL_MAX)
  assert.equal(chooseWants([want('a', 'allocated')], full), [])
})

test('places hold, and who does not begin knows why, whatever is wanted', () => {
  withSeeds(200, (random) => {
    const any = (): Priority => PRIORITIES[integer(random, 0, PRIORITIES.length - 1)]!
    const waiting = Array.from({ length: integer(random, 0, 12) }, (_, i) => want(`${i}`, any()))
    const before = Array.from({ length: integer(random, 0, WORKING_ALL_MAX) }, any)
    const begun = new Set(chooseWants(waiting, before))
    const working = [...before, ...waiting.filter(({ name }) => begun.has(name)).map(({ priority }) => priority)]
    assert.ok(working.length <= WORKING_ALL_MAX)
    for (const { name, priority } of waiting) {
      if (begun.has(name)) continue
      const asUrgent = working.filter((other) => rank(other) >= rank(priority)).length
      assert.ok(asUrgent >= WORKING_MAX || working.length === WORKING_ALL_MAX)
    }
  })
})

test('a fetch stands back for a more urgent one that is under way, and for no other', () => {
  const now = 10_000
  const moving = (priority: Priority) => ({ priority, movedAt: now - 1 })
  assert.ok(standsBack('seed', [moving('allocated')], now))
  assert.ok(standsBack('allocated', [moving('job')], now))
  assert.not(standsBack('allocated', [moving('allocated'), moving('seed')], now))
  assert.not(standsBack('job', [moving('job')], now))
  assert.not(standsBack('seed', [{ priority: 'job', movedAt: now - UNDER_WAY_MS }], now))
  assert.not(standsBack('seed', [], now))
})

test('the limit of a prefetch is shared by all of them, and lifted when a job waits', () => {
  const rates = new DownloadRates(1000, 100)
  let priority: Priority = 'allocated'
  const one = rates.of(
    () => priority,
    () => false,
  )
  const two = rates.of(
    () => 'seed',
    () => false,
  )
  assert.is(one.waitMs(0), 0)
  one.spend(0, 300)
  assert.ok(one.waitMs(0) > 1900)
  assert.ok(two.waitMs(0) > 1900)
  priority = 'job'
  assert.is(one.waitMs(0), 0)
  one.spend(0, 1700)
  assert.ok(one.waitMs(0) > 900 && one.waitMs(0) < 1100, 'the limit of all holds')
  assert.ok(two.waitMs(1001) > 900, 'and that of the others has not changed')
})

test('a fetch that stands back asks for nothing until it does no more', () => {
  let back = true
  const limiter = new DownloadRates().of(
    () => 'seed',
    () => back,
  )
  assert.ok(limiter.waitMs(0) > 0)
  back = false
  assert.is(limiter.waitMs(0), 0)
})

test.run()

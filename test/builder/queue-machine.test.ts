/** The queue's decisions: properties over random histories, and the cases that matter by name. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Build, hasEnded, isRunning, isWaiting } from '../../builder/queue/build.ts'
import { type BuildEvent, type QueueLimits, shared, step, turn } from '../../builder/queue/machine.ts'
import type { HotblockError } from '../../protocols/errors.ts'
import type { Random } from '../../protocols/ports.ts'
import { throwsCode } from '../support/failures.ts'
import { withSeeds } from '../support/seeds.ts'

const LIMITS: QueueLimits = { parallel: 2, waitingMax: 3, attemptsMax: 2, floorBytes: 1000 }
const ERROR = { code: 'NO_SPACE', message: 'the disk is full' }

function build(id: number, more: Partial<Build> = {}): Build {
  return {
    id,
    key: `k${id}`,
    name: `n${id}`,
    state: 'queued',
    cancelling: false,
    attempts: 0,
    requests: 1,
    by: { who: 'a', via: 'api' },
    config: { class: 'c', arch: 'a', fileType: '.tar', appliance: '', groups: [], packages: [], boot: 'none' },
    queuedAt: 0,
    stages: [],
    ...more,
  }
}

function events(at: number): BuildEvent[] {
  return [
    { kind: 'start', at },
    { kind: 'publish', at, stages: [] },
    { kind: 'ready', at },
    { kind: 'fail', at, error: ERROR },
    { kind: 'cancel', at },
    { kind: 'share', at },
    { kind: 'stop', at },
    { kind: 'restart', at },
  ]
}

test('whatever happens to a build, it ends at most once and is begun at most as often as allowed', () => {
  withSeeds(500, (random) => {
    let now = build(1)
    for (let at = 1; at <= 40; at++) {
      const event = pick(random, events(at))
      // Only the queue starts builds, and only those that may: a crash between attempts counts each.
      const before = now
      try {
        now = step(before, event, LIMITS)
      } catch (error) {
        assert.is((error as HotblockError).code, 'BUILD_OVER')
        continue
      }
      assert.not.ok(hasEnded(before), `${event.kind} moved ${before.state} to ${now.state}`)
      assert.is(now.endedAt !== undefined, hasEnded(now))
      assert.is(now.state === 'failed' || now.state === 'cancelled', now.error !== undefined)
      if (event.kind === 'restart') assert.not.ok(isRunning(now))
      if (now.cancelling) assert.is(now.state, 'building')
      if (isWaiting(now)) assert.not.ok(now.cancelling)
      assert.is(now.requests, before.requests + (event.kind === 'share' ? 1 : 0))
    }
  })
})

test('turns keep all limits, leave nobody out and never run one key twice', () => {
  withSeeds(500, (random) => {
    const builds = Array.from({ length: Math.floor(random() * 12) }, (_, i) =>
      build(i + 1, {
        key: `k${Math.floor(random() * 5)}`,
        state: pick(random, ['queued', 'building', 'publishing', 'ready', 'failed', 'interrupted']),
      }),
    ).filter((each, i, all) => !isRunning(each) || !all.slice(0, i).some((b) => isRunning(b) && b.key === each.key))
    const limits = { ...LIMITS, parallel: 1 + Math.floor(random() * 4) }
    const free = random() < 0.2 ? 999 : 1000
    const { start, waitsFor } = turn(builds, limits, free)
    const running = builds.filter(isRunning)
    const waiting = builds.filter(isWaiting)
    assert.ok(start.every(isWaiting))
    assert.ok(start.length + running.length <= Math.max(limits.parallel, running.length))
    const keys = [...start, ...running].map(({ key }) => key)
    assert.is(new Set(keys).size, keys.length)
    if (free < limits.floorBytes) assert.is(start.length, 0)
    else if (running.length < limits.parallel && start.length === 0) {
      assert.ok(
        waiting.every(({ key }) => keys.includes(key)),
        `somebody waits for nothing`,
      )
    }
    // First come, first served: who is passed over has a key that runs.
    for (const each of waiting) {
      if (start.includes(each) || start.every(({ id }) => id < each.id)) continue
      assert.ok(keys.includes(each.key))
    }
    assert.is(waitsFor !== undefined, start.length < waiting.length)
  })
})

test('equal requests share a build that has not ended; others are refused when too many wait', () => {
  const waiting = [build(1), build(2), build(3, { state: 'interrupted' })]
  assert.is(shared(waiting, 'k2', LIMITS)?.id, 2)
  throwsCode('QUEUE_FULL', () => shared(waiting, 'k9', LIMITS))
  assert.is(shared([build(1, { state: 'ready' })], 'k1', LIMITS), undefined)
  assert.is(shared([build(1, { state: 'building', cancelling: true })], 'k1', LIMITS), undefined)
  const running = [build(1, { state: 'building' }), build(2, { state: 'publishing' }), build(3)]
  assert.is(shared(running, 'k9', LIMITS), undefined, 'those that run do not wait')
})

test('a restart lets a build run again, but not for ever', () => {
  const started = step(build(1), { kind: 'start', at: 5 }, LIMITS)
  assert.is(started.attempts, 1)
  const interrupted = step(started, { kind: 'restart', at: 6 }, LIMITS)
  assert.is(interrupted.state, 'interrupted')
  const again = step(interrupted, { kind: 'start', at: 7 }, LIMITS)
  const givenUp = step(again, { kind: 'restart', at: 8 }, LIMITS)
  assert.is(givenUp.state, 'failed')
  assert.is(givenUp.error?.code, 'INTERRUPTED')
})

test('a farm that stops in good order takes no attempt from its builds', () => {
  const started = step(build(1), { kind: 'start', at: 5 }, LIMITS)
  const stopped = step(started, { kind: 'stop', at: 6 }, LIMITS)
  assert.equal([stopped.state, stopped.attempts], ['interrupted', 0])
})

test('a cancelled build ends as cancelled, whatever its maker says, and over a restart', () => {
  const cancelling = step(step(build(1), { kind: 'start', at: 1 }, LIMITS), { kind: 'cancel', at: 2 }, LIMITS)
  assert.equal([cancelling.state, cancelling.cancelling], ['building', true])
  for (const event of [
    { kind: 'fail', at: 3, error: ERROR },
    { kind: 'restart', at: 3 },
    { kind: 'stop', at: 3 },
  ] as const) {
    const ended = step(cancelling, event, LIMITS)
    assert.equal([ended.state, ended.error?.code], ['cancelled', 'CANCELLED'])
  }
  assert.is(step(build(1), { kind: 'cancel', at: 2 }, LIMITS).state, 'cancelled')
})

test('what is being published cannot be cancelled', () => {
  throwsCode('BUILD_OVER', () => step(build(1, { state: 'publishing' }), { kind: 'cancel', at: 2 }, LIMITS))
  throwsCode('BUILD_OVER', () => step(build(1, { state: 'ready' }), { kind: 'cancel', at: 2 }, LIMITS))
})

function pick<T>(random: Random, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)]!
}

test.run()

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  FRAMES_ACTIVE_MAX,
  FRAMES_MAKING_MAX,
  FRAMES_PER_SERVED,
  LATE_MS,
  QUEUE_MAX,
  SERVED_FIRST,
  SERVED_MAX,
  SESSION_FRAMES_ACTIVE_MAX,
  SESSION_QUEUE_MAX,
  SESSIONS_MAX,
  ServeMachine,
  SLOW_MS,
  STUCK_MS,
  type Start,
} from '../../../node/decisions/serve.ts'
import { integer, withSeeds } from '../../support/seeds.ts'

/** A machine that has sent so many frames that it serves as many sessions as it may, unless `isNew`. */
function withSessions(count: number, requests: number, rate?: number, isNew = false): ServeMachine {
  const machine = new ServeMachine(rate)
  for (let frame = 0; !isNew && frame < SERVED_MAX * FRAMES_PER_SERVED; frame++) {
    if (frame === 0) machine.open('before')
    machine.request(0, 'before', frame, frame)
    complete(machine, machine.next(0), 0)
  }
  machine.closed('before')
  for (let s = 0; s < count; s++) {
    assert.ok(machine.open(`s${s}`))
    for (let r = 0; r < requests; r++) assert.ok(machine.request(0, `s${s}`, r, 1000 * (s + 1) + r))
  }
  return machine
}

function complete(machine: ServeMachine, starts: Start[], bytes = 1): void {
  for (const { session, request } of starts) {
    machine.made(0, session, request, bytes)
    machine.finished(0, session, request)
  }
}

test('who waits can expect an answer, unless a frame has been in the making for too long', () => {
  const machine = withSessions(2, 1)
  assert.ok(machine.isWorking(0), 'nothing was begun yet')
  const starts = machine.next(0)
  assert.is(starts.length, 2)
  assert.ok(machine.isWorking(STUCK_MS - 1))
  assert.not.ok(machine.isWorking(STUCK_MS))
  machine.made(STUCK_MS, 's0', 0, 1)
  assert.not.ok(machine.isWorking(STUCK_MS), 'the other one is still in the making')
  machine.closed('s1')
  assert.not.ok(machine.isWorking(STUCK_MS), 'also when nobody waits for it any more')
  machine.made(STUCK_MS, 's1', 0, 1)
  assert.ok(machine.isWorking(STUCK_MS), 'on its way it may take as long as the link needs')
})

test('sessions take turns of a few frames, whoever asked first', () => {
  const machine = withSessions(3, 4)
  const first = machine.next(0)
  assert.equal(
    first.map(({ session, request }) => `${session}/${request}`),
    ['s0/0', 's0/1', 's1/0', 's1/1', 's2/0', 's2/1', 's0/2', 's0/3'],
  )
  complete(machine, first)
  assert.equal(
    machine.next(0).map(({ session, request }) => `${session}/${request}`),
    ['s1/2', 's1/3', 's2/2', 's2/3'],
  )
})

test('what was sent least goes first: all ask for a new frame and for one that many have', () => {
  const [common, rare] = [7_000, 8_000]
  const machine = withSessions(6, 0)
  for (let s = 0; s < 3; s++) machine.request(0, `s${s}`, 1, common)
  complete(machine, machine.next(0))
  for (let s = 0; s < 4; s++) machine.request(0, `s${s}`, 2, common)
  for (let s = 0; s < 4; s++) machine.request(0, `s${s}`, 3, rare)
  assert.equal(
    machine
      .next(0)
      .slice(0, 3)
      .map(({ request }) => request),
    [3, 3, 3],
  )
})

test('who asks for what goes out often has it all the same, after a while', () => {
  const machine = withSessions(2, 0)
  const common = 7_000
  for (let i = 0; i < 9; i++) {
    machine.request(0, 's0', i, common)
    complete(machine, machine.next(0))
  }
  machine.request(0, 's0', 100, common)
  let now = 0
  let answered: number | undefined
  // All the time somebody else asks for something new.
  for (let request = 0; answered === undefined && now < 10 * LATE_MS; request++) {
    now += 10
    for (let i = 0; i < 8; i++) machine.request(now, 's1', 1000 + 8 * request + i, 1000 + 8 * request + i)
    const starts = machine.next(now)
    if (starts.some(({ session }) => session === 's0')) answered = now
    for (const { session, request } of starts.slice(0, 1)) machine.finished(now, session, request)
  }
  assert.ok(answered !== undefined && answered <= LATE_MS + 100, `after ${answered} ms`)
})

test('at first few sessions are served side by side, and more and more of them', () => {
  const machine = withSessions(32, 32, undefined, true)
  const seen: number[] = []
  for (let round = 0; round < 30; round++) {
    const starts = machine.next(0)
    seen.push(new Set(starts.map(({ session }) => session)).size)
    complete(machine, starts)
  }
  assert.is(seen[0], SERVED_FIRST)
  assert.ok(seen.at(-1)! > SERVED_FIRST)
})

test('frames in the making are bounded, for one session and for all', () => {
  assert.is(withSessions(1, 32).next(0).length, SESSION_FRAMES_ACTIVE_MAX)
  const machine = withSessions(8, 32)
  assert.is(machine.next(0).length, FRAMES_MAKING_MAX)
  assert.equal(machine.next(0), [])
})

test('peers that do not read their frames do not keep the node from serving others', () => {
  const machine = withSessions(4, 32)
  // Two of them never take what was made for them.
  let served = 0
  for (let round = 0; round < 20; round++) {
    for (const { session, request } of machine.next(0)) {
      machine.made(0, session, request, 1)
      if (session === 's0' || session === 's1') continue
      machine.finished(0, session, request)
      served++
    }
  }
  assert.is(served, 64)
  assert.is(machine.active, 2 * SESSION_FRAMES_ACTIVE_MAX)
})

test('what is made and not taken is bounded too', () => {
  const sessions = FRAMES_ACTIVE_MAX / SESSION_FRAMES_ACTIVE_MAX + 4
  const machine = withSessions(sessions, 8)
  for (let round = 0; round < 100; round++) {
    for (const { session, request } of machine.next(round * SLOW_MS)) machine.made(0, session, request, 1)
  }
  assert.is(machine.active, FRAMES_ACTIVE_MAX)
})

test('over a slow uplink no more sessions are served at a time than over a fast one', () => {
  const machine = withSessions(2 * SERVED_MAX, 6)
  const underWay: Start[] = []
  for (let now = 0; machine.queued > 0; now += 1000) {
    // Frames take long, but all of them do.
    for (const { session, request } of underWay.splice(0)) machine.finished(now, session, request)
    for (let starts = machine.next(now); starts.length > 0; starts = machine.next(now)) {
      for (const { session, request } of starts) machine.made(now, session, request, 1)
      underWay.push(...starts)
    }
    assert.ok(new Set(underWay.map(({ session }) => session)).size <= SERVED_MAX)
    machine.next(now + 900)
    assert.ok(machine.active <= underWay.length, 'nobody is added because all are slow')
  }
})

test('who is slow where others are not takes no place', () => {
  const machine = withSessions(SERVED_MAX, 1)
  for (let starts = machine.next(0); starts.length > 0; starts = machine.next(0)) {
    for (const { session, request } of starts) machine.made(0, session, request, 1)
  }
  machine.open('late')
  machine.request(0, 'late', 0, 1)
  assert.equal(machine.next(SLOW_MS), [])
  assert.equal(machine.next(SLOW_MS + 1), [{ session: 'late', request: 0 }])
})

test('a session that ends frees its place only when what was started for it is done', () => {
  const machine = withSessions(2, 8)
  const starts = machine.next(0)
  machine.closed('s0')
  machine.closed('s1')
  assert.is(machine.queued, 0)
  assert.is(machine.making, FRAMES_MAKING_MAX)
  machine.open('s2')
  machine.request(0, 's2', 0, 2)
  assert.equal(machine.next(0), [], 'opening sessions anew does not get more made at a time')
  complete(machine, starts)
  assert.is(machine.active, 0)
  assert.is(machine.next(0).length, 1)
})

test('queues are bounded and a full one says so', () => {
  const machine = withSessions(1, SESSION_QUEUE_MAX)
  assert.not(machine.request(0, 's0', 99, 1))
  const crowded = withSessions(QUEUE_MAX / SESSION_QUEUE_MAX, SESSION_QUEUE_MAX)
  crowded.open('late')
  assert.not(crowded.request(0, 'late', 0, 1))
})

test('sessions are bounded and a place is free again when one ends', () => {
  const machine = withSessions(SESSIONS_MAX, 0)
  assert.not(machine.open('late'))
  machine.closed('s7')
  assert.ok(machine.open('late'))
})

test('what nobody waits for is refused while others wait, and taken when none do', () => {
  const machine = withSessions(1, SESSION_QUEUE_MAX)
  machine.open('low')
  assert.not(machine.request(0, 'low', 1, 1, true))
  for (let left = SESSION_QUEUE_MAX; left > 0; ) {
    const starts = machine.next(0)
    left -= starts.length
    complete(machine, starts)
  }
  assert.ok(machine.request(0, 'low', 1, 1, true))
  assert.equal(machine.next(0), [{ session: 'low', request: 1 }])
})

test('what waits low lets go first what is not, of the same session and of others', () => {
  const machine = withSessions(0, 0)
  for (const session of ['a', 'b']) machine.open(session)
  for (const request of [1, 2]) assert.ok(machine.request(0, 'a', request, request, true))
  assert.ok(machine.request(0, 'a', 3, 3))
  assert.ok(machine.request(0, 'b', 4, 4))
  assert.equal(
    machine.next(0).map(({ request }) => request),
    [3, 4, 1, 2],
  )
})

test('a limit for what nobody waits for holds, and does not touch the rest', () => {
  const machine = new ServeMachine(Number.POSITIVE_INFINITY, 1000)
  for (const session of ['low', 'high']) machine.open(session)
  let low = 0
  let high = 0
  for (let now = 0; now < 10_000; now += 10) {
    machine.request(now, 'low', now, now, true)
    machine.request(now, 'high', now, now)
    for (const { session, request } of machine.next(now)) {
      if (session === 'low') low++
      else high++
      machine.made(now, session, request, 500)
      machine.finished(now, session, request)
    }
    // What came before it is through: the low one may come in the next round.
    if (machine.request(now, 'low', now + 1, now + 1, true)) {
      for (const { session, request } of machine.next(now)) {
        low++
        machine.made(now, session, request, 500)
        machine.finished(now, session, request)
      }
    }
  }
  assert.is(high, 1000)
  // A second's worth at once, then 1000 bytes a second: two frames.
  assert.ok(low >= 18 && low <= 24, `${low}`)
})

test('a request of a session that is not open is refused', () => {
  assert.not(new ServeMachine().request(0, 'nobody', 1, 1))
})

test('what still waits can be cancelled, what was started cannot', () => {
  const machine = withSessions(1, 6)
  machine.next(0)
  assert.not(machine.cancel('s0', 0))
  assert.ok(machine.cancel('s0', 5))
  assert.not(machine.cancel('s0', 5))
  assert.is(machine.queued, 1)
})

test('an upload limit delays, says how long, and is kept', () => {
  const rate = 1_000_000
  const machine = withSessions(4, 30, rate)
  let now = 0
  let sent = 0
  for (let i = 0; i < 1000 && machine.queued > 0; i++) {
    for (const { session, request } of machine.next(now)) {
      machine.made(now, session, request, 200_000)
      machine.finished(now, session, request)
      sent += 200_000
    }
    // One second's worth at once, and the frames that were begun with the last of it.
    assert.ok(sent <= rate * (now / 1000 + 1) + FRAMES_MAKING_MAX * 200_000, `${sent} bytes at ${now} ms`)
    const wake = machine.wakeMs(now)
    if (machine.queued > 0) assert.ok(wake !== undefined && wake > 0, 'says when to come back')
    now += wake ?? 0
  }
  assert.is(machine.queued, 0)
  assert.is(machine.wakeMs(now), undefined)
})

test('whatever happens, the bounds hold and nothing is lost or leaked', () => {
  withSeeds(100, (random) => {
    const machine = new ServeMachine(random() < 0.5 ? 5000 : undefined)
    const open = new Set<string>()
    const started: { session: string; request: number; made: boolean }[] = []
    let waiting = 0
    let names = 0
    let now = 0
    for (let i = 0; i < 400; i++) {
      now += integer(random, 0, 50)
      const sessions = [...open]
      const session = sessions[integer(random, 0, sessions.length - 1)]
      const dice = random()
      if (dice < 0.1 || session === undefined) {
        const name = `s${names++}`
        if (machine.open(name)) open.add(name)
      } else if (dice < 0.15) {
        machine.closed(session)
        open.delete(session)
      } else if (dice < 0.6) {
        machine.request(now, session, i, integer(random, 0, 5), random() < 0.3)
      } else if (dice < 0.65) {
        machine.cancel(session, integer(random, 0, i))
      } else if (started.length > 0) {
        const at = integer(random, 0, started.length - 1)
        const one = started[at]!
        if (!one.made && random() < 0.8) {
          machine.made(now, one.session, one.request, integer(random, 0, 500))
          one.made = true
        } else {
          machine.finished(now, one.session, one.request)
          started.splice(at, 1)
        }
      }
      for (const start of machine.next(now)) {
        assert.ok(open.has(start.session), 'nothing is started for a session that has ended')
        started.push({ ...start, made: false })
      }
      waiting = machine.queued
      assert.is(machine.active, started.length)
      assert.is(machine.making, started.filter(({ made }) => !made).length)
      assert.ok(machine.making <= FRAMES_MAKING_MAX && machine.active <= FRAMES_ACTIVE_MAX && waiting <= QUEUE_MAX)
    }
    for (const { session, request } of started) machine.finished(now, session, request)
    for (const session of open) machine.closed(session)
    assert.equal([machine.active, machine.making, machine.queued, machine.sessions], [0, 0, 0, 0])
  })
})

test.run()

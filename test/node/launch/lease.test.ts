/** Leases against a daemon that does what each test says. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { HeldImage, HoldOptions, HoldProgress } from '../../../node/api.ts'
import { type Holder, takeLease } from '../../../node/launch/lease.ts'
import { HotblockError } from '../../../protocols/errors.ts'
import { rejectsCode } from '../../support/failures.ts'
import { FETCH_PROGRESS } from '../../support/fake-api.ts'

const IMAGE: HeldImage = { name: 'a', root: 'bafyroot', path: '/i/a', format: 'raw', imageBytes: 9 }
const never = new AbortController().signal

type Call = { name: string; options: HoldOptions; signal: AbortSignal }

/** Each call does the next of the steps; the last step is done again and again. */
function daemon(...steps: ((progress: (p: HoldProgress) => void, signal: AbortSignal) => Promise<never>)[]) {
  const calls: Call[] = []
  const holder: Holder = {
    hold(name, options, progress, signal) {
      calls.push({ name, options, signal })
      return steps[Math.min(calls.length, steps.length) - 1]!(progress, signal)
    },
  }
  return { holder, calls }
}

const ended = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    const end = () => reject(new HotblockError('CANCELLED', 'over'))
    if (signal.aborted) end()
    signal.addEventListener('abort', end)
  })

const holds = (progress: (p: HoldProgress) => void, signal: AbortSignal): Promise<never> => {
  progress({ fetch: FETCH_PROGRESS })
  progress({ held: IMAGE })
  return ended(signal)
}
const fails = (code: 'NOT_FOUND' | 'NO_SPACE' | 'NO_DAEMON') => () => Promise.reject(new HotblockError(code, code))

test('it is taken when the daemon says that the image is held, and ends the call', async () => {
  const { holder, calls } = daemon(holds)
  const seen: unknown[] = []
  const lease = await takeLease(holder, 'a', { signal: never, progress: (p) => seen.push(p) })
  assert.equal(lease.image, IMAGE)
  assert.equal(seen, [FETCH_PROGRESS])
  assert.not.ok(calls[0]!.signal.aborted)
  lease.end()
  assert.ok(calls[0]!.signal.aborted)
})

test("what the daemon fails with is what it fails with; the time is the daemon's to watch", async () => {
  for (const code of ['NOT_FOUND', 'NO_SPACE'] as const) {
    const { holder, calls } = daemon(fails(code))
    await rejectsCode(code, takeLease(holder, 'a', { signal: never, timeoutSeconds: 7 }))
    assert.equal(
      calls.map(({ options }) => options),
      [{ timeoutSeconds: 7 }],
    )
  }
})

test('a user who stops the waiting ends it; a lease that was taken goes on', async () => {
  const user = new AbortController()
  const { holder, calls } = daemon((_progress, signal) => ended(signal))
  const waiting = takeLease(holder, 'a', { signal: user.signal })
  setTimeout(() => user.abort(), 20)
  await rejectsCode('CANCELLED', waiting)
  assert.ok(calls[0]!.signal.aborted)

  const later = new AbortController()
  const taken = daemon(holds)
  const lease = await takeLease(taken.holder, 'a', { signal: later.signal })
  later.abort()
  assert.not.ok(taken.calls[0]!.signal.aborted)
  lease.end()

  const before = AbortSignal.abort()
  await rejectsCode(
    'CANCELLED',
    takeLease(daemon((_progress, signal) => ended(signal)).holder, 'a', { signal: before }),
  )
})

test('a daemon that was started anew is asked for the same image again, and nothing else', async () => {
  let cut: () => void = () => {}
  const { holder, calls } = daemon(
    (progress) =>
      new Promise((_resolve, reject) => {
        progress({ held: IMAGE })
        cut = () => reject(new HotblockError('NO_DAEMON', 'gone'))
      }),
    fails('NO_DAEMON'),
    holds,
  )
  const lease = await takeLease(holder, 'a', { signal: never, timeoutSeconds: 5 })
  cut()
  for (let i = 0; i < 600 && calls.length < 3; i++) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.equal(
    calls.slice(1).map(({ name, options }) => ({ name, options })),
    [
      { name: 'a', options: { root: IMAGE.root } },
      { name: 'a', options: { root: IMAGE.root } },
    ],
  )
  lease.end()
  assert.ok(calls[2]!.signal.aborted)
})

test.run()

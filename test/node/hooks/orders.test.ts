/** Telling hosts: in what order, how many at a time, and what is said of those that cannot be told. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Multiaddr } from '@multiformats/multiaddr'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Places, readPlaces } from '../../../node/orders/places.ts'
import {
  type OrderRequest,
  OrderSender,
  type OrderSenderInit,
  PENDING_HOSTS_MAX,
  REPORTS_MAX,
  TELLING_MAX,
  UNREACHED_MS,
} from '../../../node/orders/sender.ts'
import { silentLog } from '../../../protocols/ports.ts'
import { rejectsCode, throwsCode } from '../../support/failures.ts'
import { until } from '../../support/hosts.ts'
import { withDirectory } from '../../support/temporary.ts'

const REQUEST: OrderRequest = { scheduler: 'slurm', job: '1', names: ['a'], priority: 'allocated', hosts: ['n1'] }
const hosts = (count: number): string[] => Array.from({ length: count }, (_, i) => `n${i}`)
const hostOf = (address: Multiaddr): string => address.getComponents()[0]?.value ?? ''

function senderOf(send: OrderSenderInit['send'], more: Partial<OrderSenderInit> = {}): OrderSender {
  const clock = { now: () => performance.now() }
  return new OrderSender({
    send,
    own: async () => {},
    places: new Places({ port: 7411 }),
    clock,
    log: silentLog,
    ...more,
  })
}

test('each host is told once, few at a time, and the report says how it went', async () => {
  let telling = 0
  let most = 0
  const told: string[] = []
  const sender = senderOf(async (address) => {
    most = Math.max(most, ++telling)
    await new Promise((resolve) => setTimeout(resolve, 1))
    telling--
    const host = hostOf(address)
    told.push(host)
    if (host.endsWith('7')) throw new Error('connect ECONNREFUSED')
    return host.endsWith('3') ? 'untrusted' : 'taken'
  })
  const { done } = await sender.tell({ ...REQUEST, hosts: hosts(500) })
  assert.is(sender.reports[0]!.pending, 500)
  const report = await done
  assert.equal(told.sort(), hosts(500).sort())
  assert.is(most, TELLING_MAX)
  assert.equal([report.taken, report.refused, report.unreachable, report.pending], [400, 50, 50, 0])
  assert.ok(report.failures.length > 0 && report.failures.length < 50)
  assert.equal(sender.sent, { taken: 400, refused: 50, unreachable: 50 })
  assert.is(sender.pending, 0)
})

test('a small order does not wait for the end of a large one', async () => {
  const told: string[] = []
  const sender = senderOf(async (address) => {
    await new Promise((resolve) => setTimeout(resolve, 2))
    told.push(hostOf(address))
    return 'taken'
  })
  const large = await sender.tell({ ...REQUEST, hosts: hosts(1000) })
  const small = await sender.tell({ ...REQUEST, hosts: ['m1', 'm2'] })
  await small.done
  assert.ok(told.length < 150, `${told.length}`)
  await sender.close()
  void large
})

test('a thousand jobs for one image on the same nodes tell each of them once', async () => {
  let told = 0
  const sender = senderOf(async () => {
    told++
    return 'taken'
  })
  await (await sender.tell({ ...REQUEST, hosts: hosts(4) })).done
  for (let job = 0; job < 1000; job++) {
    const report = await (await sender.tell({ ...REQUEST, job: `${job}`, hosts: hosts(4) })).done
    assert.is(report.taken, 4)
  }
  assert.is(told, 4)
  await (await sender.tell({ ...REQUEST, names: ['b'], hosts: hosts(4) })).done
  assert.is(told, 8)
  assert.is(sender.reports.length, REPORTS_MAX)
})

test('a host that could not be reached is left alone for a while', async () => {
  let tried = 0
  let now = 0
  const send = async (): Promise<'taken'> => {
    tried++
    throw new Error('connect ETIMEDOUT')
  }
  const sender = senderOf(send, { clock: { now: () => now } })
  for (let i = 0; i < 10; i++) assert.is((await (await sender.tell(REQUEST)).done).unreachable, 1)
  assert.is(tried, 1)
  now = UNREACHED_MS
  await (await sender.tell(REQUEST)).done
  assert.is(tried, 2)
})

test('a host that was slow is told last, once more', async () => {
  const tried: string[] = []
  const sender = senderOf(async (address, _order, signal) => {
    const host = hostOf(address)
    tried.push(host)
    if (host === 'n0' || (host === 'n1' && tried.indexOf(host) === tried.length - 1)) {
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    }
    return 'taken'
  })
  // Nothing else keeps the process while a host is slow: timers of signals do not.
  const awake = setInterval(() => {}, 1000)
  const report = await (await sender.tell({ ...REQUEST, hosts: hosts(200) })).done
  clearInterval(awake)
  assert.equal(tried.slice(200).sort(), ['n0', 'n1'])
  assert.equal([report.taken, report.unreachable, report.pending], [199, 1, 0])
  assert.equal(
    report.failures.map(({ host }) => host),
    ['n0'],
  )
})

test('an address that turns out to be its own is an order to itself', async () => {
  const own: unknown[] = []
  const error = new AggregateError([new Error('Can not dial self')], 'all dials failed')
  const sender = senderOf(async () => Promise.reject(error), { own: async (order) => void own.push(order) })
  const report = await (await sender.tell(REQUEST)).done
  assert.is(report.taken, 1)
  assert.equal(own, [{ priority: 'allocated', job: '1', names: ['a'] }])
})

test('hosts that are still to be told are bounded', async () => {
  const sender = senderOf(() => new Promise(() => {}))
  for (let i = 0; i < PENDING_HOSTS_MAX / 10_000; i++) await sender.tell({ ...REQUEST, hosts: hosts(10_000) })
  await rejectsCode('BUSY', sender.tell(REQUEST))
  await sender.close()
})

test('nodes are at their names and the port of all, unless a file says else', () =>
  withDirectory(async (directory) => {
    const file = join(directory, 'nodes')
    await writeFile(file, '# nodes\nn1 localhost:7501\n\nn2   127.0.0.1:7502 # second\nn3 [::1]:7503\n')
    const places = new Places({ port: 7411, file })
    const at = async (host: string): Promise<string> => String((await places.load())(host))
    assert.is(await at('n1'), '/dns4/localhost/tcp/7501')
    assert.is(await at('n2'), '/ip4/127.0.0.1/tcp/7502')
    assert.is(await at('n3'), '/ip6/::1/tcp/7503')
    assert.is(await at('n4'), '/dns4/n4/tcp/7411')
    assert.is(await at('10.0.0.9'), '/ip4/10.0.0.9/tcp/7411')
    await writeFile(file, 'n4 other:7504')
    await until(async () => (await at('n4')) === '/dns4/other/tcp/7504', 'the file is read again')
    assert.is(await at('n1'), '/dns4/n1/tcp/7411')
    await rejectsCode('NO_SUCH_FILE', new Places({ port: 1, file: `${file}-absent` }).load().catch(asFailure))
  }))

test('a file of nodes that is wrong names its line', () => {
  for (const line of ['n1', 'n1 host', 'n1 host:0', 'n1 host:70000', 'n1 a:1 b', '$(id) a:1', 'n1 a/b:1', 'n1 [x]:1']) {
    assert.match(throwsCode('BAD_CONFIG', () => readPlaces(`ok a:1\n${line}`, 'nodes')).message, /line 2/)
  }
})

async function asFailure(error: unknown): Promise<never> {
  const { asHotblockError } = await import('../../../protocols/errors.ts')
  throw asHotblockError(error)
}

test.run()

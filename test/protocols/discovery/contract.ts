/** What every implementation of Discovery holds to. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { KEY_BYTES_MAX, KEY_BYTES_MIN, PROVIDERS_PER_KEY_MAX } from '../../../protocols/discovery/constants.ts'
import type { Discovery, Found } from '../../../protocols/discovery/discovery.ts'
import { rejectsCode } from '../../support/failures.ts'

export interface Member {
  readonly discovery: Discovery
  readonly peer: string
}

/** @param network makes a network of so many members that can find each other, and ends it */
export function testDiscovery(
  name: string,
  members: number,
  network: { start(members: number): Promise<Member[]>; stop(): Promise<void> },
): void {
  const contract = (what: string, run: (members: Member[]) => Promise<void>): void => {
    test(`${name}: ${what}`, async () => {
      try {
        await run(await network.start(members))
      } finally {
        await network.stop()
      }
    })
  }

  contract('what some advertise the others find, for each key in the order of the keys', async ([a, b, c]) => {
    const [shared, own, hook] = [key(1), key(2), key(3, KEY_BYTES_MIN)]
    await Promise.all([a!.discovery.advertise([shared, own, hook]), b!.discovery.advertise([shared])])
    const found = await c!.discovery.find([hook, key(9), shared, own, shared])
    assert.equal(
      found.map((one) => [...one.key]),
      [hook, key(9), shared, own, shared].map((one) => [...one]),
    )
    assert.equal(who(found), [[a!.peer], [], [a!.peer, b!.peer].sort(), [a!.peer], [a!.peer, b!.peer].sort()])
    for (const { providers } of found) {
      for (const { peer, addresses } of providers) {
        assert.ok(addresses.length > 0)
        for (const address of addresses) assert.ok(address.endsWith(`/p2p/${peer}`), address)
      }
    }
    assert.equal(await c!.discovery.find([]), [])
  })

  contract('nobody finds itself', async ([a, b]) => {
    await Promise.all([a!.discovery.advertise([key(1)]), b!.discovery.advertise([key(1)])])
    assert.equal(who(await a!.discovery.find([key(1)])), [[b!.peer]])
    assert.equal(who(await b!.discovery.find([key(1)])), [[a!.peer]])
  })

  contract('what is withdrawn is not found any more, the rest is, and it can be advertised again', async ([a, b]) => {
    await a!.discovery.advertise([key(1), key(2)])
    await a!.discovery.withdraw([key(1), key(7)])
    assert.equal(who(await b!.discovery.find([key(1), key(2)])), [[], [a!.peer]])
    await a!.discovery.advertise([key(1), key(2)])
    assert.equal(who(await b!.discovery.find([key(1), key(2)])), [[a!.peer], [a!.peer]])
  })

  contract('close withdraws everything, once, and what comes after it is refused', async ([a, b]) => {
    await a!.discovery.advertise([key(1), key(2)])
    await a!.discovery.close()
    await a!.discovery.close()
    assert.equal(who(await b!.discovery.find([key(1), key(2)])), [[], []])
    await rejectsCode('CANCELLED', a!.discovery.advertise([key(1)]))
    await rejectsCode('CANCELLED', a!.discovery.find([key(1)]))
  })

  contract('a limit holds for each key', async (all) => {
    const [last, ...providers] = all.toReversed()
    await Promise.all(providers.map(({ discovery }) => discovery.advertise([key(1)])))
    for (const limit of [1, 2, PROVIDERS_PER_KEY_MAX, 1e6, undefined]) {
      const [found] = await last!.discovery.find([key(1)], { limit })
      assert.is(found!.providers.length, Math.min(limit ?? PROVIDERS_PER_KEY_MAX, providers.length))
    }
    const [least] = await last!.discovery.find([key(1)], { limit: 0 })
    assert.is(least!.providers.length, 1)
  })

  contract('keys out of bounds and a stopped search are refused', async ([a]) => {
    for (const length of [0, KEY_BYTES_MIN - 1, KEY_BYTES_MAX + 1]) {
      await rejectsCode('USAGE', a!.discovery.advertise([key(1), key(1, length)]))
      await rejectsCode('USAGE', a!.discovery.find([key(1, length)]))
      await rejectsCode('USAGE', a!.discovery.withdraw([key(1, length)]))
    }
    await rejectsCode('CANCELLED', a!.discovery.find([key(1)], { signal: AbortSignal.abort() }))
  })
}

export function key(fill: number, length = 32): Uint8Array {
  return new Uint8Array(length).fill(fill)
}

/** For each key the peers that were found, sorted. */
export function who(found: readonly Found[]): string[][] {
  return found.map(({ providers }) => providers.map(({ peer }) => peer).sort())
}

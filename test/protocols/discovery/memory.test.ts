import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { PROVIDER_TTL_MS, RENEW_MS } from '../../../protocols/discovery/constants.ts'
import type { Discovery } from '../../../protocols/discovery/discovery.ts'
import { MemoryNetwork } from '../../../protocols/discovery/memory.ts'
import { seededRandom } from '../../../protocols/ports.ts'
import { key, testDiscovery, who } from './contract.ts'

function join(network: MemoryNetwork, peer: string): { discovery: Discovery; peer: string } {
  return { discovery: network.join({ peer, addresses: [`/ip4/10.0.0.1/tcp/1/p2p/${peer}`] }), peer }
}

testDiscovery('in memory', 5, {
  start: async (members) => {
    const network = new MemoryNetwork()
    return Array.from({ length: members }, (_, i) => join(network, `peer${i}`))
  },
  stop: async () => {},
})

test('a member that only provides is renewed as long as it has not left', async () => {
  const clock = { time: 0, now: () => clock.time }
  const network = new MemoryNetwork(clock, seededRandom(1))
  const [a, b] = [join(network, 'a'), join(network, 'b')]
  await a.discovery.advertise([key(1)])
  for (clock.time = 0; clock.time < 3 * PROVIDER_TTL_MS; clock.time += RENEW_MS) {
    assert.equal(who(await b.discovery.find([key(1)])), [['a']])
  }
  await a.discovery.close()
  assert.equal(who(await b.discovery.find([key(1)])), [[]])
})

test.run()

/** Properties of max-min fair shares, on random networks. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Random } from '../../../protocols/ports.ts'
import { FairShare, FLOW_LINKS, NO_LINK } from '../../../simulations/network/fair.ts'
import { integer, withSeeds } from '../../support/seeds.ts'

const SLACK = 1e-6

interface Net {
  readonly capacity: Float64Array
  readonly links: Int32Array
  readonly flows: number
}

function randomNet(random: Random): Net {
  const linkCount = integer(random, 1, 30)
  const flows = integer(random, 1, 80)
  const capacity = Float64Array.from({ length: linkCount }, () => integer(random, 1, 1000))
  const links = new Int32Array(flows * FLOW_LINKS).fill(NO_LINK)
  for (let flow = 0; flow < flows; flow++) {
    const passed = new Set(
      Array.from({ length: integer(random, 1, FLOW_LINKS) }, () => integer(random, 0, linkCount - 1)),
    )
    // Which of a flow's places are used must not matter.
    const first = integer(random, 0, FLOW_LINKS - passed.size)
    let i = flow * FLOW_LINKS + first
    for (const link of passed) links[i++] = link
  }
  return { capacity, links, flows }
}

function shared({ capacity, links, flows }: Net): Float64Array {
  const rates = new Float64Array(flows)
  new FairShare(capacity).share(links, flows, rates)
  return rates
}

function linksOf({ links }: Net, flow: number): number[] {
  return Array.from(links.subarray(flow * FLOW_LINKS, (flow + 1) * FLOW_LINKS)).filter((link) => link !== NO_LINK)
}

function used(net: Net, rates: Float64Array, link: number): number {
  return rates.reduce((sum, rate, flow) => sum + (linksOf(net, flow).includes(link) ? rate : 0), 0)
}

test('no link carries more than it can', () => {
  withSeeds(100, (random) => {
    const net = randomNet(random)
    const rates = shared(net)
    for (const [link, capacity] of net.capacity.entries()) {
      assert.ok(used(net, rates, link) <= capacity * (1 + SLACK), `link ${link}`)
    }
  })
})

test('every flow has a bottleneck: a full link on which nobody has more', () => {
  withSeeds(100, (random) => {
    const net = randomNet(random)
    const rates = shared(net)
    for (let flow = 0; flow < net.flows; flow++) {
      const bottleneck = linksOf(net, flow).some((link) => {
        const full = used(net, rates, link) >= net.capacity[link]! * (1 - SLACK)
        return (
          full &&
          rates.every((rate, other) => rate <= rates[flow]! * (1 + SLACK) || !linksOf(net, other).includes(link))
        )
      })
      assert.ok(bottleneck, `flow ${flow} with ${rates[flow]}`)
    }
  })
})

test('the order of flows does not matter', () => {
  withSeeds(50, (random) => {
    const net = randomNet(random)
    const rates = shared(net)
    const order = Array.from({ length: net.flows }, (_, i) => i).sort(() => random() - 0.5)
    const links = new Int32Array(net.links.length)
    order.forEach((flow, at) => {
      links.set(net.links.subarray(flow * FLOW_LINKS, (flow + 1) * FLOW_LINKS), at * FLOW_LINKS)
    })
    const others = shared({ ...net, links })
    for (const [at, flow] of order.entries()) {
      assert.ok(Math.abs(others[at]! - rates[flow]!) <= SLACK * rates[flow]!, `flow ${flow}`)
    }
  })
})

test('a known case: one flow takes what two on a narrow link leave it', () => {
  // Links of 10 and 4; flows over the first, over both, over the second.
  const links = Int32Array.of(0, NO_LINK, NO_LINK, NO_LINK, 0, 1, NO_LINK, NO_LINK, 1, NO_LINK, NO_LINK, NO_LINK)
  assert.equal([...shared({ capacity: Float64Array.of(10, 4), links, flows: 3 })], [8, 2, 2])
})

test('a link that is no bottleneck limits nobody', () => {
  const links = Int32Array.of(0, 1, NO_LINK, NO_LINK)
  assert.equal([...shared({ capacity: Float64Array.of(Number.POSITIVE_INFINITY, 4), links, flows: 1 })], [4])
})

test('arrays are used again for more flows and fewer', () => {
  withSeeds(20, (random) => {
    const net = randomNet(random)
    const fair = new FairShare(net.capacity)
    for (const flows of [net.flows, 1, Math.ceil(net.flows / 2), net.flows]) {
      const rates = new Float64Array(flows)
      fair.share(net.links, flows, rates)
      assert.equal([...rates], [...shared({ ...net, flows })])
    }
  })
})

test.run()

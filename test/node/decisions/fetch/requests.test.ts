import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Demand } from '../../../../node/decisions/fetch/demand.ts'
import { requestsFor } from '../../../../node/decisions/fetch/requests.ts'
import { integer, withSeeds } from '../../../support/seeds.ts'
import { randomItems } from './helpers.ts'

test('they have each wanted item once, and are what whoever wants these asks for, piece by piece in any order', () =>
  withSeeds(200, (random) => {
    const items = randomItems(random)
    const share = random()
    const wanted = new Set([...items.lengths.keys()].filter(() => random() < share))
    const requests = [...requestsFor(items, (item) => wanted.has(item))]
    assert.equal(
      requests.flat().sort((a, b) => a - b),
      [...wanted].sort((a, b) => a - b),
    )
    const demand = new Demand(items)
    for (const item of wanted) demand.want(item)
    const any = (): boolean => true
    const asked = new Set<string>()
    while (demand.openCount > 0) {
      const taken = demand.take(demand.openPiece(integer(random, 0, demand.openCount - 1)), any, any)
      for (const item of taken) demand.done(item)
      asked.add(taken.join())
    }
    assert.equal(asked, new Set(requests.map((items) => items.join())))
  }))

test.run()

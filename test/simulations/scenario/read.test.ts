/** What a scenario may say, and how what is wrong is named. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { HotblockError } from '../../../protocols/errors.ts'
import { checkScenario, readScenario } from '../../../simulations/scenario/read.ts'
import { scenarioSchemaText } from '../../support/scenario-schema.ts'
import { ROOT } from '../../support/sources.ts'

const LEAST = { name: 'x', image: { size: '1 GB' }, groups: [{ name: 'node', nodes: 10 }] }

function problemOf(value: unknown): string {
  try {
    checkScenario(value, 'x.json')
  } catch (error) {
    assert.ok(error instanceof HotblockError)
    assert.is(error.code, 'BAD_SCENARIO')
    return error.message
  }
  return 'nothing is wrong'
}

test('the least that a scenario says; the rest has defaults', () => {
  const scenario = checkScenario(LEAST, 'x')
  assert.is(scenario.image.size, 1e9)
  assert.is(scenario.network.up, 125e6)
  assert.is(scenario.seed, 1)
  assert.is(scenario.strategies.length, 7)
  assert.equal(scenario.arrival, { kind: 'together' })
})

test('sizes and rates are numbers or text', () => {
  const { image, network } = checkScenario(
    { ...LEAST, image: { size: 5_000_000, block: '64 KiB' }, network: { up: '300 MB/s', down: 1_000_000 } },
    'x',
  )
  assert.is(image.size, 5_000_000)
  assert.is(image.block, 65_536)
  assert.is(network.up, 300e6)
  assert.is(network.down, 1_000_000)
})

test('what is wrong is named with its path', () => {
  const group = { name: 'node', nodes: 10 }
  for (const [changed, problem] of [
    [{ image: { size: '1 XB' } }, 'image.size: "1 XB" is no size'],
    [{ image: { size: 5.5 } }, 'image.size: 5.5 is no size'],
    [{ image: { size: '0' } }, 'image.size: "0" is not between'],
    [{ image: {} }, 'image.size: is missing'],
    [{ image: { size: '1 GB', table: 'a.table' } }, 'image.size: the table says'],
    [{ network: { up: '3 furlongs' } }, 'network.up: "3 furlongs" is no rate'],
    [{ network: { uplink: '1 Gbit', oversubscription: 4 } }, 'network.uplink: follows from oversubscription'],
    [{ groups: [] }, 'groups: '],
    [{ groups: [{ ...group, hot: 1.5 }] }, 'groups[0].hot: '],
    [{ groups: [{ ...group, nodes: 0 }] }, 'groups[0].nodes: '],
    [{ groups: [group, group] }, 'groups[1].name: node is there twice'],
    [{ groups: [{ ...group, hot: 0.5, has: ['a'] }] }, 'groups[0].hot: the tables say'],
    [{ groups: [{ ...group, uplink: '1 Gbit' }] }, 'groups[0].uplink: is that of own racks'],
    [{ groups: [{ ...group, complete: true }] }, 'groups: nobody is to get the image'],
    [{ groups: [{ ...group, color: 'red' }] }, 'groups[0].color is no setting'],
    [{ speed: 1 }, 'speed is no setting'],
    [{ 'a\x1b[2J': 1 }, 'is no setting'],
    [{ title: 'a\x1b[2J' }, 'title: has a control character'],
    [{ strategies: ['http', 'http'] }, 'strategies[1]: http is there twice'],
    [{ strategies: ['torrent'] }, 'strategies[0]: '],
    [{ arrival: { kind: 'sometimes' } }, 'arrival.kind'],
    [{ arrival: { kind: 'waves', waves: [{ atSeconds: -1, share: 1 }] } }, 'arrival.waves[0].atSeconds: '],
    [{ faults: [{ kind: 'wrong' }] }, 'faults[0]: say which nodes'],
    [{ faults: [{ kind: 'wrong', part: 0.1, nodes: 3 }] }, 'faults[0]: say which nodes'],
    [{ faults: [{ kind: 'wrong', part: 0.1, group: 'far' }] }, 'faults[0].group: there is no group far'],
    [
      { faults: [{ kind: 'partition', part: 0.1, fromSeconds: 5, untilSeconds: 5 }] },
      'faults[0].untilSeconds: has to be later',
    ],
    [{ load: [{ part: 1 }] }, 'load[0].part: '],
    [{ seed: -1 }, 'seed: '],
    [{ grain: 0.5 }, 'grain: '],
  ] as const) {
    const message = problemOf({ ...LEAST, ...changed })
    assert.ok(message.startsWith('x.json: ') && message.includes(problem), `${message}\n  lacks: ${problem}`)
    assert.not(/\p{Cc}/u.test(message), message)
  }
})

test('a text that is no JSON, and a value that is no object', () => {
  assert.throws(() => readScenario('{', 'x.json'), /x\.json: is no JSON/)
  for (const value of [null, 1, [], 'x']) assert.match(problemOf(value), /^x\.json: /)
})

test('of many problems the first are named and the others counted', () => {
  const groups = Array.from({ length: 9 }, (_, i) => ({ name: `g${i}`, nodes: 0 }))
  assert.match(problemOf({ ...LEAST, groups }), /groups\[4\].nodes.*; and 4 more$/)
})

test('the published schema is that of the program', () => {
  const published = readFileSync(join(ROOT, 'simulations/scenarios/scenario.schema.json'), 'utf8')
  const print = 'print the right one with: node test/support/scenario-schema.ts'
  assert.ok(JSON.stringify(JSON.parse(published)) === JSON.stringify(JSON.parse(scenarioSchemaText())), print)
})

test.run()

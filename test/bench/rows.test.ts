/** The pure parts of the comparison, and that it counts what processes cost. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { makeStyle } from '../../node/cli/format.ts'
import { printChecks, printRows, toJson } from './print.ts'
import { alternately, type Check, isMet, type Row, ratioCheck, spreadOf } from './rows.ts'
import { program } from './tools/programs.ts'
import { costOf, type Sample } from './tree.ts'

const plain = makeStyle(false)

function runsOf(...walls: number[]): Sample[] {
  return walls.map((wall) => ({ wall, cpu: 1, rss: 1024 }))
}

const ROWS: readonly Row[] = [
  { work: 'delta', tool: 'hotblock', runs: runsOf(1, 2, 3) },
  { work: 'delta', tool: 'rsync', runs: runsOf(10, 10, 10) },
]

test('a spread has the mean of the two in the middle as its median', () => {
  assert.equal(spreadOf([3, 1, 2]), { min: 1, median: 2, max: 3 })
  assert.equal(spreadOf([4, 1, 3, 2]), { min: 1, median: 2.5, max: 4 })
})

test('a ratio is of two tools in the same round, and judged by its median', () => {
  const [check] = ratioCheck(ROWS, 'hotblock', 'rsync', 0.2)
  assert.equal(check!.values, [0.1, 0.2, 0.3])
  assert.ok(isMet(check!))
  assert.not.ok(isMet({ ...check!, limit: 0.19 }))
  assert.not.ok(isMet({ ...check!, bound: 'least', limit: 0.21 }))
  assert.equal(ratioCheck(ROWS, 'hotblock', 'casync', 0.2), [], 'no ratio to a tool that is not there')
})

test('tools do the work in turn, and another one begins each round', async () => {
  const order: string[] = []
  const contender = (name: string) => {
    const once = async (): Promise<Sample> => {
      order.push(name)
      return runsOf(order.length)[0]!
    }
    return [name, once] as const
  }
  const rows = await alternately('work', 2, [contender('a'), contender('b')], () => {})
  assert.equal(order, ['a', 'b', 'b', 'a'])
  assert.equal(
    rows.map(({ tool, runs }) => [tool, runs.map(({ wall }) => wall)]),
    [
      ['a', [1, 4]],
      ['b', [2, 3]],
    ],
  )
})

test('tables and JSON say what was measured and whether it is enough', () => {
  const check: Check = { what: 'moved', values: [110, 100], unit: 'MB', limit: 108, bound: 'most' }
  const text = printChecks([check], plain)
  for (const part of ['moved', '105 MB', '110 MB', '≤ 108 MB', 'met']) assert.match(text, part)
  assert.match(printRows(ROWS, plain), /delta +rsync +3 +10\.00 s/)
  const { checks, rows, quick } = JSON.parse(toJson([{ rows: ROWS, checks: [check] }], { quick: true }))
  assert.is(quick, true)
  assert.is(rows.length, 2)
  assert.is(checks[0].met, true)
  assert.is(checks[0].median, 105)
})

test('the cost of a process that ended is counted with that of its children', async () => {
  const busy = 'const end = Date.now() + 400; while (Date.now() < end);'
  const both = `require('node:child_process').execFileSync(process.execPath, ['-e', ${JSON.stringify(busy)}]); ${busy}`
  const { sample } = await costOf([], () => program(process.execPath, ['-e', both]))
  assert.ok(sample.wall >= 0.8, `${sample.wall} s`)
  assert.ok(sample.cpu >= 0.4, `${sample.cpu} s of processor`)
  assert.ok(sample.rss > 10 * 1024 * 1024, `${sample.rss} bytes`)
})

test.run()

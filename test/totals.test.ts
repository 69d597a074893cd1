import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ROOT } from './support/sources.ts'
import { readTotals } from './support/totals.ts'

const TOTALS = (total: number, passed: number, skipped: number) =>
  `  Total:     ${total}\n  Passed:    ${passed}\n  Skipped:   ${skipped}\n  Duration:  1.00ms\n`

test('the last totals count, colours or not', () => {
  assert.equal(readTotals(`x\n${TOTALS(5, 4, 0)}`), { passed: 4, failed: 1, skipped: 0 })
  assert.equal(readTotals(`${TOTALS(1, 1, 0)}more\n${TOTALS(3, 3, 2)}`), { passed: 3, failed: 0, skipped: 2 })
  assert.equal(readTotals(TOTALS(2, 2, 0).replace('2', '\x1b[32m2\x1b[39m')), { passed: 2, failed: 0, skipped: 0 })
  assert.is(readTotals(''), undefined)
  assert.is(readTotals('Total: 1\nPassed: 1'), undefined)
})

test('a run that matches nothing is a failure, and says so in its last line', () => {
  const { status, stdout } = spawnSync(process.execPath, [join(ROOT, 'test', 'run.ts'), 'no/such/test'], {
    encoding: 'utf8',
  })
  assert.is(status, 1)
  assert.is(stdout.trimEnd().split('\n').at(-1), '0 passed, 1 failed')
})

test.run()

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readTrace, TraceProblem } from '../../../simulations/scenario/swf.ts'

const JOB = '1 10 5 100 16 -1 -1 16 3600 -1 1 3 1 7 2 1 -1 -1'

test('a job begins when it was submitted and has waited', () => {
  const { jobs, leftOut } = readTrace(JOB)
  assert.is(leftOut, 0)
  assert.equal(jobs, [{ number: 1, startsAtSeconds: 15, runSeconds: 100, processors: 16, executable: 7, queue: 2 }])
})

test('headers, comments, empty lines, Windows line ends and a byte order mark', () => {
  const text = `\ufeff; Version: 2.2\r\n;MaxNodes:  128 \r\n; just a word\r\n;\r\n\r\n  ${JOB}  \r\n`
  const { jobs, headers } = readTrace(text)
  assert.is(jobs.length, 1)
  assert.equal(
    [...headers],
    [
      ['Version', '2.2'],
      ['MaxNodes', '128'],
    ],
  )
})

test('what is not known is -1: an unknown wait is none, unknown processors are those that were asked for', () => {
  const [job] = readTrace('1 10 -1 100 -1 -1 -1 32 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1').jobs
  assert.is(job!.startsAtSeconds, 10)
  assert.is(job!.processors, 32)
  assert.is(job!.executable, -1)
})

test('jobs that never ran are left out, and counted', () => {
  const cancelled = '2 11 -1 -1 -1 -1 -1 16 3600 -1 5 3 1 7 2 1 -1 -1'
  const nowhere = '3 12 0 60 0 -1 -1 -1 3600 -1 1 3 1 7 2 1 -1 -1'
  const { jobs, leftOut } = readTrace([cancelled, JOB, nowhere].join('\n'))
  assert.is(jobs.length, 1)
  assert.is(leftOut, 2)
})

test('jobs come in the order of their beginning', () => {
  const late = '1 0 500 10 1 -1 -1 1 -1 -1 1 1 1 1 1 1 -1 -1'
  const early = '2 100 0 10 1 -1 -1 1 -1 -1 1 1 1 1 1 1 -1 -1'
  const alike = '3 90 10 10 1 -1 -1 1 -1 -1 1 1 1 1 1 1 -1 -1'
  assert.equal(
    readTrace([late, early, alike].join('\n')).jobs.map(({ number }) => number),
    [2, 3, 1],
  )
})

test('fields that a log lacks at the end are not known; fractions and exponents are numbers', () => {
  const [job] = readTrace('1 10.5 2 1e2 4').jobs
  assert.is(job!.startsAtSeconds, 12.5)
  assert.is(job!.runSeconds, 100)
  assert.is(job!.queue, -1)
})

test('a line that is no job is named', () => {
  for (const [text, problem] of [
    ['1 2 3', 'line 1: 3 fields'],
    [`${JOB}\n${JOB} 19`, 'line 2: 19 fields'],
    [`;\n${JOB.replace('100', 'abc')}`, 'line 2: "abc" is no number'],
    [JOB.replace('100', '1_0'), 'is no number'],
    [JOB.replace('100', 'NaN'), 'is no number'],
    [JOB.replace('100', '0x10'), 'is no number'],
  ] as const) {
    assert.throws(
      () => readTrace(text),
      (error: unknown) => error instanceof TraceProblem && error.message.includes(problem),
      text,
    )
  }
})

test('an empty trace has no jobs', () => {
  assert.equal(readTrace('').jobs, [])
})

test.run()

import { execFileSync } from 'node:child_process'
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  failuresOf,
  noteFailure,
  SPOOL_BYTES_MAX,
  SPOOL_FILES_MAX,
  takeFailures,
} from '../../../node/hooks/core/spool.ts'
import { integer, withSeeds } from '../../support/seeds.ts'
import { withDirectory } from '../../support/temporary.ts'

const FAILURE = { moment: 'node', scheduler: 'slurm', code: 'TIMEOUT' } as const

test('what hooks of several users note is taken once', () =>
  withDirectory(async (spool) => {
    for (const uid of [0, 0, 64_030]) noteFailure(spool, uid, FAILURE)
    assert.equal(await takeFailures(spool, 1), [FAILURE, FAILURE, FAILURE])
    assert.equal(await takeFailures(spool, 2), [])
    assert.equal(await readdir(spool), [])
  }))

test('what a daemon that was killed had taken is counted by the next', () =>
  withDirectory(async (spool) => {
    await writeFile(join(spool, 'taken-0-17.log'), 'submit pbs USAGE\n')
    noteFailure(spool, 0, FAILURE)
    assert.is((await takeFailures(spool, 18)).length, 2)
  }))

test('a spool takes so much, until it is read', () =>
  withDirectory(async (spool) => {
    await writeFile(join(spool, 'failures-0.log'), 'node slurm TIMEOUT\n'.repeat(SPOOL_BYTES_MAX / 19))
    noteFailure(spool, 0, FAILURE)
    assert.throws(() => noteFailure(spool, 0, FAILURE), /full/)
    assert.is((await takeFailures(spool, 1)).length, Math.floor(SPOOL_BYTES_MAX / 19) + 1)
    noteFailure(spool, 0, FAILURE)
  }))

test('what is no file of a hook is neither read nor followed, and there is an end to it', () =>
  withDirectory(async (spool) => {
    const secret = join(spool, 'secret')
    await writeFile(secret, 'node slurm TIMEOUT\n')
    await symlink(secret, join(spool, 'failures-1.log'))
    await mkdir(join(spool, 'failures-2.log'))
    execFileSync('mkfifo', [join(spool, 'failures-3.log')])
    await writeFile(join(spool, 'failures-x.log'), 'node slurm TIMEOUT\n')
    await writeFile(join(spool, 'failures-4.log'), Buffer.alloc(3_000_000, 'node slurm TIMEOUT\n'))
    const taken = await takeFailures(spool, 1)
    assert.ok(taken.length > 1000 && taken.length < 4000)
    for (let i = 10; i < 10 + 2 * SPOOL_FILES_MAX; i++) noteFailure(spool, i, FAILURE)
    assert.ok((await takeFailures(spool, 2)).length <= SPOOL_FILES_MAX)
    assert.equal(await takeFailures(join(spool, 'absent'), 3), [])
  }))

test('of a spool only lines of hooks count, with codes and moments that there are', () => {
  const text =
    'node slurm TIMEOUT\nnode slurm NOPE\nnever slurm TIMEOUT\nnode $(id) TIMEOUT\n\nnode slurm TIMEOUT x\nsubmit lsf USAGE'
  assert.equal(failuresOf(text), [FAILURE, { moment: 'submit', scheduler: 'lsf', code: 'USAGE' }])
  withSeeds(200, (random) => {
    const bytes = Buffer.from(Array.from({ length: integer(random, 0, 300) }, () => integer(random, 0, 255)))
    for (const { code } of failuresOf(bytes.toString('latin1'))) assert.match(code, /^[A-Z_]+$/)
  })
})

test.run()
